//! The riktlinje as a CodeSystem: a concept per rule, with its severity nationally and in each policy, its source, and
//! where it is judged.

use serde_json::{Value, json};

use super::BASE;
use crate::riktlinje::catalogue::all;
use crate::riktlinje::policy::NATIONELL;
use crate::riktlinje::{Policies, Policy, Rule, Severity};

/// Of what the guideline demands everywhere, and of each policy by `allvarlighet-` and its name.
const SEVERITY: &str = "allvarlighet";

/// The code system of all rules of the guideline; those that are not judged yet say so.
pub fn code_system(policies: &Policies) -> Value {
    let regional = || policies.all().filter(|policy| policy.name != NATIONELL);
    let mut properties = vec![
        property(
            SEVERITY,
            "code",
            "Allvarlighetsgrad nationellt: error, warning, information eller off.",
        ),
        property("kalla", "string", "Riktlinje eller författning som regeln kommer ur."),
        property(
            "provas",
            "code",
            "write: vid varje skrivning. check: bara i riktlinjekontrollen.",
        ),
        property(
            "bara-aktiva",
            "boolean",
            "Regeln gäller aktiva kontakter och planer; för planerade ges fyndet som information.",
        ),
        property("hela-bilden", "boolean", "Regeln ser på allt som är känt om patienten."),
        property("tillampas", "boolean", "Om den här tjänsten prövar regeln ännu."),
    ];
    properties.extend(regional().map(|policy| {
        let description = format!("Allvarlighetsgrad enligt {}.", policy.title);
        property(&severity_in(policy), "code", &description)
    }));
    let concepts: Vec<Value> = all()
        .map(|rule| concept(rule, policies.nationell(), regional()))
        .collect();
    json!({
        "resourceType": "CodeSystem",
        "id": "riktlinje",
        "name": "Riktlinje",
        "title": "Riktlinjens regler",
        "description": "Reglerna som kontakter och planer prövas mot, med källa och allvarlighetsgrad per region. Koderna är stabila och står i varje OperationOutcome.",
        "caseSensitive": true,
        "valueSet": format!("{BASE}/ValueSet/riktlinje"),
        "content": "complete",
        "count": concepts.len(),
        "property": properties,
        "concept": concepts,
    })
}

fn property(code: &str, kind: &str, description: &str) -> Value {
    json!({ "code": code, "uri": format!("{BASE}/CodeSystem/riktlinje#{code}"), "description": description, "type": kind })
}

fn severity_in(policy: &Policy) -> String {
    format!("{SEVERITY}-{}", policy.name)
}

fn concept<'p>(rule: &Rule, nationell: &Policy, regional: impl Iterator<Item = &'p Policy>) -> Value {
    let judged = if rule.is_judged_on_writes() { "write" } else { "check" };
    let mut properties = vec![
        json!({ "code": SEVERITY, "valueCode": code(nationell.severity(rule)) }),
        json!({ "code": "kalla", "valueString": rule.source }),
        json!({ "code": "provas", "valueCode": judged }),
        json!({ "code": "bara-aktiva", "valueBoolean": rule.active }),
        json!({ "code": "hela-bilden", "valueBoolean": rule.patient }),
        json!({ "code": "tillampas", "valueBoolean": rule.is_checked() }),
    ];
    properties.extend(
        regional.map(|policy| json!({ "code": severity_in(policy), "valueCode": code(policy.severity(rule)) })),
    );
    json!({
        "code": rule.id.as_str(),
        "display": rule.sv,
        "definition": format!("{} Källa: {}.", rule.sv, rule.source),
        "designation": [{ "language": "en", "value": rule.en }],
        "property": properties,
    })
}

fn code(severity: Option<Severity>) -> &'static str {
    severity.map_or("off", Severity::code)
}
