//! What a write is refused for before the rules judge it: it is not the caller's to write, speaks for others, puts itself in
//! others' place, or carries a personal number into addresses and logs.

use fastkontakt_model::Fact;
use jiff::civil::Date;
use serde_json::Value;

use super::atkomst::{cut, ratter, reaches};
use super::content::Body;
use super::hallare::keeping;
use super::katalog::{organisationens_hsa_id, takes_anothers_id};
use super::logg::note_denied;
use super::problem::Problem;
use super::upphov;
use super::write::{Staged, Transaction};
use super::{Door, Order};
use crate::access::beslut::{self, Lasare, Post, Skrivning};
use crate::access::medgivande::{medgivanden, racker};
use crate::access::{Call, Caller, Right, harledning, klipp};
use crate::fhir::fault::{IssueCode, Text};
use crate::fhir::types::ResourceType;
use crate::personnummer::is_personal_number;
use crate::riktlinje::Underlag;
use crate::riktlinje::patient::{ar_for_manga, barare, linked, nummer, var_en};
use crate::store::{Keeping, Kept, Session, Stored};

/// Units that the consents and blocks of one patient name, in force or later.
const MOST_UNITS_TOLD: usize = 500;

/// What a write is about.
struct Change<'w> {
    kind: ResourceType,
    /// What stands there, with what is kept beside it.
    before: Option<(&'w Stored, &'w Kept)>,
    /// What is to stand there, with what is to be kept beside it.
    after: Option<(&'w Value, &'w Keeping)>,
    /// Whose record that is to be.
    patient: Option<&'w str>,
}

impl Change<'_> {
    fn right(&self) -> Right {
        right_of(self.before.map(|(stored, _)| stored), self.after.is_none())
    }

    /// What stands there and is not deleted.
    fn living(&self) -> Option<(&Stored, &Kept)> {
        self.before.filter(|(stored, _)| !stored.deleted)
    }

    /// What is to be kept beside what is to stand there.
    fn efter(&self) -> Option<Kept> {
        let (_, keeping) = self.after?;
        let before = || self.before.map(|(_, fore)| fore.hallare.clone());
        Some(Kept {
            patient: self.patient.map(str::to_owned),
            hallare: keeping.hallare.clone().or_else(before).unwrap_or_default(),
            dold: keeping.dold,
            skyddad: keeping.skyddad,
            allman: keeping.allman,
            ..Kept::default()
        })
    }

    /// Whether what is the patient's own word, a Consent in her name or what she writes herself, would be hidden from her, or a part
    /// of it (PDL 5:5): she could not end it.
    fn hides_own_word(&self, lasare: &Lasare) -> bool {
        (self.kind == ResourceType::Consent || matches!(lasare, Lasare::Patient { .. }))
            && self
                .after
                .is_some_and(|(resource, keeping)| keeping.dold || klipp::interna_anteckningar(&mut resource.clone()))
    }

    /// The HSA-ids that an Organization is to carry and does not carry yet.
    fn nya_hsa_id(&self, before: Option<&Value>) -> Vec<String> {
        let mut nya = self
            .after
            .map_or_else(Vec::new, |(resource, _)| organisationens_hsa_id(resource));
        let known = before.map_or_else(Vec::new, organisationens_hsa_id);
        nya.retain(|id| !known.contains(id));
        nya
    }
}

impl Door {
    /// Refuses to touch what the caller may not know of, before anything is told of its version: who may not read it is not
    /// told that it is there. Nor is it written over when it is deleted.
    pub(super) fn may_touch(
        &self,
        call: &Call,
        session: &mut Session,
        (stored, kept): (&Stored, &Kept),
        right: Right,
    ) -> Result<(), Problem> {
        let Some(lasare) = Lasare::of(call) else { return Ok(()) };
        let post = Post {
            kind: stored.kind,
            kept,
            version: None,
        };
        let ratter = ratter(session, kept, self.nu())?;
        let decided = match beslut::far_lasa(&lasare, post, &ratter, self.nu()) {
            Err(_) => Err(Problem::NotFound),
            Ok(_) => match self.permit(call, right, stored.kind) {
                Ok(()) if !stored.deleted && !reaches(call, right, kept, stored)? => Err(Problem::Forbidden),
                permitted => permitted,
            },
        };
        if decided.is_err() {
            note_denied(call, Some((stored.kind, &stored.id)));
        }
        decided
    }

