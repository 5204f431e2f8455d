//! What a write is refused for before the rules judge it: it is not the caller's to write, speaks for others, puts itself in
//! others' place, or carries a personal number into addresses and logs.

use jiff::civil::Date;

use super::Order;
use super::atkomst::keeping;
use super::content::Body;
use super::logg::note_denied;
use super::problem::Problem;
use super::upphov;
use super::write::{Staged, Transaction};
use crate::access::beslut::far_ligga_under;
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::types::ResourceType;
use crate::riktlinje::identity::is_personal_number;
use crate::riktlinje::{ovanfor, vardgivaren};
use crate::store::{Hallare, Keeping, Kept};

/// Units that the consents and blocks of one patient name, in force or later.
const MOST_UNITS_TOLD: usize = 500;

impl Transaction<'_, '_> {
    /// Refuses a write that the access decision denies; what is to be kept beside it.
    pub(super) fn may_write(&mut self, staged: &Staged<'_>) -> Result<Keeping, Problem> {
        let (kind, place) = (staged.order.kind(), |problem| staged.order.place(problem));
        let there = staged.current.as_ref().zip(staged.fore.as_ref());
        let Some(prepared) = staged.order.prepared() else {
            self.door
                .may_write(self.call, self.underlag.session, (there, None, None), kind)
                .map_err(place)?;
            return Ok(Keeping::default());
        };
        let Body {
            resource,
            index,
            patient,
            ..
        } = &prepared.body;
        let what = (kind, resource, index.as_slice());
        let before = (&*prepared.fact, staged.fore.clone());
        let keeping = keeping(&self.call.caller, &mut self.underlag, what, before)?;
        let was = || staged.fore.as_ref().map(|kept| kept.hallare.clone());
        let hallare = keeping.hallare.clone().or_else(was).unwrap_or_default();
        self.underlag.remember_hallare(kind, &prepared.id, hallare);
        let what = (there, Some((resource, &keeping)), patient.as_deref());
        self.door
            .may_write(self.call, self.underlag.session, what, kind)
            .map_err(place)?;
        if kind == ResourceType::Consent && !keeping.ratter.is_empty() {
            self.refuse_too_many(staged, &keeping).map_err(place)?;
        }
        Ok(keeping)
    }

    /// Refuses a consent or a block when the patient's name more units than can be asked each time that something of hers is
    /// read. What has ended does not count.
    fn refuse_too_many(&mut self, staged: &Staged<'_>, keeping: &Keeping) -> Result<(), Problem> {
        let (Some(patient), nu) = (staged.order.patient(), self.door.nu()) else {
            return Ok(());
        };
        let order = (staged.order.kind(), staged.order.id());
        let others = self.underlag.session.sagda_utom(&patient, order, nu)?;
        let own = keeping.ratter.iter().filter(|ratt| ratt.high > nu).count();
        if own == 0 || usize::try_from(others).unwrap_or(usize::MAX).saturating_add(own) <= MOST_UNITS_TOLD {
            return Ok(());
        }
        let most = MOST_UNITS_TOLD;
        Err(Problem::fault(
            IssueCode::TooLong,
            "Consent",
            Text::new(
                format!(
                    "Patientens gällande samtycken och spärrar får tillsammans nämna högst {most} enheter. Avsluta sådana som inte behövs, eller nämn vårdgivaren i stället för varje enhet."
                ),
                format!(
                    "The patient's consents and blocks in force may name {most} units together at the most. End those that are not needed, or name the vårdgivare instead of each unit."
                ),
            ),
        ))
    }

    /// Refuses what can be told only when all of the transaction is known: another entry may hold what is named.
    pub(super) fn refuse_for_others(&mut self, staged: &Staged<'_>) -> Result<(), Problem> {
        let allowed = match staged.order.kind() {
            ResourceType::Organization => self.is_in_own_place(staged)?,
            ResourceType::Provenance => self.is_own_word(staged)?,
            _ => true,
        };
        if !allowed {
            // The id of a new resource is ours, and says nothing.
            let named = (!staged.order.is_create()).then(|| (staged.order.kind(), staged.order.id()));
            note_denied(self.call, named);
            return Err(Problem::Forbidden);
        }
        if staged.order.kind() == ResourceType::Organization && self.takes_others_along(staged)? {
            return Err(Problem::OthersWithin);
        }
        Ok(())
    }

