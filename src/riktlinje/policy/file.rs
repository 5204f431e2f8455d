//! One policy file, from TOML to a [`Policy`]; what cannot be used is refused with file, line and reason. Called by
//! `collect.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::parameters::{Parameters, ParametersDraft};
use super::{HuvudmanKind, NATIONELL, Policy, PolicySource};
use crate::riktlinje::catalogue::RuleId;
use crate::riktlinje::codes::{BEHOVSGRUPPER, INSATSFORMER};
use crate::riktlinje::finding::Severity;

/// A policy file that cannot be used. Stops the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    pub file: String,
    pub line: Option<usize>,
    pub reason: String,
}

impl PolicyError {
    /// What is wrong with the file as a whole.
    pub(super) fn of_file(file: String, reason: String) -> PolicyError {
        PolicyError {
            file,
            line: None,
            reason,
        }
    }
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
pub(super) struct File {
    pub name: String,
    pub text: String,
}

impl File {
    pub(super) fn error(&self, at: Range<usize>, reason: impl Into<String>) -> PolicyError {
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
pub(super) struct Draft {
    pub name: Spanned<String>,
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

impl Draft {
    pub(super) fn read(file: &File) -> Result<Draft, PolicyError> {
        toml::from_str(&file.text).map_err(|error| {
            let reason = error.message().to_owned();
            match error.span() {
                Some(span) => file.error(span, reason),
                None => PolicyError::of_file(file.name.clone(), reason),
            }
        })
    }

    pub(super) fn name(&self) -> &str {
        self.name.get_ref()
    }

    /// The policy, with what the file leaves out taken from its base.
    pub(super) fn finish(&self, file: &File, shipped: &[(File, Draft)]) -> Result<Policy, PolicyError> {
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
        refuse_unknown_codes(file, &policy.parameters)?;
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

/// A code that no rule knows would silently switch a rule off.
fn refuse_unknown_codes(file: &File, parameters: &Parameters) -> Result<(), PolicyError> {
    let insatser = &parameters.insatser_som_kraver_lakarkontakt;
    let grupper = &parameters.grupper_for_overenskommelse;
    for (name, listed, known) in [
        ("insatser-som-kraver-lakarkontakt", insatser, INSATSFORMER),
        ("grupper-for-overenskommelse", grupper, BEHOVSGRUPPER),
    ] {
        if let Some(unknown) = listed.iter().find(|code| !known.contains(&code.as_str())) {
            let at = file.text.find(name).unwrap_or_default();
            let known = known.join(", ");
            return Err(file.error(at..at, format!("{name}: there is no {unknown}; there are {known}")));
        }
    }
    Ok(())
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
