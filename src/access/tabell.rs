//! The decision table: what each interaction needs before any record is looked at. What is not here is denied, and a test
//! fails when an interaction, or an address of the service, is missing.

use super::Interaction::{self, *};
use super::caller::Who;
use super::scope::Right;

/// Who may do it at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vilka {
    /// Everybody, known or not: it tells of nobody.
    Alla,
    /// Whoever is known; which records is decided one by one.
    Kanda,
    /// Those who work in care, and their systems.
    Varden,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Krav {
    pub vilka: Vilka,
    /// The rights that it may make use of; each is asked of the scopes, for each type it is used on.
    pub rights: &'static [Right],
}

const fn row(vilka: Vilka, rights: &'static [Right]) -> Krav {
    Krav { vilka, rights }
}

// The rights are SMART's own words: `s` is search and the histories of a type or of all; `r` is read, vread and the history
// of one; a conditional write also searches; a patch reads what it changes.
#[rustfmt::skip]
const TABLE: &[(Interaction, Krav)] = &[
    (Capabilities,      row(Vilka::Alla,   &[])),
    (Read,              row(Vilka::Kanda,  &[Right::Read])),
    (Vread,             row(Vilka::Kanda,  &[Right::Read])),
    (HistoryInstance,   row(Vilka::Kanda,  &[Right::Read])),
    (HistoryType,       row(Vilka::Kanda,  &[Right::Search])),
    (HistorySystem,     row(Vilka::Kanda,  &[Right::Search])),
    (Search,            row(Vilka::Kanda,  &[Right::Search])),
    (SearchSystem,      row(Vilka::Kanda,  &[Right::Search])),
    (SearchCompartment, row(Vilka::Kanda,  &[Right::Search])),
    (Create,            row(Vilka::Kanda,  &[Right::Create, Right::Search])),
    (Update,            row(Vilka::Kanda,  &[Right::Create, Right::Update, Right::Search])),
    (Patch,             row(Vilka::Kanda,  &[Right::Read, Right::Update, Right::Search])),
    (Delete,            row(Vilka::Kanda,  &[Right::Delete, Right::Search])),
    (Transaction,       row(Vilka::Kanda,  &Right::ALL)),
    (Batch,             row(Vilka::Kanda,  &Right::ALL)),
    (Validate,          row(Vilka::Kanda,  &[Right::Read, Right::Create, Right::Update, Right::Delete])),
    (Everything,        row(Vilka::Kanda,  &[Right::Read])),
    (Patientkontroll,   row(Vilka::Varden, &[Right::Read])),
    (Arbetslista,       row(Vilka::Varden, &[Right::Read])),
    (Loggutdrag,        row(Vilka::Kanda,  &[Right::Read])),
];

/// The row of an interaction; none: it is denied.
pub fn krav(interaction: Interaction) -> Option<&'static Krav> {
    TABLE.iter().find(|(of, _)| *of == interaction).map(|(_, krav)| krav)
}

impl Krav {
    /// Whether one who is known may do it at all.
    pub fn allows(&self, who: &Who) -> bool {
        match (self.vilka, who) {
            (Vilka::Alla | Vilka::Kanda, _) | (Vilka::Varden, Who::Medarbetare(_) | Who::System(_)) => true,
            (Vilka::Varden, Who::Patient(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_interaction_stands_in_the_table_once() {
        for interaction in Interaction::ALL {
            let rows = TABLE.iter().filter(|(of, _)| of == interaction).count();
            assert_eq!(rows, 1, "{}", interaction.code());
        }
    }

    /// What stands at an address of the service, and what it asks the door for; `None`: it tells of nobody.
    #[rustfmt::skip]
    const HANDLERS: &[(&str, &[Interaction])] = &[
        ("search::search_system", &[SearchSystem]),
        ("search::search_system_by_post", &[SearchSystem]),
        ("search::search", &[Search]),
        ("search::search_by_post", &[Search]),
        ("search::search_compartment", &[SearchCompartment]),
        ("search::search_compartment_by_post", &[SearchCompartment]),
        ("bundle::submit", &[Transaction, Batch]),
        ("metadata::metadata", &[Capabilities]),
        ("history::of_system", &[HistorySystem]),
        ("history::of_type", &[HistoryType]),
        ("history::of_instance", &[HistoryInstance]),
        ("definitions::search", &[Search]),
        ("definitions::search_by_post", &[Search]),
        ("definitions::read", &[Read]),
        ("validate::validate_type", &[Validate]),
        ("validate::validate_stored", &[Validate]),
        ("validate::validate_instance", &[Validate]),
        ("patientkontroll::patientkontroll", &[Patientkontroll]),
        ("patientkontroll::patientkontroll_by_post", &[Patientkontroll]),
        ("everything::everything", &[Everything]),
        ("everything::everything_by_post", &[Everything]),
        ("arbetslista::by_get", &[Arbetslista]),
        ("arbetslista::by_post", &[Arbetslista]),
        ("logg::search", &[Search]),
        ("logg::search_by_post", &[Search]),
        ("logg::read", &[Read]),
        ("logg::utdrag::by_get", &[Loggutdrag]),
        ("create::create", &[Create]),
        ("update::update", &[Update]),
        ("update::update_where", &[Update]),
        ("patch::patch", &[Patch]),
        ("patch::patch_where", &[Patch]),
        ("delete::delete", &[Delete]),
        ("delete::delete_where", &[Delete]),
        ("read::read", &[Read]),
        ("read::vread", &[Vread]),
        ("riktlinjesida::riktlinje", &[]),
        ("smart::configuration", &[]),
    ];

    #[test]
    fn every_address_is_answered_under_an_interaction_of_the_table() {
        let routes = include_str!("../api/mod.rs");
        let mut served = BTreeSet::new();
        for method in ["get", "head", "post", "put", "patch", "delete"] {
            for rest in routes.split(&format!(".{method}(")).skip(1) {
                served.insert(rest.split(')').next().unwrap_or_default());
            }
        }
        assert!(served.len() > 30, "the routes are written as they were");
        let known: BTreeSet<&str> = HANDLERS.iter().map(|(name, _)| *name).collect();
        assert_eq!(served, known);
        let asked: BTreeSet<&str> = HANDLERS
            .iter()
            .flat_map(|(_, asked)| *asked)
            .map(|it| it.code())
            .collect();
        let all: BTreeSet<&str> = Interaction::ALL.iter().map(|it| it.code()).collect();
        assert_eq!(asked, all, "every interaction is reached at an address");
    }
}
