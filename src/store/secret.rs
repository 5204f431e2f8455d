//! Secrets of the service that are kept with its data: every server on one database has the same.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Party, Store, StoreError};

const BYTES: usize = 32;

impl Store {
    /// The secret of that name; the first server makes it.
    pub async fn secret(&self, name: &'static str) -> Result<[u8; BYTES], StoreError> {
        let unusable = |what| StoreError::Corrupt(format!("the secret {name} cannot be {what}"));
        let mut fresh = [0; BYTES];
        rand::fill(&mut fresh).map_err(|_| unusable("made"))?;
        let text = self
            .write(Party::Service, move |session| {
                if let Some(text) = session.meta(name)? {
                    return Ok::<String, StoreError>(text);
                }
                let text = URL_SAFE_NO_PAD.encode(fresh);
                session.set_meta(name, &text)?;
                Ok(text)
            })
            .await?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| unusable("read"))?;
        bytes.try_into().map_err(|_| unusable("read"))
    }
}