    /// Refuses a write that the access decision denies: of what stands there, which the caller may touch
    /// ([`Door::may_touch`]), and of what is to stand.
    fn decide_write(&self, call: &Call, session: &mut Session, change: &Change<'_>) -> Result<(), Problem> {
        let Some(lasare) = Lasare::of(call) else { return Ok(()) };
        let (kind, right, nu) = (change.kind, change.right(), self.nu());
        self.permit(call, right, kind)?;
        let (fore, efter) = (change.before.map(|(_, fore)| fore), change.efter());
        let ratter = match fore.or(efter.as_ref()) {
            Some(kept) => ratter(session, kept, nu)?,
            None => Vec::new(),
        };
        let mut gav = Vec::new();
        if let Some((stored, fore)) = change.living() {
            // Who is shown less than what is stored would take the rest away.
            if cut((&lasare, nu), fore, &ratter, stored.clone())?.body != stored.body {
                return Err(Problem::Forbidden);
            }
            if kind == ResourceType::Consent {
                gav = session.ratter_of(kind, &stored.id)?;
            }
        }
        if change.hides_own_word(&lasare) {
            return Err(Problem::Forbidden);
        }
        let before = change.living().map(|(stored, _)| stored.resource()).transpose()?;
        let after = change.after.map(|(resource, _)| resource);
        let mut nya_hsa_id = Vec::new();
        if let (Lasare::Vard(vard), Some(resource), ResourceType::Organization) = (&lasare, after, kind)
            && !vard.katalog
        {
            let id = change.before.map(|(stored, _)| stored.id.as_str());
            if takes_anothers_id(session, &vard.egna(), id, &organisationens_hsa_id(resource))? {
                return Err(Problem::Forbidden);
            }
            nya_hsa_id = change.nya_hsa_id(before.as_ref());
        }
        if let (Caller::Known(identity), Some((resource, keeping))) = (&call.caller, change.after) {
            let granted = medgivanden(identity, right, kind);
            if !granted
                .iter()
                .any(|granted| racker(granted, (kind, keeping.allman), change.patient, resource))
            {
                return Err(Problem::Forbidden);
            }
        }
        if let (Lasare::Patient { patient, .. }, Some(response), ResourceType::QuestionnaireResponse) =
            (&lasare, after, kind)
            && !upphov::answers_herself(session, response, patient)?
        {
            return Err(Problem::Forbidden);
        }
        let both = before.as_ref().zip(after);
        let ends = |(before, after)| harledning::bara_avslut(before, after, (nu, self.clock.today()));
        let skrivning = Skrivning {
            kind,
            fore,
            efter: efter.as_ref(),
            sparr: before
                .iter()
                .chain(after)
                .any(|resource| harledning::ar_sparr(kind, resource)),
            bara_innehall: both.is_some_and(|(before, after)| harledning::bara_innehall(before, after)),
            bara_avslut: kind == ResourceType::Consent && both.is_some_and(ends),
            gav: &gav,
            ger: change.after.map_or(&[], |(_, keeping)| keeping.ratter.as_slice()),
            nya_hsa_id: &nya_hsa_id,
            ratter: &ratter,
        };
        beslut::far_skriva(&lasare, skrivning, nu).map_err(|_| Problem::Forbidden)
    }
}

