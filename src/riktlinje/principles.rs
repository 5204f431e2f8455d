//! The principles of evaluation: when a rule is enforced, told or silent; a write that only ends or limits (GEN-02);
//! no worse than before (GEN-02); how heavy a remark weighs (GEN-03).

use fastkontakt_model::Fact;
use fastkontakt_model::date::FhirDate;
use fastkontakt_model::facts::{CareTeamStatus, RequestStatus};
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::catalogue::Rule;
use super::codes::{EXT_AVSLUTAD_I_SAMRAD, EXT_AVSLUTSORSAK};
use super::finding::{Remark, Severity, Weight};
use super::giltighet::ar_over;
use super::kontakt::is_fast_kontakt;
use super::policy::Policy;

/// How far a resource has come in its life, as the rules marked active see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skede {
    /// Enforced.
    Galler,
    /// Planned: the same findings, as information.
    Utkast,
    /// Ended, paused, wrong: rules marked active are silent.
    Tyst,
}

impl Skede {
    /// A fast kontakt without status counts as active; one whose end has passed is treated as ended (FK-03).
    pub fn of(fact: &Fact, today: Date) -> Skede {
        match fact {
            Fact::CareTeam(care_team) => match care_team.status {
                Some(CareTeamStatus::Proposed) => Skede::Utkast,
                Some(CareTeamStatus::Active) | None => {
                    if is_fast_kontakt(care_team) && ar_over(care_team, today) {
                        Skede::Tyst
                    } else {
                        Skede::Galler
                    }
                }
                Some(_) => Skede::Tyst,
            },
            Fact::CarePlan(plan) => match plan.status {
                Some(RequestStatus::Draft) => Skede::Utkast,
                Some(RequestStatus::Active) => Skede::Galler,
                _ => Skede::Tyst,
            },
            _ => Skede::Galler,
        }
    }
}

/// Whether a resource says of itself that it never should have been.
pub fn is_entered_in_error(fact: &Fact) -> bool {
    match fact {
        Fact::CareTeam(it) => it.status == Some(CareTeamStatus::EnteredInError),
        Fact::CarePlan(it) => it.status == Some(RequestStatus::EnteredInError),
        _ => false,
    }
}

/// The severity of a remark under a policy; `None` when the rule is off or silent.
pub fn weigh(rule: &Rule, remark: &Remark, policy: &Policy, skede: Skede) -> Option<Severity> {
    let full = policy.severity(rule)?;
    let severity = match remark.weight {
        Weight::Contradicted => full,
        Weight::NotStated => full.milder(Severity::Warning),
        Weight::AtMost(limit) => full.milder(limit),
    };
    match skede {
        _ if !rule.active => Some(severity),
        Skede::Galler => Some(severity),
        Skede::Utkast => Some(Severity::Information),
        Skede::Tyst => None,
    }
}

/// Whether an earlier remark of the same rule is the same fault on the same element.
pub fn is_same_fault(before: &Remark, now: &Remark) -> bool {
    match (&before.about, &now.about) {
        (Some(before), Some(now)) => before == now,
        _ => before.expression == now.expression,
    }
}

/// Members that may differ in a write that only ends or limits: meta, note and narrative (`id` is the server's).
const FREE: &[&str] = &["id", "meta", "note", "text"];
/// Extensions that may differ.
const FREE_EXTENSIONS: &[&str] = &[EXT_AVSLUTSORSAK, EXT_AVSLUTAD_I_SAMRAD];
/// The status a contact or plan may be given.
const ENDING: &[&str] = &[
    "suspended",
    "inactive",
    "on-hold",
    "completed",
    "revoked",
    "entered-in-error",
];

