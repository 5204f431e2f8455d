//! Every rule of the riktlinje as data: id, demand, source, severity, marks, and the function that checks it. The table
//! is also the dispatch: a rule whose check is [`Check::Planned`] is in the guideline but not enforced yet, and
//! [`catalogue`] leaves it out, so that nothing pretends. The ids are public API and never change meaning.

mod identiteter;
mod kallor;
mod kontakter;
mod patienten;
mod planer;

use std::fmt;

use super::finding::{Remark, Severity};
use super::id;
use super::kontakt::{Kontaktbild, Kontakter};
use super::list::Lakarlista;
use super::patientbild::{Anmarkning, Patientbild};
use super::period::Periodbild;
use super::plan::{Planbild, Planer};
use super::policy::Policy;

/// The stable id of a rule in the table below, e.g. `FLK-04`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(&'static str);

impl RuleId {
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The id of a rule in the guideline, checked yet or not.
    pub fn find(id: &str) -> Option<RuleId> {
        all().map(|rule| rule.id).find(|known| known.0 == id)
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a rule looks at, and the function that looks.
#[derive(Clone, Copy)]
pub enum Check {
    /// A written fast kontakt of one of these types.
    Kontakt(Kontakter, fn(&Kontaktbild<'_>) -> Vec<Remark>),
    /// A written plan of one of these types.
    Plan(Planer, fn(&Planbild<'_>) -> Vec<Remark>),
    /// The period of any CareTeam or CarePlan.
    Period(fn(&Periodbild<'_>) -> Vec<Remark>),
    /// The identifiers of people and organizations.
    Identitet(fn(&id::Identitetsbild<'_>) -> Vec<Remark>),
    /// The patient's whole picture, which no write is judged by.
    Patient(fn(&Patientbild, &Policy) -> Vec<Anmarkning>),
    /// How many patients a physician has, in the list of a unit.
    Lista(fn(&Lakarlista, &Policy) -> Vec<Remark>),
    /// In the guideline, not yet checked.
    Planned,
}

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    pub id: RuleId,
    /// Where no policy says otherwise; `None` is off.
    pub severity: Option<Severity>,
    /// Enforced when the resource is active, told as information while it is planned, else silent.
    pub active: bool,
    /// Looks at the patient's whole picture.
    pub patient: bool,
    /// Judged also when a write only ends or limits (GEN-02).
    pub at_ending: bool,
    /// Needs facts that may not be stated (GEN-03 applies): the rule may say "underlag saknas".
    pub underlag: bool,
    /// What the rule demands, in Swedish and English.
    pub sv: &'static str,
    pub en: &'static str,
    pub source: &'static str,
    pub check: Check,
}

impl Rule {
    /// Whether the rule is enforced by this version of the service.
    pub fn is_checked(&self) -> bool {
        !matches!(self.check, Check::Planned)
    }

    /// The letters before the number: `FVK`.
    pub fn family(&self) -> &'static str {
        self.id.0.split('-').next().unwrap_or_default()
    }

    /// Whether writes are judged by it. The obligations towards a patient are told by `$riktlinjekontroll` only.
    pub fn is_judged_on_writes(&self) -> bool {
        !["PAT", "UTS", "LIST"].contains(&self.family())
    }

    const fn new(id: &'static str, severity: Severity, source: &'static str) -> Rule {
        Rule {
            id: RuleId(id),
            severity: Some(severity),
            active: false,
            patient: false,
            at_ending: false,
            underlag: false,
            sv: "",
            en: "",
            source,
            check: Check::Planned,
        }
    }

    const fn off(self) -> Rule {
        Rule { severity: None, ..self }
    }

    const fn active(self) -> Rule {
        Rule { active: true, ..self }
    }

    const fn patient(self) -> Rule {
        Rule { patient: true, ..self }
    }

    const fn at_ending(self) -> Rule {
        Rule {
            at_ending: true,
            ..self
        }
    }

    const fn underlag(self) -> Rule {
        Rule { underlag: true, ..self }
    }

    const fn demands(self, sv: &'static str, en: &'static str) -> Rule {
        Rule { sv, en, ..self }
    }

    const fn check(self, check: Check) -> Rule {
        Rule { check, ..self }
    }
}

/// The rules that this version of the service enforces, in the order in which findings are told.
pub fn catalogue() -> impl Iterator<Item = &'static Rule> {
    all().filter(|rule| rule.is_checked())
}

/// All rules of the guideline, family by family. The severity is that of the national policy; a rule whose only source
/// is one region's document is an error in that region's policy file.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [kontakter::RULES, planer::RULES, patienten::RULES, identiteter::RULES]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_an_id_of_its_own_a_demand_and_a_source() {
        let mut ids: Vec<RuleId> = all().map(|rule| rule.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
        assert!(all().all(|rule| !rule.sv.is_empty() && !rule.en.is_empty() && !rule.source.is_empty()));
    }
}
