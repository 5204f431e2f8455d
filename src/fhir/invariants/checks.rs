//! The invariants that need more than "this element demands that one". Each is named in [`super::table`].

use std::collections::HashSet;

use serde_json::Value;

use super::dates::in_order;
use super::node::{Node, items};
use super::reference::stated_type;

const UCUM: &str = "http://unitsofmeasure.org";
const CONDITION_CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const CONDITION_VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

pub fn ext_1(node: &Node<'_>) -> bool {
    node.has("extension") != node.has("value[x]")
}

pub fn ref_1(node: &Node<'_>) -> bool {
    match node.text("reference").and_then(|reference| reference.strip_prefix('#')) {
        None => true,
        Some("") => node.inside,
        Some(id) => node.around.contained.contains_key(id),
    }
}

/// Everywhere but in CareTeam.period and CarePlan.period, where the riktlinje judges it (FK-03).
pub fn per_1(node: &Node<'_>) -> bool {
    let ours = matches!(node.parent_type, "CareTeam" | "CarePlan") && !node.inside;
    ours || in_order(node.text("start"), node.text("end"))
}

/// Age and Duration: a unit of time, of UCUM; Age positive.
pub fn age_1(node: &Node<'_>) -> bool {
    quantity_of_ucum(node) && node.float("value").is_none_or(|value| value > 0.0)
}

pub fn dis_1(node: &Node<'_>) -> bool {
    quantity_of_ucum(node)
}

pub fn drt_1(node: &Node<'_>) -> bool {
    !node.has("code") || (node.text("system") == Some(UCUM) && node.has("value"))
}

pub fn cnt_3(node: &Node<'_>) -> bool {
    let whole = node.get("value").is_none_or(|value| !value.to_string().contains('.'));
    quantity_of_ucum(node) && node.text("code").is_none_or(|code| code == "1") && whole
}

fn quantity_of_ucum(node: &Node<'_>) -> bool {
    (node.has("code") || !node.has("value")) && node.text("system").is_none_or(|system| system == UCUM)
}

/// Compared only when both are in the same unit.
pub fn rng_2(node: &Node<'_>) -> bool {
    ordered_quantities(node.get("low"), node.get("high"))
}

pub fn ratrng_2(node: &Node<'_>) -> bool {
    ordered_quantities(node.get("lowNumerator"), node.get("highNumerator"))
}

fn ordered_quantities(low: Option<&Value>, high: Option<&Value>) -> bool {
    let (Some(low), Some(high)) = (low, high) else {
        return true;
    };
    let same_unit = ["system", "code", "unit"]
        .iter()
        .all(|name| low.get(name) == high.get(name));
    match (
        low.get("value").and_then(Value::as_f64),
        high.get("value").and_then(Value::as_f64),
    ) {
        (Some(low), Some(high)) if same_unit => low <= high,
        _ => true,
    }
}

pub fn rat_1(node: &Node<'_>) -> bool {
    let (above, below) = (node.has("numerator"), node.has("denominator"));
    above == below && (above || node.has("extension"))
}

pub fn ratrng_1(node: &Node<'_>) -> bool {
    let above = node.has("lowNumerator") || node.has("highNumerator");
    above == node.has("denominator") && (above || node.has("extension"))
}

pub fn tim_4(node: &Node<'_>) -> bool {
    node.float("duration").is_none_or(|value| value >= 0.0)
}

pub fn tim_5(node: &Node<'_>) -> bool {
    node.float("period").is_none_or(|value| value >= 0.0)
}

pub fn tim_9(node: &Node<'_>) -> bool {
    let meal = |code: &Value| {
        code.as_str()
            .is_some_and(|code| matches!(code, "C" | "CM" | "CD" | "CV"))
    };
    !node.has("offset") || (node.has("when") && !node.items("when").iter().any(meal))
}

pub fn trd_3(node: &Node<'_>) -> bool {
    match node.text("type") {
        Some("named-event") => node.has("name"),
        Some("periodic") => node.has("timing[x]"),
        Some(code) if code.starts_with("data-") => node.has("data"),
        _ => true,
    }
}

pub fn drq_1(node: &Node<'_>) -> bool {
    node.has("path") != node.has("searchParam")
}

pub fn sdd_1(node: &Node<'_>) -> bool {
    node.has("interval") != node.has("offsets")
}

pub fn av_1(node: &Node<'_>) -> bool {
    node.get("allDay") != Some(&Value::Bool(true)) || !(node.has("availableStartTime") || node.has("availableEndTime"))
}

pub fn dos_1(node: &Node<'_>) -> bool {
    !node.has("asNeededFor") || node.get("asNeeded") != Some(&Value::Bool(false))
}

