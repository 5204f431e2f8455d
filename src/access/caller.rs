//! Who calls, as a token or a certificate has told it. What the caller may do is decided in [`super`].

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::scope::Scopes;
use crate::store::Party;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Open mode: everyone who reaches the loopback address.
    Open,
    /// The service itself, e.g. when `demo` loads its people.
    Service,
    /// Nobody has said who calls: only what is open to everybody is answered, the rest is 401.
    Anonymous,
    /// One whose token, and certificate where that is demanded, has been verified.
    Known(Arc<Identity>),
}

/// A verified caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The authorization server that vouches for the caller (`iss`).
    pub issuer: String,
    /// The issuer's name for the caller (`sub`); tells nobody who it is.
    pub subject: String,
    /// The program that calls (`client_id`, `azp`).
    pub client: Option<String>,
    pub who: Who,
    pub scopes: Scopes,
    /// Purpose of use (v3 PurposeOfUse) that the token states; `TREAT` for care.
    pub purpose: Option<String>,
    /// The operator trusts the program with the access log of all vårdgivare (`reviewers` of the issuer).
    pub granskar_allt: bool,
}

/// In what capacity somebody calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A patient (PDL 5:5), or one who acts for a patient.
    Patient(Patientanvandare),
    /// One who works in care, on behalf of a unit.
    Medarbetare(Medarbetare),
    /// A program without a person behind it (SMART Backend Services).
    System(Systemanvandare),
}

/// A patient, or one who acts for a patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patientanvandare {
    /// The id of the Patient whose record is asked for (the token's `patient`).
    pub patient: String,
    /// Who acts for the patient, as a reference (`fhirUser` RelatedPerson/…): a guardian or a proxy. None: the patient herself.
    pub ombud: Option<String>,
}

/// One who works in care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medarbetare {
    /// HSA-id of the person.
    pub hsa_id: String,
    /// HSA-id of the vårdenhet on whose behalf the person acts (the medarbetaruppdrag).
    pub vardenhet: String,
    /// HSA-id of the unit's vårdgivare.
    pub vardgivare: String,
    /// The licensed profession, as the token names it.
    pub profession: Option<String>,
    /// The medarbetaruppdrag: its name or HSA-id.
    pub uppdrag: Option<String>,
    /// The person as FHIR resource (`fhirUser`), when told.
    pub fhir_user: Option<String>,
    /// The Patient that the token was made for (launch context): the patient relation is asserted for this one.
    pub patient: Option<String>,
}

/// A program that calls by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Systemanvandare {
    /// HSA-id of the system (or function certificate), when told.
    pub hsa_id: Option<String>,
    /// HSA-id of the vårdenhet that it acts for; none: all units of the vårdgivare.
    pub vardenhet: Option<String>,
    /// HSA-id of the vårdgivare that it acts for.
    pub vardgivare: String,
    /// The operator has named it as one that writes the catalogue of all vårdgivare.
    pub katalog: bool,
}

impl Caller {
    /// What stands in the history and the log as the one who acted: never a personal number.
    pub fn name(&self) -> &str {
        match self {
            Caller::Open => "open",
            Caller::Service => "service",
            Caller::Anonymous => "anonymous",
            Caller::Known(identity) => identity.name(),
        }
    }

    /// Whose share of the service it uses; who is not known is told by the address that the request came from.
    pub fn party(&self, peer: Option<IpAddr>) -> Party {
        match (self, peer) {
            (Caller::Known(identity), _) => identity.party(),
            (Caller::Service, _) => Party::Service,
            (_, Some(IpAddr::V6(address))) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Party::Address(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            (_, Some(address)) => Party::Address(address),
            (_, None) => Party::Unknown,
        }
    }
}

impl Identity {
    /// The issuer's name for the program that acts by itself, or for the person.
    fn party(&self) -> Party {
        let name = match (&self.who, &self.client) {
            (Who::System(_), Some(client)) => client,
            _ => &self.subject,
        };
        Party::Known(self.issuer.clone(), name.clone())
    }

    fn name(&self) -> &str {
        match &self.who {
            Who::Patient(_) => &self.subject,
            Who::Medarbetare(medarbetare) => &medarbetare.hsa_id,
            Who::System(system) => system.hsa_id.as_deref().unwrap_or(&self.subject),
        }
    }
}
