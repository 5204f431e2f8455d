//! Who calls: what a request shows (a bearer token, a client certificate) becomes a [`Caller`].

use std::sync::Arc;

use super::caller::{Caller, Identity, Who};
use super::certificate::ClientCertificate;
use super::scope::Scopes;
use super::settings::{AccessSettings, SmartSettings};
use super::token::claims::of_settings;
use super::token::{Refusal, Tokens};
use crate::clock::Clock;
use crate::hsa::in_capitals;

/// The issuer of those who show a certificate and no token.
const BY_CERTIFICATE: &str = "urn:fastkontakt:client-certificate";

/// Tells who calls, by the settings.
pub struct Authenticator {
    tokens: Tokens,
    /// The programs that are known by their certificate, by HSA-id.
    systems: Vec<(String, Arc<Identity>)>,
    clock: Clock,
    /// What is told of the authorization server.
    pub smart: Option<SmartSettings>,
}

impl Authenticator {
    /// Fails on settings that cannot be used, told to the operator.
    pub fn new(settings: &AccessSettings, clock: Clock, pseudonym_key: &[u8]) -> Result<Authenticator, String> {
        let systems = settings.systems.iter().filter_map(|system| {
            let id = in_capitals(system.hsa_id.as_deref()?);
            let scopes = Scopes::read(system.scopes.as_deref()?);
            let identity = Identity {
                issuer: BY_CERTIFICATE.to_owned(),
                subject: id.clone(),
                client: system.client.clone(),
                who: Who::System(of_settings(system)),
                scopes,
                purpose: None,
                granskar_allt: false,
            };
            Some((id, Arc::new(identity)))
        });
        Ok(Authenticator {
            systems: systems.collect(),
            tokens: Tokens::new(settings, clock, pseudonym_key)?,
            clock,
            smart: settings.smart.clone(),
        })
    }

    /// The verifier of tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Who calls. A token outranks the certificate: it says for whom the program calls. Whoever shows nothing that tells who
    /// it is, is [`Caller::Anonymous`].
    pub async fn caller(
        &self,
        token: Option<&str>,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Caller, Refusal> {
        let certificate = certificate.filter(|it| it.holds_at(self.clock.now()));
        if let Some(token) = token {
            let digest = certificate.map(|it| &it.digest);
            return self.tokens.verify(token, digest).await.map(Caller::Known);
        }
        let id = certificate.and_then(|it| it.hsa_id.as_ref());
        let system = id.and_then(|id| self.systems.iter().find(|(known, _)| known == id));
        Ok(system.map_or(Caller::Anonymous, |(_, identity)| Caller::Known(identity.clone())))
    }
}
