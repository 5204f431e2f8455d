//! The riktlinje against its test vectors: one directory per rule and one for the everyday cases, each file one write.
//!
//! A vector: `context` (resources in R5, or names of those in gemensamt.json), perhaps `before` (earlier
//! versions of context resources that the same transaction changes), `stored` (the version before of the written) and
//! `hidden` (ids of what the caller may not read), `write`, and what is to be found. The written resource is part of the
//! state, as in a transaction (GEN-01). The policies are the shipped ones and those of tests/riktlinje/policies.
//! With `"version": "r4"` all that stands in the vector itself is R4: it is converted as the door does it, and the
//! expressions expected are those of R4. What asks about a patient instead of a write: see riktlinje/helheten.rs.

#[path = "riktlinje/helheten.rs"]
mod helheten;
#[path = "riktlinje/linjart.rs"]
mod linjart;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use fastkontakt::fhir::convert::{PathMap, r4_to_r5};
use fastkontakt::fhir::structure;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::riktlinje::catalogue::Check;
use fastkontakt::riktlinje::{
    Avslut, Effect, Files, Finding, Judgement, Policies, Skrivning, bedom_enligt, catalogue, only_ends_or_limits,
};
use fastkontakt_model::facts::Reference;
use fastkontakt_model::{Fact, understand};
use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The everyday cases of riktlinje.md part 5.
const EVERYDAY: &str = "vardag";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/riktlinje")
}

fn json_at(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn all_vectors() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root()) else {
        return Vec::new();
    };
    let mut directories: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    directories.iter().flat_map(|directory| json_files(directory)).collect()
}

/// Most resources stand in many vectors: each is understood once.
static UNDERSTOOD: LazyLock<Mutex<HashMap<String, Option<Arc<Fact>>>>> = LazyLock::new(Mutex::default);

fn try_understand(resource: &Value) -> Option<Arc<Fact>> {
    let text = resource.to_string();
    let mut known = UNDERSTOOD.lock().expect("no test panics here");
    let kind = resource["resourceType"].as_str()?;
    known
        .entry(text)
        .or_insert_with_key(|text| understand(kind, text).ok().map(Arc::new))
        .clone()
}

fn understood(resource: &Value) -> Arc<Fact> {
    try_understand(resource).unwrap_or_else(|| panic!("not understood: {resource}"))
}

/// Read once for the property test.
static POLICIES: LazyLock<Policies> =
    LazyLock::new(|| Policies::load(&root().join("policies")).unwrap_or_else(|error| panic!("{error}")));
static VECTORS: LazyLock<Vec<Vector>> = LazyLock::new(|| {
    let shared = json_at(&root().join("gemensamt.json"));
    all_vectors().iter().map(|path| Vector::read(path, &shared)).collect()
});

/// A vector with its shared resources filled in.
#[derive(Clone)]
struct Vector {
    name: String,
    helhet: Option<helheten::Helhet>,
    policy: Option<String>,
    today: Date,
    context: Vec<Value>,
    before: Vec<Value>,
    hidden: Vec<String>,
    stored: Option<Value>,
    write: Value,
    expect: Value,
    effects: Value,
    version: FhirVersion,
    /// Every resource as it was given, with its version.
    given: Vec<(FhirVersion, Value)>,
    /// What `write` was converted from, and where its elements stood there.
    source: Value,
    paths: PathMap,
}

