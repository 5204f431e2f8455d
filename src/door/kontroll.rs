//! The check of a patient's whole picture (`Patient/[id]/$riktlinjekontroll`), on one unchanging state of the database.

use std::collections::HashMap;

use fastkontakt_model::facts::Reference;

use super::logg::told;
use super::read::{Seen, live};
use super::underlag::OppenTransaktion;
use super::{Door, problem::Problem};
use crate::access::{Call, Right};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::identifiers::HSA_ID;
use crate::fhir::references::{local, relative};
use crate::fhir::types::ResourceType;
use crate::fhir::version::FhirVersion;
use crate::riktlinje::{Kontroll, Kontrollfynd, kontrollera};
use crate::store::{Session, Stored};

/// Whose whole picture is to be checked, and by the policy of which unit.
pub struct Kontrollfraga {
    pub patient: String,
    /// `Organization/[id]` (also under our own address) or an HSA-id; `None`: the policy follows from the patient.
    pub enhet: Option<String>,
    /// The version that expressions are told in.
    pub version: FhirVersion,
    pub own_bases: [String; 2],
}

impl Door {
    /// All findings about the patient's whole picture, errors first; expressions within the resource each is about.
    pub async fn kontrollera(&self, call: &Call, fraga: Kontrollfraga) -> Result<Kontroll, Problem> {
        self.permit_findings(call)?;
        let (door, call) = (self.clone(), call.clone());
        self.store
            .read_for(call.caller.party(None), move |session| {
                session.snapshot(|session| {
                    let kontroll = door.kontroll(&call, session, &fraga)?;
                    let patient = (ResourceType::Patient, fraga.patient.as_str());
                    call.disclosed
                        .note(told(session, told_of(&kontroll.fynd).chain([patient]))?);
                    Ok(kontroll)
                })
            })
            .await
    }

    fn kontroll(&self, call: &Call, session: &mut Session, fraga: &Kontrollfraga) -> Result<Kontroll, Problem> {
        let patient = session.current(ResourceType::Patient, &fraga.patient)?;
        live(self.seen(call, session, (Right::Read, patient, false))?)?;
        let enhet = match &fraga.enhet {
            Some(enhet) => Some(stored_unit(session, enhet, &fraga.own_bases)?),
            None => None,
        };
        // What the caller may not read is as if it was not there: a finding must not tell of it.
        let mut underlag = OppenTransaktion::new(session, &self.understood)
            .only_what_is_seen(call, self.nu())
            .give(self.judged_in);
        let today = self.clock.today();
        let kontroll = kontrollera(&fraga.patient, enhet.as_ref(), &self.policies, today, &mut underlag)?;
        // It is stored, but cannot be understood.
        let mut kontroll = kontroll.ok_or_else(|| Problem::Internal {
            reason: "a stored Patient could not be understood".to_owned(),
        })?;
        locate(session, fraga.version, &mut kontroll.fynd)?;
        Ok(kontroll)
    }
}

/// The resources that findings tell of.
pub(super) fn told_of(fynd: &[Kontrollfynd]) -> impl Iterator<Item = (ResourceType, &str)> {
    let resources = fynd.iter().filter_map(|fynd| fynd.resurs.as_ref());
    resources.map(|(kind, id)| (*kind, id.as_str()))
}

/// Turns the expressions into paths of the caller's version.
pub(super) fn locate(session: &mut Session, version: FhirVersion, fynd: &mut [Kontrollfynd]) -> Result<(), Problem> {
    if version == FhirVersion::R5 {
        return Ok(());
    }
    let mut seen: HashMap<(ResourceType, String), Option<Seen>> = HashMap::new();
    for fynd in fynd {
        let Some(resurs) = &fynd.resurs else { continue };
        if !seen.contains_key(resurs) {
            let stored = session.current(resurs.0, &resurs.1)?.filter(|stored| !stored.deleted);
            let told = stored.map(|stored| Seen::of(version, &stored)).transpose()?;
            seen.insert(resurs.clone(), told);
        }
        if let Some(Some(seen)) = seen.get(resurs) {
            fynd.expression = seen.path(&fynd.expression);
        }
    }
    Ok(())
}

/// The stored unit that the parameter names.
fn stored_unit(session: &mut Session, enhet: &str, own_bases: &[String]) -> Result<Reference, Problem> {
    // No text of FHIR has a NUL, and PostgreSQL cannot be asked for one.
    let enhet = Some(enhet)
        .filter(|text| !text.contains('\0'))
        .ok_or_else(unknown_unit)?;
    let named = match local(relative(enhet, own_bases)) {
        Some((ResourceType::Organization, id)) => session.current(ResourceType::Organization, id)?,
        Some(_) => None,
        None => with_hsa_id(session, enhet)?,
    };
    let stored = named.filter(|stored| !stored.deleted).ok_or_else(unknown_unit)?;
    Ok(Reference {
        reference: Some(format!("Organization/{}", stored.id)),
        ..Reference::default()
    })
}

fn with_hsa_id(session: &mut Session, hsa_id: &str) -> Result<Option<Stored>, Problem> {
    let found = session.with_identifier(ResourceType::Organization, &[HSA_ID], hsa_id)?;
    Ok(found.into_iter().next())
}

fn unknown_unit() -> Problem {
    Problem::fault(
        IssueCode::NotFound,
        "",
        Text::new(
            "Enheten finns inte här: enhet ska vara Organization/[id] eller HSA-id för en enhet som är registrerad.",
            "There is no such unit here: enhet must be Organization/[id] or the HSA-id of a unit that is registered.",
        ),
    )
}
