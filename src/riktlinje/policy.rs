//! The regions' policies: TOML files that say how heavy each rule weighs and fill its parameters. Five are shipped; an
//! operator adds or overrides them in a directory. A file that cannot be used stops the start, with file, line and reason.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::catalogue::{Rule, RuleId};
use super::finding::Severity;

/// The policy that judges what no region claims (GEN-04).
pub const NATIONELL: &str = "nationell";

/// The shipped files, name and text.
const SHIPPED: &[(&str, &str)] = &[
    ("nationell.toml", include_str!("../../schemas/policies/nationell.toml")),
    (
        "region-orebro-lan.toml",
        include_str!("../../schemas/policies/region-orebro-lan.toml"),
    ),
    (
        "region-gavleborg.toml",
        include_str!("../../schemas/policies/region-gavleborg.toml"),
    ),
    (
        "region-halland.toml",
        include_str!("../../schemas/policies/region-halland.toml"),
    ),
    (
        "region-jamtland-harjedalen.toml",
        include_str!("../../schemas/policies/region-jamtland-harjedalen.toml"),
    ),
];

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

/// What the rules leave to the region. One line per parameter; unknown names are refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// FVK-03: most active fasta vårdkontakter per patient; `None` is no limit.
    pub flest_fasta_vardkontakter: Option<usize>,
    /// FVK-03: the physician for a life-threatening state is not counted.
    pub livshotande_lakare_raknas_inte: bool,
    /// FVK-01: codes of conditions that are life-threatening in themselves.
    pub livshotande_koder: Vec<PolicyCode>,
}

/// A code that a policy lists.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
}

/// All policies of a running service.
#[derive(Clone, Debug)]
pub struct Policies {
    all: Vec<Policy>,
    /// Position of the national one.
    nationell: usize,
}

impl Policies {
    /// The five policies that come with the program.
    pub fn shipped() -> Policies {
        match Policies::combine(shipped_files(), Vec::new()) {
            Ok(policies) => policies,
            // Cannot happen: a test reads them all.
            Err(_) => Policies {
                all: vec![Policy {
                    name: NATIONELL.to_owned(),
                    ..Policy::default()
                }],
                nationell: 0,
            },
        }
    }

    /// The shipped policies, and those of a directory (`*.toml`), which add or, by the same name, override.
    pub fn load(directory: &Path) -> Result<Policies, PolicyError> {
        let unreadable = |path: &Path, error: std::io::Error| PolicyError {
            file: path.display().to_string(),
            line: None,
            reason: error.to_string(),
        };
        let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| unreadable(directory, error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            files.push(File {
                name: path.display().to_string(),
                text,
            });
        }
        Policies::combine(shipped_files(), files)
    }