impl Vector {
    fn read(path: &Path, shared: &Value) -> Vector {
        let vector = json_at(path);
        let fill = |entry: &Value| match entry.as_str() {
            Some(name) if shared[name].is_object() => shared[name].clone(),
            Some(name) => panic!("{}: nothing shared is called {name}", path.display()),
            None => entry.clone(),
        };
        let version = match vector["version"].as_str() {
            Some("r4") => FhirVersion::R4,
            _ => FhirVersion::R5,
        };
        let list = |name: &str| vector[name].as_array().cloned().unwrap_or_default();
        let as_r5 = |resource: Value| match version {
            FhirVersion::R4 => r4_to_r5(&resource).resource,
            FhirVersion::R5 => resource,
        };
        let mut given: Vec<(FhirVersion, Value)> = Vec::new();
        for entry in list("context") {
            let of = if entry.is_string() { FhirVersion::R5 } else { version };
            given.push((of, fill(&entry)));
        }
        let own = list("before").into_iter().chain(vector.get("stored").cloned());
        given.extend(own.chain(vector.get("write").cloned()).map(|own| (version, own)));
        let mut made = Vector {
            name: vector["name"].as_str().unwrap_or_default().to_owned(),
            helhet: helheten::Helhet::read(&vector),
            version,
            given,
            source: vector["write"].clone(),
            paths: PathMap::default(),
            policy: vector["policy"].as_str().map(str::to_owned),
            today: vector["today"]
                .as_str()
                .and_then(|day| day.parse().ok())
                .expect("today"),
            context: vector["context"]
                .as_array()
                .expect("context")
                .iter()
                .map(|entry| {
                    if entry.is_string() {
                        fill(entry)
                    } else {
                        as_r5(entry.clone())
                    }
                })
                .collect(),
            before: list("before").into_iter().map(as_r5).collect(),
            hidden: vector["hidden"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|id| id.as_str().expect("an id").to_owned())
                .collect(),
            stored: vector.get("stored").cloned().map(as_r5),
            write: Value::Null,
            expect: vector["expect"].clone(),
            effects: vector.get("effects").cloned().unwrap_or_else(|| json!([])),
        };
        made.convert();
        made
    }

    /// The written resource as the rules see it, and the paths back.
    fn convert(&mut self) {
        (self.write, self.paths) = match self.version {
            FhirVersion::R4 if self.source.is_object() => {
                let converted = r4_to_r5(&self.source);
                (converted.resource, converted.paths)
            }
            _ => (self.source.clone(), PathMap::default()),
        };
    }

    /// All resources of the vector.
    fn resources(&self) -> impl Iterator<Item = &Value> {
        let written = self.helhet.is_none().then_some(&self.write);
        self.context.iter().chain(&self.stored).chain(written)
    }

    /// The findings, as the vector expects them.
    fn told(&self, policies: &Policies) -> Value {
        match &self.helhet {
            Some(helhet) => helhet.fynd(self, policies).iter().map(helheten::told).collect(),
            None => self.judge(policies).findings.iter().map(told).collect(),
        }
    }

    fn judge(&self, policies: &Policies) -> Judgement {
        if let Some(helhet) = &self.helhet {
            return helhet.judge(self, policies);
        }
        let written = understood(&self.write);
        let stored = self.stored.as_ref().map(understood);
        let mut facts: Vec<Arc<Fact>> = self.context.iter().map(understood).collect();
        facts.push(written.clone());
        let skrivning = Skrivning {
            written: &written,
            stored: stored.as_deref(),
            bara_avslut: self
                .stored
                .as_ref()
                .is_some_and(|stored| only_ends_or_limits(stored, &self.write)),
        };
        let before = self.before.iter().map(understood).collect();
        let files = Files::new(facts).with_before(before).with_hidden(self.hidden.clone());
        let mut files = linjart::Raknade::new(files);
        let Ok(mut judgement) = bedom_enligt(&skrivning, &mut files, policies, self.policy.as_deref(), self.today);
        for finding in &mut judgement.findings {
            finding.expression = self.paths.to_source(&finding.expression);
        }
        judgement
    }
}

fn told(finding: &Finding) -> Value {
    json!({ "rule": finding.rule.as_str(), "severity": finding.severity.code(), "expression": finding.expression })
}

fn brought_about(effect: &Effect) -> Value {
    match effect {
        Effect::Ersatts(ersattning) if ersattning.tas_tillbaka => {
            let mut taken_back = json!({ "careTeam": ersattning.care_team, "takenBack": true });
            if let Some((by, _, avslut)) = ersattning.forsta() {
                taken_back["replacedBy"] = json!(by);
                taken_back["how"] = json!(format!("{avslut:?}"));
            }
            taken_back
        }
        Effect::Ersatts(ersattning) => {
            let care_team = &ersattning.care_team;
            match ersattning.forsta().expect("one that replaces it").2 {
                Avslut::Slutar(day) => json!({ "careTeam": care_team, "end": day.to_string() }),
                Avslut::Inaktiv => json!({ "careTeam": care_team, "status": "inactive" }),
                Avslut::ErsattFran(day) => json!({ "careTeam": care_team, "replacedFrom": day.to_string() }),
            }
        }
        Effect::NoteraAterkallat { care_team, dag } => {
            json!({ "careTeam": care_team, "notedAsWithdrawn": dag.to_string() })
        }
        Effect::Meddela(message) => {
            let references = |all: &[Reference]| -> Vec<Option<String>> {
                all.iter().map(|reference| reference.reference.clone()).collect()
            };
            json!({
                "message": message.kod,
                "subject": message.subject.reference,
                "about": message.about,
                "recipient": references(&message.mottagare),
            })
        }
    }
}