    /// Whether others that lie within an Organization would come to lie with another vårdgivare, or with none, unknowingly: they
    /// are not written in this transaction. Who makes another's unit under an id that was one's own, or takes the place over that
    /// units of hers still name, would keep what is kept in them.
    fn takes_others_along(&mut self, staged: &Staged<'_>) -> Result<bool, Problem> {
        let Some(vard) = self.underlag.vard() else {
            return Ok(false);
        };
        let now = match staged.order.prepared() {
            Some(prepared) => vardgivaren(&prepared.fact, &mut self.underlag)?,
            None => None,
        };
        let before = match (&staged.before, &staged.fore) {
            (Some(before), _) => vardgivaren(before, &mut self.underlag)?,
            // What is deleted lies nowhere; it is told who kept it.
            (
                None,
                Some(Kept {
                    hallare: Hallare::Enhet(chain),
                    ..
                }),
            ) => chain.last().cloned(),
            // Who keeps everybody's catalogue writes it in any order.
            (None, None) if vard.katalog => return Ok(false),
            (None, _) => None,
        };
        if now == before && staged.order.prepared().is_some() {
            return Ok(false);
        }
        let within = self.underlag.session.organizations_within(staged.order.id())?;
        Ok(within
            .iter()
            .any(|id| !self.underlag.writes(ResourceType::Organization, id)))
    }

    /// Whether a Provenance tells of what the caller may read, and in no other's name; a name that nobody has is a fault.
    fn is_own_word(&mut self, staged: &Staged<'_>) -> Result<bool, Problem> {
        let (Some(prepared), Some(vard)) = (staged.order.prepared(), self.underlag.vard()) else {
            return Ok(true);
        };
        let told = &prepared.body.resource;
        if !upphov::tells_of_what_is_read(told, &mut self.underlag)?
            || !upphov::in_own_name(&self.call.caller, &vard, (told, &prepared.fact), &mut self.underlag)?
        {
            return Ok(false);
        }
        match upphov::first_untrue_name(told, &mut self.underlag)? {
            None => Ok(true),
            Some(path) => Err(Problem::fault(
                IssueCode::BusinessRule,
                prepared.paths.to_source(&format!("Provenance.{path}")),
                Text::new(
                    "Ett namn på den som gjort något ska vara det som katalogen har. Utelämna display, eller skriv namnet som det står där.",
                    "A name of one who did something must be the one that the catalogue has. Leave display out, or write the name as it stands there.",
                ),
            )),
        }
    }

    /// Whether an Organization lies where it lay, or below what is the caller's vårdgivare's: others keep records where they
    /// are led by what lies within what.
    fn is_in_own_place(&mut self, staged: &Staged<'_>) -> Result<bool, Problem> {
        let (Some(prepared), Some(vard)) = (staged.order.prepared(), self.underlag.vard()) else {
            return Ok(true);
        };
        let now = prepared.body.resource.get("partOf");
        if let Some(stored) = staged.current.as_ref().filter(|stored| !stored.deleted) {
            let before = stored.resource()?;
            if now == before.get("partOf") {
                return Ok(true);
            }
        }
        let above = ovanfor(&prepared.fact, &mut self.underlag)?;
        Ok(far_ligga_under(&vard, now.is_some(), &above))
    }
}

/// An id stands in every address and log that has to do with the resource: a new one is no personal number, nor that of the
/// patient whom it is filed on.
pub(super) fn refuse_personal_numbers(order: &Order, today: Date) -> Result<(), Problem> {
    let kind = order.kind();
    let fault = |expression: String| {
        Err(Problem::fault(
            IssueCode::BusinessRule,
            expression,
            Text::new(
                "Ett id får inte vara ett personnummer: det står i adresser och loggar. Lägg numret i identifier.",
                "An id must not be a personal number: it stands in addresses and logs. Put the number into identifier.",
            ),
        ))
    };
    match order.patient() {
        _ if is_personal_number(order.id(), today) => fault(format!("{kind}.id")),
        Some(patient) if is_personal_number(&patient, today) => fault(kind.to_string()),
        _ => Ok(()),
    }
}
