//! Links that hold a search without showing it. A search sent by POST may carry a personal number; its `self` and `next`
//! links must be addresses to GET, and an address ends up in logs and browser histories (national.md). So the search
//! stands in them encrypted (XChaCha20-Poly1305), under a key that is kept in the database: every server on it can read
//! every server's links.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::store::{Store, StoreError};

/// The parameter that holds a sealed search, and nothing else stands beside it.
pub const PARAMETER: &str = "_sealed";

/// The parameter that holds where a page begins.
pub const PAGE: &str = "_page";

const NONCE_BYTES: usize = 24;

/// Seals and opens searches.
#[derive(Clone)]
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// The sealer of this database; the first server makes the key.
    pub async fn of(store: &Store) -> Result<Sealer, StoreError> {
        let key = store.secret("search-link-key").await?;
        let unusable = |_| StoreError::Corrupt("the key for search links cannot be read".to_owned());
        XChaCha20Poly1305::new_from_slice(&key).map(Sealer).map_err(unusable)
    }

    /// The pairs of a search as one opaque text.
    pub fn seal(&self, pairs: &[(String, String)]) -> Option<String> {
        let plain = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        let nonce = XNonce::generate();
        let mut sealed = nonce.to_vec();
        sealed.extend(self.0.encrypt(&nonce, plain.as_bytes()).ok()?);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// A search's page token as it stands in an address: where the page before ended may be a name.
    pub fn seal_page(&self, token: String) -> Option<String> {
        self.seal(&[(PAGE.to_owned(), token)])
    }

    /// The page token again; `None` when the text is not ours.
    pub fn open_page(&self, sealed: &str) -> Option<String> {
        match <[_; 1]>::try_from(self.open(sealed)?) {
            Ok([(name, token)]) if name == PAGE => Some(token),
            _ => None,
        }
    }

    /// The pairs again; `None` when the text is not ours.
    pub fn open(&self, sealed: &str) -> Option<Vec<(String, String)>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let plain = self.0.decrypt(&nonce, sealed).ok()?;
        Some(form_urlencoded::parse(&plain).into_owned().collect())
    }
}
