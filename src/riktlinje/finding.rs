//! What a rule says, and what reaches the caller. A rule only remarks; how heavy the remark weighs is decided by the
//! policy and by the principles (GEN-02, GEN-03).

use std::fmt;

use crate::fhir::fault::Text;

use super::catalogue::RuleId;
use super::effect::Effect;

/// How heavy a finding weighs; errors sort first. An error refuses the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Information,
}

impl Severity {
    /// The code as it stands in `OperationOutcome.issue.severity`.
    pub fn code(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }

    /// The milder of the two.
    pub fn milder(self, other: Severity) -> Severity {
        self.max(other)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One issue of the answer. It never names a person, a unit, another resource's diagnosis or a number (GEN-05).
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub rule: RuleId,
    pub severity: Severity,
    /// FHIRPath of the offending element in R5.
    pub expression: String,
    pub text: Text,
    /// The guideline, section included.
    pub source: String,
}

/// The answer of the rules about one write.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Errors first, then in the order of the catalogue.
    pub findings: Vec<Finding>,
    /// What must be carried out in the same transaction; empty when there is an error.
    pub effects: Vec<Effect>,
}

impl Judgement {
    /// Whether the write is refused.
    pub fn refuses(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// What the data say about a fact that a rule needs (GEN-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    Shown,
    Contradicted,
    NotStated,
}

impl Evidence {
    /// One that is shown is enough; none at all contradicts.
    pub fn any(all: impl IntoIterator<Item = Evidence>) -> Evidence {
        all.into_iter()
            .fold(Evidence::Contradicted, |so_far, next| match (so_far, next) {
                (Evidence::Shown, _) | (_, Evidence::Shown) => Evidence::Shown,
                (Evidence::NotStated, _) | (_, Evidence::NotStated) => Evidence::NotStated,
                _ => Evidence::Contradicted,
            })
    }

    /// Every one must be shown; one that is contradicted decides.
    pub fn all(all: impl IntoIterator<Item = Evidence>) -> Evidence {
        all.into_iter()
            .fold(Evidence::Shown, |so_far, next| match (so_far, next) {
                (Evidence::Contradicted, _) | (_, Evidence::Contradicted) => Evidence::Contradicted,
                (Evidence::NotStated, _) | (_, Evidence::NotStated) => Evidence::NotStated,
                _ => Evidence::Shown,
            })
    }
}

/// How much of the rule's own severity a remark carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The rule is broken: the severity that the policy gives the rule.
    Contradicted,
    /// The data do not tell: a warning at most ("underlag saknas").
    NotStated,
    /// A milder side of the rule.
    AtMost(Severity),
}

/// What one rule has to say about one element.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    pub weight: Weight,
    pub expression: String,
    pub text: Text,
    /// What exactly is wrong, for the comparison with the stored version only (GEN-02); never shown.
    pub about: Option<String>,
}

impl Remark {
    pub fn contradicted(expression: impl Into<String>, sv: &'static str, en: &'static str) -> Remark {
        Remark::of(Weight::Contradicted, expression, sv, en)
    }

    /// The text is led by "Underlag saknas".
    pub fn not_stated(expression: impl Into<String>, sv: &'static str, en: &'static str) -> Remark {
        let text = Text::new(format!("Underlag saknas: {sv}"), format!("Not stated: {en}"));
        Remark {
            weight: Weight::NotStated,
            expression: expression.into(),
            text,
            about: None,
        }
    }

    pub fn at_most(severity: Severity, expression: impl Into<String>, sv: &'static str, en: &'static str) -> Remark {
        Remark::of(Weight::AtMost(severity), expression, sv, en)
    }

    fn of(weight: Weight, expression: impl Into<String>, sv: &'static str, en: &'static str) -> Remark {
        Remark {
            weight,
            expression: expression.into(),
            text: Text::new(sv, en),
            about: None,
        }
    }

    /// Names what exactly is wrong, so that another fault of the same kind is not taken for the old one.
    pub fn about(self, what: impl Into<String>) -> Remark {
        Remark {
            about: Some(what.into()),
            ..self
        }
    }
}
