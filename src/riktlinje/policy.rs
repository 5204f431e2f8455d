//! The regions' policies: how heavy each rule weighs in a region, and what fills its parameters. Asked by the rules for
//! weights and parameters, and by `enhet.rs` for the policy of a unit (GEN-04).
//!
//! Five are shipped; an operator adds or overrides them in a directory. `collect.rs` puts them together, `file.rs` reads
//! one.

mod collect;
mod file;
mod parameters;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::catalogue::{self, Rule, RuleId};
use super::finding::Severity;

pub use file::PolicyError;
pub use parameters::Parameters;

/// The policy that judges what no region claims (GEN-04).
pub const NATIONELL: &str = "nationell";

/// One region's view of the rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub name: String,
    pub title: String,
    pub source: PolicySource,
    /// Who runs the care that the policy is for; `None` in the national policy.
    pub huvudman: Option<HuvudmanKind>,
    /// `SE` and the organisation number: whose HSA-ids belong here.
    pub hsa_prefix: Vec<String>,
    /// HSA-ids of units and vårdgivare that belong here whatever their prefix.
    pub enheter: Vec<String>,
    pub parameters: Parameters,
    severity: BTreeMap<RuleId, Option<Severity>>,
}

/// The guideline document behind a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySource {
    pub document: Option<String>,
    pub version: Option<String>,
    pub valid_from: Option<Date>,
    pub review: Option<Date>,
}

/// The two kinds of public huvudman.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HuvudmanKind {
    Region,
    Kommun,
}

/// A code that a policy lists.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyCode {
    pub system: String,
    pub code: String,
}

impl Policy {
    /// How heavy a rule weighs here; `None` is off.
    pub fn severity(&self, rule: &Rule) -> Option<Severity> {
        self.severity.get(&rule.id).copied().unwrap_or(rule.severity)
    }

    /// Whether the rule of that id says anything here: what only a silent rule needs is not looked up.
    pub fn asks(&self, id: &str) -> bool {
        let mut rules = catalogue::all();
        rules
            .find(|rule| rule.id.as_str() == id)
            .is_some_and(|rule| self.severity(rule).is_some())
    }
}

/// All policies of a running service.
#[derive(Clone, Debug)]
pub struct Policies {
    all: Vec<Policy>,
    /// Position of the national one.
    nationell: usize,
}

impl Policies {
    /// The policy of that name.
    pub fn by_name(&self, name: &str) -> Option<&Policy> {
        self.all.iter().find(|policy| policy.name == name)
    }

    /// All policies, the shipped ones first.
    pub fn all(&self) -> impl Iterator<Item = &Policy> {
        self.all.iter()
    }

    /// The names of all policies.
    pub fn names(&self) -> Vec<&str> {
        self.all.iter().map(|policy| policy.name.as_str()).collect()
    }

    /// The policy for what no region claims.
    pub fn nationell(&self) -> &Policy {
        &self.all[self.nationell]
    }

    /// The policy that lists this HSA-id.
    pub fn listing(&self, hsa_id: &str) -> Option<&Policy> {
        self.all
            .iter()
            .find(|policy| policy.enheter.iter().any(|listed| listed.eq_ignore_ascii_case(hsa_id)))
    }

    /// The policy whose prefix this HSA-id begins with; the longest wins.
    pub fn by_prefix(&self, hsa_id: &str) -> Option<&Policy> {
        let own = hsa_id.to_ascii_uppercase();
        let prefixes = self
            .all
            .iter()
            .flat_map(|policy| policy.hsa_prefix.iter().map(move |prefix| (prefix, policy)));
        prefixes
            .filter(|(prefix, _)| own.starts_with(prefix.as_str()))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|found| found.1)
    }
}