#[test]
fn every_vector_gives_the_findings_and_effects_it_expects() {
    let shared = json_at(&root().join("gemensamt.json"));
    let mut wrong = Vec::new();
    for path in all_vectors() {
        let vector = Vector::read(&path, &shared);
        let judgement = vector.judge(&POLICIES);
        let findings = vector.told(&POLICIES);
        let effects = Value::Array(judgement.effects.iter().map(brought_about).collect());
        if findings != vector.expect || effects != vector.effects {
            wrong.push(format!(
                "{}\n  expected {} {}\n  found    {findings} {effects}",
                path.display(),
                vector.expect,
                vector.effects
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} vectors differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_rule_that_is_enforced_has_a_passing_and_a_failing_vector() {
    let mut lacking = Vec::new();
    for rule in catalogue() {
        let files = json_files(&root().join(rule.id.as_str()));
        let finds = |path: &PathBuf| {
            let expect = json_at(path)["expect"].clone();
            expect
                .as_array()
                .is_some_and(|all| all.iter().any(|finding| finding["rule"] == rule.id.as_str()))
        };
        let failing = files.iter().filter(|path| finds(path)).count();
        if failing == 0 || failing == files.len() {
            lacking.push(rule.id.as_str());
        }
    }
    assert!(
        lacking.is_empty(),
        "rules without a passing or without a failing vector: {lacking:?}"
    );
}

/// How the vectors of a rule end, as far as one version is concerned.
#[derive(Default)]
struct Outcomes {
    passing: bool,
    failing: bool,
    unknown: bool,
}

#[test]
fn every_rule_about_plans_has_its_vectors_in_both_versions() {
    let shared = json_at(&root().join("gemensamt.json"));
    let policies = Policies::shipped();
    let mut lacking = Vec::new();
    for rule in catalogue().filter(|rule| matches!(rule.check, Check::Plan(..))) {
        let (mut r4, mut r5) = (Outcomes::default(), Outcomes::default());
        for path in json_files(&root().join(rule.id.as_str())) {
            let vector = Vector::read(&path, &shared);
            let outcomes = if vector.version == FhirVersion::R4 {
                &mut r4
            } else {
                &mut r5
            };
            let findings = vector.judge(&policies).findings;
            let own: Vec<&Finding> = findings.iter().filter(|finding| finding.rule == rule.id).collect();
            let is_unknown = |finding: &&Finding| finding.text.sv.starts_with("Underlag saknas");
            outcomes.passing |= own.is_empty();
            outcomes.unknown |= own.iter().any(is_unknown);
            outcomes.failing |= own.iter().any(|finding| !is_unknown(finding));
        }
        for (version, outcomes) in [("R5", r5), ("R4", r4)] {
            if !(outcomes.passing && outcomes.failing && (outcomes.unknown || !rule.underlag)) {
                lacking.push(format!("{} in {version}", rule.id));
            }
        }
    }
    assert!(
        lacking.is_empty(),
        "without a passing, a failing, or (GEN-03) an unknown vector: {lacking:?}"
    );
}

#[test]
fn every_everyday_case_is_accepted() {
    let files = json_files(&root().join(EVERYDAY));
    assert!(files.len() > 30, "only {} everyday cases", files.len());
    for path in files {
        let expect = json_at(&path)["expect"].clone();
        let refused = expect
            .as_array()
            .is_some_and(|all| all.iter().any(|finding| finding["severity"] == "error"));
        assert!(!refused, "{}", path.display());
    }
}

#[test]
fn every_resource_in_the_vectors_is_valid_fhir() {
    let shared = json_at(&root().join("gemensamt.json"));
    let mut faults = BTreeMap::new();
    for path in all_vectors() {
        let vector = Vector::read(&path, &shared);
        for (version, resource) in &vector.given {
            let kind = resource["resourceType"].as_str().unwrap_or_default();
            let found = structure::check(*version, kind, resource);
            if !found.is_empty() {
                faults.insert(format!("{} {kind}/{}", path.display(), resource["id"]), found);
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// GEN-03: a rule that knows "underlag saknas" has a vector that says so, and no other rule says it.
#[test]
fn every_rule_that_needs_facts_has_an_unknown_vector() {
    let unknown = |finding: &Finding| finding.text.sv.starts_with("Underlag saknas");
    let (mut lacking, mut unmarked) = (Vec::new(), Vec::new());
    let shared = json_at(&root().join("gemensamt.json"));
    for rule in catalogue() {
        let says_so = json_files(&root().join(rule.id.as_str())).iter().any(|path| {
            let findings = Vector::read(path, &shared).judge(&POLICIES).findings;
            let mut own = findings.iter().filter(|finding| finding.rule == rule.id);
            own.any(unknown)
        });
        match (rule.underlag, says_so) {
            (true, false) => lacking.push(rule.id.as_str()),
            (false, true) => unmarked.push(rule.id.as_str()),
            _ => {}
        }
    }
    assert!(lacking.is_empty(), "rules without an unknown vector: {lacking:?}");
    assert!(unmarked.is_empty(), "rules to be marked `.underlag()`: {unmarked:?}");
}

/// GEN-05: no finding repeats a number, a name, an id or a diagnosis of the resources around it.
#[test]
fn no_finding_tells_who_or_where() {
    let shared = json_at(&root().join("gemensamt.json"));
    for path in all_vectors() {
        let vector = Vector::read(&path, &shared);
        for finding in vector.judge(&POLICIES).findings {
            // The source, which becomes `diagnostics`, is the rule's own and the same for everyone.
            let rule = catalogue().find(|rule| rule.id == finding.rule);
            assert_eq!(rule.map(|rule| rule.source), Some(finding.source.as_str()));
            for text in [finding.text.sv.as_ref(), finding.text.en.as_ref(), &finding.expression] {
                for resource in vector.resources() {
                    let told = secrets(resource)
                        .into_iter()
                        .find(|secret| text.contains(secret.as_str()));
                    assert_eq!(told, None, "{}: {text}", path.display());
                }
            }
        }
    }
}

/// The names, numbers and ids of a resource; of a Condition every text and code of the diagnosis.
fn secrets(resource: &Value) -> Vec<String> {
    const TELLING: &[&str] = &["value", "family", "given", "name", "display"];
    fn collect(value: &Value, telling: &[&str], told: bool, found: &mut Vec<String>) {
        match value {
            Value::String(text) if told => found.push(text.clone()),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                // The display of a code says what the code means, that of a reference who it is.
                let of_code = name == "display" && members.contains_key("code") && !telling.contains(&"code");
                collect(member, telling, telling.contains(&name.as_str()) && !of_code, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| collect(item, telling, told, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(resource, TELLING, false, &mut found);
    if resource["resourceType"] == "Condition" {
        collect(&resource["code"], &["text", "code", "display"], false, &mut found);
    }
    found.retain(|text| text.len() > 3);
    if let (Some(kind), Some(id)) = (resource["resourceType"].as_str(), resource["id"].as_str()) {
        found.push(format!("{kind}/{id}"));
    }
    found
}

/// Values to put where they do not belong.
fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any_date().prop_map(Value::String),
        any_reference().prop_map(Value::String),
        any_reference().prop_map(|literal| json!({ "reference": literal })),
        any_reference().prop_map(|literal| json!([{ "reference": literal }])),
        (any_date(), any_date()).prop_map(|(start, end)| json!({ "start": start, "end": end })),
        Just(json!("")),
        Just(json!("inactive")),
        Just(json!("draft")),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(Value::Null),
    ]
}

/// Dates of every precision, among them impossible ones, ends of the calendar and clock changes.
fn any_date() -> impl Strategy<Value = String> {
    prop_oneof![
        "20[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?",
        "2026-(03-29|10-25|09-1[3-6])T(0[0-3]|2[0-3]):[0-5][0-9]:00(Z|[+]0[12]:00)",
        Just("2026-13-45".to_owned()),
        Just("9999-12-31".to_owned()),
        Just("0001-01-01T00:00:00Z".to_owned()),
    ]
}

/// References to what the vectors hold, to the written resource itself, and into nothing: circles come of themselves.
fn any_reference() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Organization/vc-orebro",
        "Organization/region-orebro",
        "Organization/psykiatri-halland",
        "PractitionerRole/lakare-uppdrag",
        "PractitionerRole/sjukskoterska-uppdrag",
        "Practitioner/lakare",
        "CareTeam/k",
        "CareTeam/gammal",
        "CareTeam/annan",
        "CareTeam/team-med-telefon",
        "CareTeam/samordnaren",
        "CarePlan/plan",
        "CarePlan/p",
        "Patient/anna",
        "#x",
        "#a1",
        "urn:uuid:0",
        "annat",
    ])
    .prop_map(str::to_owned)
}

/// A change of one place in a resource.
#[derive(Clone, Debug)]
enum Mutation {
    Put(Value),
    Drop,
    /// A list gets the same element twice; anything else is dropped.
    Double,
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        3 => any_value().prop_map(Mutation::Put),
        1 => Just(Mutation::Drop),
        1 => Just(Mutation::Double),
    ]
}

/// The place of every element but type and id, as JSON pointers.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if !here.is_empty() || !["resourceType", "id"].contains(&name.as_str()) {
                    let place = format!("{here}/{name}");
                    found.push(place.clone());
                    places(member, &place, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place = format!("{here}/{index}");
                found.push(place.clone());
                places(item, &place, found);
            }
        }
        _ => {}
    }
}

fn mutate(resource: &mut Value, place: &prop::sample::Index, mutation: &Mutation) {
    let mut all = Vec::new();
    places(resource, "", &mut all);
    if all.is_empty() {
        return;
    }
    let place = place.get(&all);
    let (parent, name) = place.rsplit_once('/').unwrap_or(("", place));
    match (resource.pointer_mut(parent), mutation) {
        (Some(Value::Object(members)), Mutation::Put(value)) => {
            members.insert(name.to_owned(), value.clone());
        }
        (Some(Value::Object(members)), _) => {
            members.shift_remove(name);
        }
        (Some(Value::Array(items)), mutation) => {
            let index: usize = name.parse().expect("a position");
            match mutation {
                Mutation::Put(value) => items[index] = value.clone(),
                Mutation::Drop => drop(items.remove(index)),
                Mutation::Double => items.push(items[index].clone()),
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Vectors with elements dropped, doubled and replaced anywhere, some resources hidden, at any day: whatever can be
    /// understood is judged without a panic, by every policy, errors first, and with no effect when it is refused.
    #[test]
    fn judging_never_panics(
        vector in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any_mutation()),
            1..5,
        ),
        hidden in prop::option::of(any::<prop::sample::Index>()),
        policy in prop::option::of(any::<prop::sample::Index>()),
        day in prop_oneof![
            Just("2026-09-15"), Just("0001-01-01"), Just("9999-12-31"), Just("2026-03-29"), Just("2026-10-25"),
        ],
    ) {
        let mut vector = VECTORS[vector.index(VECTORS.len())].clone();
        for (victim, place, mutation) in &mutations {
            let mut victims: Vec<&mut Value> = vector.context.iter_mut().chain(&mut vector.stored).collect();
            // The written resource is hit half of the time.
            let half = victims.len();
            let reach = if vector.helhet.is_some() { half.max(1) } else { 2 * half + 1 };
            match victim.index(reach) {
                context if context < half => mutate(victims[context], place, mutation),
                _ => {
                    mutate(&mut vector.source, place, mutation);
                    mutate(&mut vector.write, place, mutation);
                }
            }
        }
        // What is no R4 never comes to the conversion; then it is the converted one that was hit.
        let kind = vector.source["resourceType"].as_str().unwrap_or_default();
        if vector.version == FhirVersion::R5 || structure::check(vector.version, kind, &vector.source).is_empty() {
            vector.convert();
        }
        vector.context.retain(is_understood);
        vector.stored = vector.stored.filter(is_understood);
        if vector.helhet.is_none() && !is_understood(&vector.write) {
            return Ok(());
        }
        if let Some(index) = hidden.filter(|_| !vector.context.is_empty()) {
            vector.hidden.extend(index.get(&vector.context)["id"].as_str().map(str::to_owned));
        }
        let policies = &*POLICIES;
        let names = policies.names();
        vector.policy = policy.map(|policy| policy.get(&names).to_string());
        vector.today = day.parse().expect("a day");
        let judgement = vector.judge(policies);
        prop_assert!(judgement.findings.is_sorted_by_key(|finding| finding.severity));
        prop_assert!(!judgement.refuses() || judgement.effects.is_empty());
    }
}

fn is_understood(resource: &Value) -> bool {
    try_understand(resource).is_some()
}