impl Transaction<'_, '_> {
    /// Refuses a write that the access decision denies; what is to be kept beside it.
    pub(super) fn may_write(&mut self, staged: &Staged<'_>) -> Result<Keeping, Problem> {
        let kind = staged.order.kind();
        let mut change = Change {
            kind,
            before: staged.current.as_ref().zip(staged.fore.as_ref()),
            after: None,
            patient: None,
        };
        let Some(prepared) = staged.order.prepared() else {
            self.decide(staged, &change)?;
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
        change.after = Some((resource, &keeping));
        change.patient = patient.as_deref();
        self.decide(staged, &change)?;
        if kind == ResourceType::Consent && !keeping.ratter.is_empty() && self.denied.is_none() {
            self.refuse_too_many(staged, &keeping)
                .map_err(|problem| staged.order.place(problem))?;
        }
        Ok(keeping)
    }

    /// Asks the access decision. While a reference may not mean whom it is taken to mean, a denial waits: who keeps what is
    /// written follows from what is referred to.
    fn decide(&mut self, staged: &Staged<'_>, change: &Change<'_>) -> Result<(), Problem> {
        match self.door.decide_write(self.call, self.underlag.session, change) {
            Err(problem @ (Problem::Forbidden | Problem::NotFound)) => {
                let there = change.before.map(|(stored, _)| (stored.kind, stored.id.clone()));
                self.denied.get_or_insert((staged.order.place(problem), there));
                if self.guesses { Ok(()) } else { self.guessed_right() }
            }
            decided => decided.map_err(|problem| staged.order.place(problem)),
        }
    }

    /// Refuses what was denied: no reference is a guess any more.
    pub(super) fn guessed_right(&mut self) -> Result<(), Problem> {
        self.guesses = false;
        let Some((problem, there)) = self.denied.take() else {
            return Ok(());
        };
        note_denied(self.call, there.as_ref().map(|(kind, id)| (*kind, id.as_str())));
        Err(problem)
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
        self.refuse_too_many_joined(staged)?;
        self.refuse_anothers_number(staged)?;
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

    /// Refuses to join what was stored before to a person of whom there are as many Patients as the rules look at, and a link that
    /// does so: it would take the place of another. A new Patient with her number takes nobody's (it comes after those that are there), so
    /// whoever has made many keeps no unit from entering her; nor from tidying up, since a link between those who are one joins nobody.
    fn refuse_too_many_joined(&mut self, staged: &Staged<'_>) -> Result<(), Problem> {
        let Some(Fact::Patient(patient)) = staged.order.prepared().map(|prepared| &*prepared.fact) else {
            return Ok(());
        };
        let before = match staged.before.as_deref() {
            Some(Fact::Patient(before)) => Some(&**before),
            _ => None,
        };
        let id = staged.order.id();
        let was_linked: Vec<String> = before.into_iter().flat_map(linked).collect();
        let mut new_links: Vec<String> = linked(patient).filter(|id| !was_linked.contains(id)).collect();
        let places = self.underlag.tillkomna(&new_links)?;
        let mut is_stored = places.iter().map(Option::is_some);
        new_links.retain(|_| is_stored.next().unwrap_or_default());
        let had_number: Vec<_> = before.into_iter().flat_map(nummer).collect();
        let mut new_numbers: Vec<_> = nummer(patient).filter(|number| !had_number.contains(number)).collect();
        new_numbers.retain(|_| staged.current.is_some());
        if (new_links.is_empty() && new_numbers.is_empty()) || !ar_for_manga(id, &mut self.underlag)? {
            return Ok(());
        }
        let is_linked = !var_en(id, &new_links, &mut self.underlag)?;
        let mut is_numbered = before.is_none() && !new_numbers.is_empty();
        for number in new_numbers {
            let others: Vec<String> = barare(number, &mut self.underlag)?
                .iter()
                .map(|it| it.id().to_owned())
                .collect();
            is_numbered |= !var_en(id, &others, &mut self.underlag)?;
        }
        if !(is_linked || is_numbered) {
            return Ok(());
        }
        let (expression, text) = if is_linked {
            (
                "Patient.link",
                Text::new(
                    "Så många Patient-resurser är redan samma person att reglerna inte kan ta hänsyn till fler. Ta bort länkar som inte behövs.",
                    "So many Patient resources are one person already that the rules cannot heed more. Remove links that are not needed.",
                ),
            )
        } else {
            (
                "Patient.identifier",
                Text::new(
                    "Så många Patient-resurser är redan samma person att reglerna inte kan ta hänsyn till fler: den här kan inte få numret. Ta bort nummer och länkar som inte behövs, eller lägg upp en ny Patient med numret.",
                    "So many Patient resources are one person already that the rules cannot heed more: this one cannot get the number. Remove numbers and links that are not needed, or make a new Patient with the number.",
                ),
            )
        };
        Err(Problem::fault(IssueCode::BusinessRule, expression, text))
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

/// The right that a write makes use of: by what stands there, and whether it is a delete.
pub(super) fn right_of(current: Option<&Stored>, deletes: bool) -> Right {
    match current.filter(|stored| !stored.deleted) {
        _ if deletes => Right::Delete,
        None => Right::Create,
        Some(_) => Right::Update,
    }
}