    /// The policy of that name.
    pub fn by_name(&self, name: &str) -> Option<&Policy> {
        self.all.iter().find(|policy| policy.name == name)
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

    fn combine(shipped: Vec<File>, added: Vec<File>) -> Result<Policies, PolicyError> {
        let read = |file: File| Draft::read(&file).map(|draft| (file, draft));
        let shipped = shipped.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let added = added.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        for (index, (file, draft)) in added.iter().enumerate() {
            if added[..index].iter().any(|(_, earlier)| earlier.name() == draft.name()) {
                return Err(file.error(
                    draft.name.span(),
                    format!("the policy {} is in another file too", draft.name()),
                ));
            }
        }
        let overridden = |name: &str| added.iter().any(|(_, draft)| draft.name() == name);
        let mut all: Vec<Policy> = Vec::new();
        for (file, draft) in shipped
            .iter()
            .filter(|(_, draft)| !overridden(draft.name()))
            .chain(&added)
        {
            let policy = draft.finish(file, &shipped)?;
            refuse_claimed_twice(file, draft, &policy, &all)?;
            all.push(policy);
        }
        let nationell = all
            .iter()
            .position(|policy| policy.name == NATIONELL)
            .unwrap_or_default();
        Ok(Policies { all, nationell })
    }
}

fn shipped_files() -> Vec<File> {
    SHIPPED
        .iter()
        .map(|(name, text)| File {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        })
        .collect()
}

/// A unit or a prefix may belong to one policy only.
fn refuse_claimed_twice(file: &File, draft: &Draft, policy: &Policy, others: &[Policy]) -> Result<(), PolicyError> {
    for other in others {
        if let Some(claim) = policy
            .hsa_prefix
            .iter()
            .find(|prefix| other.hsa_prefix.contains(prefix))
        {
            return Err(file.error(
                draft.name.span(),
                format!("the HSA prefix {claim} belongs to {} too", other.name),
            ));
        }
        if let Some(claim) = policy.enheter.iter().find(|unit| other.enheter.contains(unit)) {
            return Err(file.error(
                draft.name.span(),
                format!("the unit {claim} belongs to {} too", other.name),
            ));
        }
    }
    Ok(())
}

/// A policy file that cannot be used. Stops the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    pub file: String,
    pub line: Option<usize>,
    pub reason: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

impl std::error::Error for PolicyError {}

/// A policy file before it is read.
struct File {
    name: String,
    text: String,
}

impl File {
    fn error(&self, at: Range<usize>, reason: impl Into<String>) -> PolicyError {
        let before = self.text.as_bytes().get(..at.start).unwrap_or(self.text.as_bytes());
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        PolicyError {
            file: self.name.clone(),
            line: Some(line),
            reason: reason.into(),
        }
    }
}

/// A policy file as written; what it leaves out comes from `base`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Draft {
    name: Spanned<String>,
    title: Option<String>,
    /// A shipped policy to start from; the national one when absent.
    base: Option<Spanned<String>>,
    #[serde(default)]
    source: SourceDraft,
    huvudman: Option<HuvudmanKind>,
    hsa_prefix: Option<Vec<Spanned<String>>>,
    enheter: Option<Vec<String>>,
    #[serde(default)]
    severity: BTreeMap<Spanned<String>, SeverityDraft>,
    #[serde(default)]
    parameters: ParametersDraft,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SourceDraft {
    document: Option<String>,
    version: Option<String>,
    valid_from: Option<Spanned<toml::value::Datetime>>,
    review: Option<Spanned<toml::value::Datetime>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SeverityDraft {
    Error,
    Warning,
    Information,
    Off,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ParametersDraft {
    flest_fasta_vardkontakter: Option<usize>,
    livshotande_lakare_raknas_inte: Option<bool>,
    livshotande_koder: Option<Vec<PolicyCode>>,
}

impl Draft {
    fn read(file: &File) -> Result<Draft, PolicyError> {
        toml::from_str(&file.text).map_err(|error| {
            let reason = error.message().to_owned();
            match error.span() {
                Some(span) => file.error(span, reason),
                None => PolicyError {
                    file: file.name.clone(),
                    line: None,
                    reason,
                },
            }
        })
    }

    fn name(&self) -> &str {
        self.name.get_ref()
    }

    /// The policy, with what the file leaves out taken from its base.
    fn finish(&self, file: &File, shipped: &[(File, Draft)]) -> Result<Policy, PolicyError> {
        let mut policy = match &self.base {
            None => Policy::default(),
            Some(base) => match shipped.iter().find(|(_, draft)| draft.name() == base.get_ref()) {
                Some((base_file, draft)) if draft.base.is_none() => draft.finish(base_file, &[])?,
                _ => return Err(file.error(base.span(), format!("there is no shipped policy {}", base.get_ref()))),
            },
        };
        if policy.name != self.name() {
            // Whom the base claims it keeps, unless it is the one that is being overridden.
            policy.hsa_prefix.clear();
            policy.enheter.clear();
        }
        policy.name = self.name().to_owned();
        policy.title = self.title.clone().unwrap_or_else(|| {
            if policy.title.is_empty() {
                policy.name.clone()
            } else {
                policy.title.clone()
            }
        });
        policy.huvudman = self.huvudman.or(policy.huvudman);
        if policy.huvudman.is_none() && policy.name != NATIONELL {
            policy.huvudman = Some(HuvudmanKind::Region);
        }
        self.claim(file, &mut policy)?;
        self.source.apply(file, &mut policy.source)?;
        self.parameters.apply(&mut policy.parameters);
        for (id, severity) in &self.severity {
            let rule = RuleId::find(id.get_ref())
                .ok_or_else(|| file.error(id.span(), format!("there is no rule {}", id.get_ref())))?;
            policy.severity.insert(rule, severity.severity());
        }
        Ok(policy)
    }

    fn claim(&self, file: &File, policy: &mut Policy) -> Result<(), PolicyError> {
        if let Some(prefixes) = &self.hsa_prefix {
            policy.hsa_prefix.clear();
            for prefix in prefixes {
                let text = prefix.get_ref().to_ascii_uppercase();
                let digits = text
                    .strip_prefix("SE")
                    .and_then(|rest| rest.get(..10))
                    .unwrap_or_default();
                if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(file.error(
                        prefix.span(),
                        "an HSA prefix is SE and the ten digits of an organisation number",
                    ));
                }
                policy.hsa_prefix.push(text);
            }
        }
        if let Some(units) = &self.enheter {
            policy.enheter = units.iter().map(|unit| unit.to_ascii_uppercase()).collect();
        }
        Ok(())
    }
}

impl SourceDraft {
    fn apply(&self, file: &File, source: &mut PolicySource) -> Result<(), PolicyError> {
        let day = |written: &Option<Spanned<toml::value::Datetime>>| match written {
            None => Ok(None),
            Some(written) => {
                let text = written.get_ref().to_string();
                text.parse::<Date>()
                    .map(Some)
                    .map_err(|_| file.error(written.span(), "expected a day, such as 2024-09-02"))
            }
        };
        source.document = self.document.clone().or_else(|| source.document.take());
        source.version = self.version.clone().or_else(|| source.version.take());
        source.valid_from = day(&self.valid_from)?.or(source.valid_from);
        source.review = day(&self.review)?.or(source.review);
        Ok(())
    }
}

impl ParametersDraft {
    fn apply(&self, parameters: &mut Parameters) {
        if let Some(most) = self.flest_fasta_vardkontakter {
            parameters.flest_fasta_vardkontakter = Some(most);
        }
        if let Some(excluded) = self.livshotande_lakare_raknas_inte {
            parameters.livshotande_lakare_raknas_inte = excluded;
        }
        if let Some(codes) = &self.livshotande_koder {
            parameters.livshotande_koder.clone_from(codes);
        }
    }
}

impl SeverityDraft {
    fn severity(self) -> Option<Severity> {
        match self {
            SeverityDraft::Error => Some(Severity::Error),
            SeverityDraft::Warning => Some(Severity::Warning),
            SeverityDraft::Information => Some(Severity::Information),
            SeverityDraft::Off => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Policies, PolicyError> {
        Policies::combine(
            shipped_files(),
            vec![File {
                name: "min.toml".to_owned(),
                text: text.to_owned(),
            }],
        )
    }

    fn refused(text: &str) -> PolicyError {
        with(text).expect_err("the file should be refused")
    }

    #[test]
    fn the_five_shipped_policies_can_be_read() {
        let policies = Policies::combine(shipped_files(), Vec::new()).expect("shipped policies");
        let names = [
            "nationell",
            "region-orebro-lan",
            "region-gavleborg",
            "region-halland",
            "region-jamtland-harjedalen",
        ];
        assert_eq!(policies.names(), names);
        assert_eq!(policies.nationell().name, NATIONELL);
        assert_eq!(
            policies
                .by_prefix("SE2321000164-VC1")
                .map(|policy| policy.name.as_str()),
            Some("region-orebro-lan")
        );
    }

    #[test]
    fn a_region_is_added_in_a_few_lines() {
        let policies = with("name = \"region-x\"\nhsa-prefix = [\"SE2321009999\"]\n[severity]\nDOK-04 = \"error\"\n")
            .expect("read");
        let policy = policies.by_name("region-x").expect("added");
        assert_eq!(policy.huvudman, Some(HuvudmanKind::Region));
        assert_eq!(policy.severity.len(), 1);
    }

    #[test]
    fn a_shipped_policy_is_overridden_by_name_and_may_start_from_itself() {
        let policies = with("name = \"region-halland\"\nbase = \"region-halland\"\nenheter = [\"SE5560000000-A\"]\n")
            .expect("read");
        assert_eq!(policies.names().len(), 5);
        let halland = policies.by_name("region-halland").expect("there");
        assert_eq!(halland.parameters.flest_fasta_vardkontakter, Some(9));
        assert_eq!(halland.hsa_prefix, ["SE2321000115"]);
        assert!(policies.listing("se5560000000-a").is_some());
    }

    #[test]
    fn bad_files_are_refused_with_line_and_reason() {
        let unknown_rule = refused("name = \"x\"\n\n[severity]\nFK-99 = \"error\"\n");
        assert_eq!(
            (unknown_rule.line, unknown_rule.reason.as_str()),
            (Some(4), "there is no rule FK-99")
        );
        let unknown_parameter = refused("name = \"x\"\n[parameters]\nflest = 3\n");
        assert_eq!(unknown_parameter.line, Some(3));
        assert!(
            unknown_parameter.reason.contains("flest"),
            "{}",
            unknown_parameter.reason
        );
        assert_eq!(refused("name = \"x\"\n[severity]\nFK-01 = \"fel\"\n").line, Some(3));
        assert_eq!(refused("name = \"x\"\nbase = \"y\"\n").line, Some(2));
        assert_eq!(refused("name = \"x\"\nhsa-prefix = [\"232100\"]\n").line, Some(2));
        assert_eq!(refused("name = \"x\"\ntitle = = 1\n").line, Some(2));
        assert!(
            refused("name = \"x\"\nhsa-prefix = [\"SE2321000164\"]\n")
                .reason
                .contains("region-orebro-lan")
        );
        assert!(refused("title = \"x\"\n").reason.contains("name"));
    }
}