pub fn exp_2(node: &Node<'_>) -> bool {
    node.text("name").is_none_or(|name| {
        name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// Breached only when the member's type is stated and is another.
pub fn ctm_1_r4(node: &Node<'_>) -> bool {
    !node.has("onBehalfOf") || member_may_be_practitioner(node)
}

/// R5 also demands that there is a member.
pub fn ctm_1_r5(node: &Node<'_>) -> bool {
    !node.has("onBehalfOf") || (node.has("member") && member_may_be_practitioner(node))
}

fn member_may_be_practitioner(node: &Node<'_>) -> bool {
    target_of(node, "member").is_none_or(|kind| kind == "Practitioner")
}

/// The type that a reference in this element states.
fn target_of<'n>(node: &Node<'n>, name: &str) -> Option<&'n str> {
    let (type_name, table) = node.around.tables.named("Reference")?;
    let reference = Node {
        object: node.get(name)?.as_object()?,
        type_name,
        table,
        element: None,
        outer: None,
        ..*node
    };
    stated_type(&reference)
}

/// R4: the telecom (org-3) and address (org-2) of an organization; asked of every ContactPoint and Address.
pub fn not_home_of_organization(node: &Node<'_>) -> bool {
    node.parent_type != "Organization" || node.text("use") != Some("home")
}

/// R5: Organization.contact is an ExtendedContactDetail.
pub fn org_3_r5(node: &Node<'_>) -> bool {
    node.parent_type != "Organization" || !node.items("telecom").iter().any(is_home)
}

pub fn org_4_r5(node: &Node<'_>) -> bool {
    node.parent_type != "Organization" || !node.get("address").is_some_and(is_home)
}

fn is_home(value: &Value) -> bool {
    value.get("use").and_then(Value::as_str) == Some("home")
}

pub fn app_2(node: &Node<'_>) -> bool {
    node.has("start") == node.has("end")
}

pub fn app_3(node: &Node<'_>) -> bool {
    (node.has("start") && node.has("end")) || node.is("status", &["proposed", "cancelled", "waitlist"])
}

/// HL7's R4 expression misspells the code as `no-show`; the text and the code list have `noshow`.
pub fn app_4(node: &Node<'_>) -> bool {
    let reason = node.has("cancelationReason") || node.has("cancellationReason");
    !reason || node.is("status", &["cancelled", "noshow"])
}

pub fn app_5(node: &Node<'_>) -> bool {
    in_order(node.text("start"), node.text("end"))
}

pub fn con_abated(node: &Node<'_>) -> bool {
    !node.has("abatement[x]")
        || node.has_coding(
            "clinicalStatus",
            CONDITION_CLINICAL,
            &["inactive", "resolved", "remission"],
        )
}

pub fn con_5(node: &Node<'_>) -> bool {
    !node.has("clinicalStatus") || !node.has_coding("verificationStatus", CONDITION_VERIFICATION, &["entered-in-error"])
}

pub fn grp_1(node: &Node<'_>) -> bool {
    !node.has("member") || node.get("actual") == Some(&Value::Bool(true))
}

pub fn dev_1(node: &Node<'_>) -> bool {
    node.items("name")
        .iter()
        .filter(|name| name.get("display") == Some(&Value::Bool(true)))
        .count()
        <= 1
}

pub fn vsd_9(node: &Node<'_>) -> bool {
    node.has("code") || node.get("abstract") == Some(&Value::Bool(true))
}

pub fn tsk_1(node: &Node<'_>) -> bool {
    !node.has("restriction")
        || (node.has_coding("code", "http://hl7.org/fhir/CodeSystem/task-code", &["fulfill"]) && node.has("focus"))
}

pub fn tsk_dates(node: &Node<'_>) -> bool {
    in_order(node.text("authoredOn"), node.text("lastModified"))
}

/// Breached only when the actor's type is stated.
pub fn enc_2(node: &Node<'_>) -> bool {
    !node.has("type") || !matches!(target_of(node, "actor"), Some("Patient" | "Group"))
}

pub fn que_1(node: &Node<'_>) -> bool {
    node.text("type") != Some("group") || node.has("item")
}

/// On all levels together.
pub fn que_2(node: &Node<'_>) -> bool {
    let mut seen = HashSet::new();
    let mut levels = vec![node.items("item")];
    while let Some(level) = levels.pop() {
        for item in level {
            if item
                .get("linkId")
                .and_then(Value::as_str)
                .is_some_and(|link| !seen.insert(link))
            {
                return false;
            }
            levels.push(items(item.get("item")));
        }
    }
    true
}

pub fn que_7(node: &Node<'_>) -> bool {
    node.text("operator") != Some("exists") || node.has("answerBoolean")
}

/// HL7's expression misspells the code of answerConstraint as `optionOrString`.
pub fn que_10_r5(node: &Node<'_>) -> bool {
    !node.has("maxLength")
        || node.is("type", &["boolean", "decimal", "integer", "string", "text", "url"])
        || node.is("answerConstraint", &["optionsOrString"])
}

/// HL7's R4 expression lets two pass; its text, the definition of enableBehavior and R5 do not.
pub fn que_12(node: &Node<'_>) -> bool {
    node.items("enableWhen").len() <= 1 || node.has("enableBehavior")
}

pub fn que_13(node: &Node<'_>) -> bool {
    node.items("initial").len() <= 1 || node.get("repeats") == Some(&Value::Bool(true))
}

/// Beneath the uppermost items, as HL7's expression has it. Groups may repeat, so only items with a value count.
pub fn qrs_2(node: &Node<'_>) -> bool {
    if node.parent_type == "QuestionnaireResponse" {
        return true;
    }
    let answered = |item: &&Value| {
        let values = |answer: &Value| answer.as_object().is_some_and(|a| a.keys().any(|key| is_value(key)));
        items(item.get("answer")).iter().any(values)
    };
    let mut seen = HashSet::new();
    let links = node.items("item").iter().filter(answered);
    links
        .filter_map(|item| item.get("linkId")?.as_str())
        .all(|link| seen.insert(link))
}

/// `value[x]`, or its extensions.
fn is_value(key: &str) -> bool {
    key.strip_prefix('_').unwrap_or(key).starts_with("value")
}

/// Breached only when both are written alike.
pub fn prov_1(node: &Node<'_>) -> bool {
    let reference = |name: &str| {
        node.get(name)
            .and_then(|it| it.get("reference"))
            .and_then(Value::as_str)
    };
    reference("who").is_none_or(|who| reference("onBehalfOf") != Some(who))
}

pub fn par_1(node: &Node<'_>) -> bool {
    [node.has("value[x]"), node.has("resource"), node.has("part")]
        .iter()
        .filter(|has| **has)
        .count()
        == 1
}

fn entries_all(node: &Node<'_>, good: impl Fn(&Value) -> bool) -> bool {
    node.items("entry").iter().all(good)
}

pub fn bdl_2(node: &Node<'_>) -> bool {
    node.is("type", &["searchset"]) || entries_all(node, |entry| entry.get("search").is_none())
}

pub fn bdl_3_r4(node: &Node<'_>) -> bool {
    let wanted = node.is("type", &["batch", "transaction", "history"]);
    entries_all(node, |entry| entry.get("request").is_some() == wanted)
}

pub fn bdl_4_r4(node: &Node<'_>) -> bool {
    let wanted = node.is("type", &["batch-response", "transaction-response", "history"]);
    entries_all(node, |entry| entry.get("response").is_some() == wanted)
}

pub fn bdl_3a(node: &Node<'_>) -> bool {
    !node.is("type", &["document", "message", "searchset", "collection"])
        || entries_all(node, |entry| {
            entry.get("resource").is_some() && entry.get("request").is_none() && entry.get("response").is_none()
        })
}

pub fn bdl_3b(node: &Node<'_>) -> bool {
    !node.is("type", &["history"])
        || entries_all(node, |entry| {
            entry.get("request").is_some() && entry.get("response").is_some() && body_fits(entry)
        })
}

pub fn bdl_3c(node: &Node<'_>) -> bool {
    !node.is("type", &["transaction", "batch"])
        || entries_all(node, |entry| entry.get("request").is_some() && body_fits(entry))
}

pub fn bdl_3d(node: &Node<'_>) -> bool {
    !node.is("type", &["transaction-response", "batch-response"])
        || entries_all(node, |entry| entry.get("response").is_some())
}

/// A resource goes with POST, PUT and PATCH, and with no other method.
fn body_fits(entry: &Value) -> bool {
    let method = entry
        .get("request")
        .and_then(|request| request.get("method"))
        .and_then(Value::as_str);
    matches!(method, Some("POST" | "PUT" | "PATCH")) == entry.get("resource").is_some()
}

pub fn bdl_7(node: &Node<'_>) -> bool {
    if node.is("type", &["history"]) {
        return true;
    }
    let version = |entry: &Value| {
        entry
            .pointer("/resource/meta/versionId")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let mut seen = HashSet::new();
    items(node.get("entry"))
        .iter()
        .filter_map(|entry| Some((entry.get("fullUrl")?.as_str()?, version(entry))))
        .all(|one| seen.insert(one))
}

pub fn bdl_8(node: &Node<'_>) -> bool {
    node.text("fullUrl").is_none_or(|url| !url.contains("/_history/"))
}