/// Whether a write differs from the stored version in nothing but an ending: status, and an end set or made earlier.
/// Both in R5, as stored. Such a write is never refused but by structure and FK-03.
pub fn only_ends_or_limits(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return false;
    };
    if !matches!(
        before.get("resourceType").and_then(Value::as_str),
        Some("CareTeam" | "CarePlan")
    ) {
        return false;
    }
    let names = before
        .keys()
        .chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.into_iter().all(|name| {
        let (old, new) = (before.get(name), after.get(name));
        match name.as_str() {
            _ if FREE.contains(&name.as_str()) => true,
            "extension" => kept(old) == kept(new),
            "status" => {
                old == new
                    || new
                        .and_then(Value::as_str)
                        .is_some_and(|status| ENDING.contains(&status))
            }
            "_status" => old == new || new.is_none(),
            "period" => is_limited(old, new),
            _ => old == new,
        }
    })
}

/// The extensions that must stay as they are.
fn kept(extensions: Option<&Value>) -> Vec<&Value> {
    let all = extensions
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_free = |extension: &&Value| {
        extension
            .get("url")
            .and_then(Value::as_str)
            .is_some_and(|url| FREE_EXTENSIONS.contains(&url))
    };
    all.iter().filter(|extension| !is_free(extension)).collect()
}

/// Whether the period is the same, but for an end that was set or made earlier.
fn is_limited(before: Option<&Value>, after: Option<&Value>) -> bool {
    if before == after {
        return true;
    }
    let nothing = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&nothing);
    let Some(after) = after.and_then(Value::as_object) else {
        return false;
    };
    let same_else = before
        .keys()
        .chain(after.keys())
        .all(|name| name == "end" || name == "_end" || before.get(name) == after.get(name));
    same_else && is_earlier(end(before), end(after), before.get("end") == after.get("end"))
}

/// `None` after an end stood there prolongs; an unreadable end is no limit.
fn is_earlier(before: Option<FhirDate>, after: Option<FhirDate>, same: bool) -> bool {
    match (before, after) {
        (_, None) => same,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => after.range().1 <= before.range().1,
    }
}

fn end(period: &Map<String, Value>) -> Option<FhirDate> {
    period.get("end").and_then(Value::as_str).and_then(FhirDate::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contact() -> Value {
        json!({
            "resourceType": "CareTeam", "id": "a", "meta": { "versionId": "1" }, "status": "active",
            "period": { "start": "2024-01-01" }, "name": "x",
            "extension": [{ "url": "urn:other", "valueBoolean": true }],
        })
    }

    fn changed(change: impl FnOnce(&mut Value)) -> bool {
        let mut after = contact();
        change(&mut after);
        only_ends_or_limits(&contact(), &after)
    }

    #[test]
    fn ending_is_a_status_an_end_a_note_and_a_reason() {
        assert!(changed(|_| {}));
        assert!(changed(|it| it["status"] = json!("inactive")));
        assert!(changed(|it| it["period"]["end"] = json!("2026-01-01")));
        assert!(changed(|it| {
            it["status"] = json!("entered-in-error");
            it["meta"] = json!({ "versionId": "7" });
            it["note"] = json!([{ "text": "slut" }]);
            it["extension"] = json!([{ "url": "urn:other", "valueBoolean": true }, { "url": EXT_AVSLUTSORSAK, "valueCode": "flytt" }]);
        }));
    }

    #[test]
    fn anything_else_is_an_ordinary_write() {
        assert!(!changed(|it| it["name"] = json!("y")));
        assert!(!changed(|it| it["status"] = json!("proposed")));
        assert!(!changed(|it| it["period"]["start"] = json!("2023-01-01")));
        assert!(!changed(|it| it["extension"] = json!([])));
        assert!(!changed(|it| it["telecom"] = json!([{ "value": "1" }])));
        let ended = json!({ "resourceType": "CareTeam", "period": { "end": "2026-01-01" } });
        let earlier = json!({ "resourceType": "CareTeam", "period": { "end": "2025-12" } });
        let open = json!({ "resourceType": "CareTeam" });
        assert!(only_ends_or_limits(&ended, &earlier));
        assert!(
            !only_ends_or_limits(&earlier, &ended),
            "prolonging is an ordinary write"
        );
        assert!(!only_ends_or_limits(&ended, &open));
        assert!(only_ends_or_limits(&open, &ended));
    }
}
