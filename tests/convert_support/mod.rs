//! Resources made at random from the element tables: structurally valid, every element possible.

use fastkontakt::fhir::elements::{CodeList, Element, Tables, elements};
use fastkontakt::fhir::structure::check;
use fastkontakt::fhir::types::{ALSO_CONTAINED, ResourceType};
use fastkontakt::fhir::version::FhirVersion;
use serde_json::{Map, Number, Value, json};

/// What `fhir::structure` says of the resource.
pub fn structure(version: FhirVersion, resource: &Value) -> Result<(), String> {
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    let faults = check(version, kind, resource);
    let told = faults
        .iter()
        .map(|fault| format!("{} ({})", fault.expression, fault.text.en))
        .collect::<Vec<_>>()
        .join("; ");
    if faults.is_empty() { Ok(()) } else { Err(told) }
}

/// The first place where two values differ.
pub fn difference(path: &str, one: &Value, other: &Value) -> Option<String> {
    if one == other {
        return None;
    }
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort();
            names.into_iter().find_map(|name| {
                difference(
                    &format!("{path}.{name}"),
                    a.get(name).unwrap_or(&Value::Null),
                    b.get(name).unwrap_or(&Value::Null),
                )
            })
        }
        (Value::Array(a), Value::Array(b)) => {
            let longest = a.len().max(b.len());
            let item = |list: &[Value], at: usize| list.get(at).cloned().unwrap_or_default();
            (0..longest).find_map(|at| difference(&format!("{path}[{at}]"), &item(a, at), &item(b, at)))
        }
        _ => Some(format!("{path}: {one} ≠ {other}")),
    }
}

/// A small generator of its own (xorshift): proptest gives the seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() >> 11) as usize % n }
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

struct Generator {
    version: FhirVersion,
    tables: &'static Tables,
    random: Random,
    /// Optional elements still to be spent; the required ones come in any case.
    left: usize,
    contained: Vec<(String, String)>,
}

/// A structurally valid resource with about `size` optional elements.
pub fn generate(version: FhirVersion, kind: &str, seed: u64, size: usize) -> Value {
    let mixed = kind.bytes().fold(seed ^ 0x9E37_79B9_7F4A_7C15, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3)
    });
    let mut random = Random(mixed | 1);
    for _ in 0..8 {
        random.next();
    }
    let mut g = Generator {
        version,
        tables: elements(version),
        random,
        left: size,
        contained: Vec::new(),
    };
    let mut contained = Vec::new();
    if g.random.one_in(4) {
        for at in 0..1 + g.random.below(2) {
            let kinds: Vec<&str> = ResourceType::ALL
                .iter()
                .map(|t| t.name())
                .chain(ALSO_CONTAINED.iter().copied())
                .collect();
            let kind = kinds[g.random.below(kinds.len())];
            let id = format!("inre-{at}");
            let mut resource = g.resource(kind);
            for name in ["id", "meta"] {
                resource.remove(name);
            }
            resource.insert("id".into(), id.clone().into());
            contained.push(Value::Object(resource));
            g.contained.push((id, kind.to_owned()));
        }
        g.left = g.left.max(size);
    }
    let mut resource = g.resource(kind);
    if !contained.is_empty() {
        // Each contained resource is referred to, as dom-3 demands.
        for (id, _) in g.contained.clone() {
            let extension =
                json!({"url": "http://example.org/inre", "valueReference": {"reference": format!("#{id}")}});
            match resource.entry("extension").or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(list) => list.push(extension),
                _ => unreachable!("extension is a list"),
            }
        }
        resource.insert("contained".into(), Value::Array(contained));
    }
    Value::Object(resource)
}

impl Generator {
    fn resource(&mut self, kind: &str) -> Map<String, Value> {
        let mut resource = Map::new();
        resource.insert("resourceType".into(), kind.into());
        resource.extend(self.object(kind, kind, 0));
        self.invariants(kind, &mut resource);
        resource
    }

    fn object(&mut self, type_name: &str, path: &str, depth: usize) -> Map<String, Value> {
        let table = self.tables.type_(type_name).unwrap_or_else(|| panic!("{type_name}"));
        let all: Vec<(&str, &Element)> = table.iter().collect();
        let mut object = Map::new();
        // One of each choice.
        let mut chosen: Vec<(String, usize)> = Vec::new();
        for (at, (_, element)) in all.iter().enumerate() {
            if let Some(choice) = &element.choice {
                let same: Vec<usize> = (0..all.len())
                    .filter(|i| all[*i].1.choice.as_ref() == Some(choice))
                    .collect();
                if same[0] == at {
                    chosen.push((choice.clone(), same[self.random.below(same.len())]));
                }
            }
        }
        let count = all.len().max(1);
        for (at, (name, element)) in all.iter().enumerate() {
            if *name == "contained" || element.is_resource() {
                continue;
            }
            if element
                .choice
                .as_ref()
                .is_some_and(|c| !chosen.iter().any(|(choice, i)| choice == c && *i == at))
            {
                continue;
            }
            let wanted = self.left > 0 && depth < 7 && self.random.below(count) < 4 && self.rare(name);
            if element.min == 0 && !wanted {
                continue;
            }
            if element.min == 0 {
                self.left -= 1;
            }
            self.put(&mut object, name, element, &format!("{path}.{name}"), depth);
        }
        if object.keys().all(|name| name == "id") {
            // ele-1: something must be there.
            let simple = all
                .iter()
                .find(|(name, e)| e.is_primitive() && *name != "id" && e.choice.is_none() && e.codes.is_none());
            match simple {
                Some((name, element)) => self.put(&mut object, name, element, path, depth),
                None => {
                    object.insert(
                        "extension".into(),
                        json!([{"url": "http://example.org/tom", "valueBoolean": true}]),
                    );
                }
            }
        }
        object
    }

    /// Extensions everywhere would leave room for nothing else.
    fn rare(&mut self, name: &str) -> bool {
        match name {
            "modifierExtension" | "implicitRules" => self.random.one_in(6),
            "extension" => self.random.one_in(3),
            _ => true,
        }
    }

    fn put(&mut self, object: &mut Map<String, Value>, name: &str, element: &Element, path: &str, depth: usize) {
        let n = if element.many { 1 + self.random.below(3) } else { 1 };
        if element.is_primitive() {
            let beside_allowed =
                element.type_name != "xhtml" && !(name == "id" || name == "url" && path.contains("xtension"));
            let mut values = Vec::new();
            let mut besides = Vec::new();
            for _ in 0..n {
                let beside = beside_allowed && self.left > 0 && self.random.one_in(8);
                let bare = beside && self.random.one_in(3);
                values.push(if bare {
                    Value::Null
                } else {
                    self.primitive(name, element)
                });
                besides.push(if beside {
                    self.left = self.left.saturating_sub(1);
                    json!({"extension": [self.extension(depth + 2)]})
                } else {
                    Value::Null
                });
            }
            let any = |list: &[Value]| list.iter().any(|v| !v.is_null());
            if element.many {
                if any(&values) {
                    object.insert(name.into(), Value::Array(values));
                }
                if any(&besides) {
                    object.insert(format!("_{name}"), Value::Array(besides));
                }
            } else {
                for (key, value) in [
                    (name.to_owned(), values.remove(0)),
                    (format!("_{name}"), besides.remove(0)),
                ] {
                    if !value.is_null() {
                        object.insert(key, value);
                    }
                }
            }
            return;
        }
        let made: Vec<Value> = (0..n).map(|_| self.complex(element, path, depth)).collect();
        object.insert(
            name.into(),
            if element.many {
                Value::Array(made)
            } else {
                made.into_iter().next().unwrap_or_default()
            },
        );
    }

    fn complex(&mut self, element: &Element, path: &str, depth: usize) -> Value {
        match element.type_name.as_str() {
            "Extension" => self.extension(depth + 1),
            "Reference" => Value::Object(self.reference(&element.targets, depth + 1)),
            "CodeableReference" => {
                let mut made = self.object("CodeableReference", path, depth + 1);
                if made.contains_key("reference") {
                    made.insert(
                        "reference".into(),
                        Value::Object(self.reference(&element.targets, depth + 2)),
                    );
                }
                Value::Object(made)
            }
            "CodeableConcept" if element.codes.is_some() => {
                let (system, code) = self.listed(element.codes.as_deref().unwrap_or_default());
                json!({"coding": [{"system": system, "code": code}]})
            }
            "Narrative" => {
                json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>å ä ö</p></div>"})
            }
            "Period" => {
                let mut period = json!({"start": "2024-02-29", "end": "2025-01-01T12:00:00.120+01:00"});
                if self.random.one_in(3) {
                    period = json!({"start": "2024-02"});
                }
                period
            }
            name => {
                let mut made = self.object(name, name, depth + 1);
                if element.profile.as_deref() == Some("SimpleQuantity") {
                    made.remove("comparator");
                    made.remove("_comparator");
                    if made.is_empty() {
                        made.insert("unit".into(), "st".into());
                    }
                }
                self.type_invariants(name, &mut made);
                Value::Object(made)
            }
        }
    }

    fn extension(&mut self, depth: usize) -> Value {
        let mut made = Map::new();
        if self.random.one_in(10) {
            made.insert("id".into(), "e1".into());
        }
        made.insert(
            "url".into(),
            format!("http://example.org/tillägg/{}", self.random.below(5)).into(),
        );
        if depth < 6 && self.random.one_in(4) {
            let list = (0..1 + self.random.below(2))
                .map(|_| self.extension(depth + 2))
                .collect();
            made.insert("extension".into(), Value::Array(list));
            return Value::Object(made);
        }
        let table = self.tables.type_("Extension").expect("Extension");
        let values: Vec<(&str, &Element)> = table
            .iter()
            .filter(|(_, e)| e.choice.as_deref() == Some("value"))
            .collect();
        let (name, element) = values[self.random.below(values.len())];
        if element.is_primitive() || depth < 7 {
            self.put(&mut made, name, element, "Extension.value", depth + 1);
        } else {
            made.insert("valueBoolean".into(), true.into());
        }
        Value::Object(made)
    }

    fn reference(&mut self, targets: &[String], depth: usize) -> Map<String, Value> {
        let mut made = Map::new();
        let kind = if targets.is_empty() {
            "Patient".to_owned()
        } else {
            targets[self.random.below(targets.len())].clone()
        };
        match self.random.below(6) {
            0 => {
                made.insert("type".into(), kind.into());
                made.insert(
                    "identifier".into(),
                    json!({"system": "urn:oid:1.2.752.129.2.1.4.1", "value": "SE2321000164-7K3A"}),
                );
            }
            1 => {
                made.insert(
                    "reference".into(),
                    format!("https://example.org/fhir/{kind}/b.2").into(),
                );
            }
            2 => {
                made.insert("display".into(), "Någon".into());
            }
            3 if self
                .contained
                .iter()
                .any(|(_, k)| targets.is_empty() || targets.contains(k)) =>
            {
                let fits = self
                    .contained
                    .iter()
                    .find(|(_, k)| targets.is_empty() || targets.contains(k));
                made.insert("reference".into(), format!("#{}", fits.map_or("", |(id, _)| id)).into());
            }
            _ => {
                made.insert("reference".into(), format!("{kind}/a-1").into());
            }
        }
        if self.left > 0 && depth < 5 && self.random.one_in(10) {
            made.insert("extension".into(), Value::Array(vec![self.extension(depth + 1)]));
        }
        made
    }

    fn listed(&mut self, key: &str) -> (String, String) {
        match self.tables.codes(key) {
            Some(CodeList::Listed(systems)) => {
                let mut all: Vec<(&String, &String)> = systems
                    .iter()
                    .flat_map(|(s, codes)| codes.iter().map(move |c| (s, c)))
                    .collect();
                all.sort();
                let (system, code) = all[self.random.below(all.len())];
                (system.clone(), code.clone())
            }
            Some(CodeList::Grammar { grammar }) => match grammar.as_str() {
                "language" => ("urn:ietf:bcp:47".into(), "sv".into()),
                "mime" => ("urn:ietf:bcp:13".into(), "text/plain".into()),
                "timezone" => ("https://www.iana.org/time-zones".into(), "Europe/Stockholm".into()),
                "ucum" => ("http://unitsofmeasure.org".into(), "ms".into()),
                "currency" => ("urn:iso:std:iso:4217".into(), "SEK".into()),
                _ => ("urn:x".into(), "text/plain".into()),
            },
            None => ("urn:x".into(), "x".into()),
        }
    }

    fn primitive(&mut self, name: &str, element: &Element) -> Value {
        let pick = |random: &mut Random, list: &[&str]| Value::String(list[random.below(list.len())].to_owned());
        let number = |text: &str| Value::Number(serde_json::from_str::<Number>(text).expect("a number"));
        if name == "id" && element.type_name == "string" {
            return pick(&mut self.random, &["e-1", "E.2"]);
        }
        if let Some(key) = &element.codes {
            return Value::String(self.listed(key).1);
        }
        // que-2; and all answers to one question stand in one item (R4 says it in words, R5 as qrs-2).
        if name == "linkId" {
            return Value::String(format!("fraga-{:x}", self.random.next()));
        }
        let r = &mut self.random;
        match element.type_name.as_str() {
            "boolean" => Value::Bool(r.one_in(2)),
            "decimal" => number(["1.50", "0.0", "-3", "12345678901234567890.123", "1e-7"][r.below(5)]),
            "integer" => number(["0", "-7", "42"][r.below(3)]),
            "unsignedInt" => number(["0", "7", "2147483647"][r.below(3)]),
            "positiveInt" => number(["1", "12"][r.below(2)]),
            "integer64" => pick(r, &["0", "-5", "9223372036854775807", "12"]),
            "date" => pick(r, &["1950", "1950-09", "1950-09-07"]),
            "dateTime" => pick(
                r,
                &[
                    "2024",
                    "2024-02",
                    "2024-02-29",
                    "2024-02-29T08:00:00Z",
                    "2024-02-29T08:00:00.100+01:00",
                ],
            ),
            "instant" => pick(r, &["2024-02-29T08:00:00Z", "2024-02-29T08:00:00.100+01:00"]),
            "time" => pick(r, &["08:00:00", "16:30:00.5"]),
            "id" => pick(r, &["a-1", "B.2"]),
            "code" => pick(r, &["kod", "två ord"]),
            "uri" => pick(r, &["urn:oid:1.2.752.129.2.1.4.1", "http://example.org/x"]),
            "url" | "canonical" => pick(r, &["http://example.org/y", "http://example.org/z|2.0"]),
            "oid" => pick(r, &["urn:oid:1.2.752"]),
            "uuid" => pick(r, &["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"]),
            "base64Binary" => pick(r, &["aGVq", "Zm9v"]),
            "xhtml" => pick(r, &["<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"]),
            _ => pick(r, &["text", "Åsa Öberg", "två  blanksteg\nrad", "vid behov"]),
        }
    }

    /// The few invariants that a table of elements cannot know.
    fn type_invariants(&mut self, name: &str, made: &mut Map<String, Value>) {
        let has =
            |made: &Map<String, Value>, name: &str| made.contains_key(name) || made.contains_key(&format!("_{name}"));
        let drop = |made: &mut Map<String, Value>, name: &str| {
            made.remove(name);
            made.remove(&format!("_{name}"));
        };
        match (name, self.version) {
            // cpt-2, att-1
            ("ContactPoint", _) if has(made, "value") && !has(made, "system") => {
                made.insert("system".into(), "phone".into());
            }
            ("Attachment", _) if has(made, "data") && !has(made, "contentType") => {
                made.insert("contentType".into(), "text/plain".into());
            }
            // qty-3, drq-1, tim, exp-1, trd
            (_, _) if has(made, "code") && has(made, "unit") && !has(made, "system") => drop(made, "code"),
            ("Expression", _) => {
                made.insert("expression".into(), "true".into());
            }
            ("Age" | "Distance" | "Duration", _) => {
                drop(made, "unit");
                made.insert("value".into(), 12.into());
                made.insert("system".into(), "http://unitsofmeasure.org".into());
                made.insert("code".into(), if name == "Distance" { "m" } else { "mo" }.into());
            }
            ("Count", _) => {
                made.insert("value".into(), 12.into());
                made.insert("system".into(), "http://unitsofmeasure.org".into());
                made.insert("code".into(), "1".into());
            }
            ("SampledData", FhirVersion::R5) if self.random.one_in(2) => {
                drop(made, "offsets");
                made.insert("interval".into(), json!(20));
            }
            ("SampledData", FhirVersion::R5) => {
                drop(made, "interval");
                made.insert("offsets".into(), "1 2 3".into());
            }
            ("Range", _) => drop(made, "low"),
            // dos-1
            ("Dosage", FhirVersion::R5) if made.get("asNeeded") == Some(&Value::Bool(false)) => {
                drop(made, "asNeededFor")
            }
            // con-1, con-2, gol-1
            ("Condition.stage", _) if !has(made, "summary") && !has(made, "assessment") => {
                made.insert("summary".into(), json!({"text": "II"}));
            }
            ("Condition.evidence", _) if !has(made, "code") && !has(made, "detail") => {
                made.insert("code".into(), json!([{"text": "feber"}]));
            }
            ("Goal.target", _) if made.keys().any(|k| k.contains("detail")) => {
                made.insert("measure".into(), json!({"text": "steg"}));
            }
            ("Appointment.participant", _) if !has(made, "type") && !has(made, "actor") => {
                made.insert("actor".into(), json!({"reference": "Patient/a-1"}));
            }
            // cpl-3
            ("CarePlan.activity", FhirVersion::R4) if has(made, "reference") => drop(made, "detail"),
            ("CareTeam.participant", _) => drop(made, "onBehalfOf"),
            // enc-1, enc-2
            ("Encounter.participant", FhirVersion::R5) => {
                if !has(made, "type") {
                    made.insert("actor".into(), json!({"reference": "Patient/a-1"}));
                } else if has(made, "actor") {
                    made.insert("actor".into(), json!({"reference": "Practitioner/a-1"}));
                }
            }
            // que-4 to que-13
            ("Questionnaire.item", _) => {
                let kind = made.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
                let chooses = ["choice", "open-choice", "coding", "string", "integer", "date"].contains(&kind.as_str());
                let simple = ["string", "integer"].contains(&kind.as_str());
                if !chooses {
                    drop(made, "answerOption");
                    drop(made, "answerValueSet");
                }
                if has(made, "answerOption") {
                    drop(made, "answerValueSet");
                }
                if !chooses && !simple {
                    drop(made, "maxLength");
                }
                if ["group", "display"].contains(&kind.as_str()) {
                    made.insert("type".into(), "url".into());
                }
                for name in ["initial", "code", "enableWhen"] {
                    drop(made, name);
                }
                let lengthy = simple || kind == "open-choice";
                if !lengthy {
                    drop(made, "maxLength");
                }
            }
            _ => {}
        }
    }

    fn invariants(&mut self, kind: &str, made: &mut Map<String, Value>) {
        let has =
            |made: &Map<String, Value>, name: &str| made.contains_key(name) || made.contains_key(&format!("_{name}"));
        let drop = |made: &mut Map<String, Value>, name: &str| {
            made.remove(name);
            made.remove(&format!("_{name}"));
        };
        match (kind, self.version) {
            // ppc-1
            ("Consent", FhirVersion::R4) if !has(made, "policy") && !has(made, "policyRule") => {
                made.insert("policyRule".into(), json!({"text": "samtycke"}));
            }
            // app-2 to app-5
            ("Appointment", _) => {
                for name in [
                    "start",
                    "end",
                    "cancelationReason",
                    "cancellationReason",
                    "cancellationDate",
                ] {
                    drop(made, name);
                }
                drop(made, "status");
                if self.random.one_in(2) {
                    made.insert("status".into(), "booked".into());
                    made.insert("start".into(), "2024-02-29T08:00:00+01:00".into());
                    made.insert("end".into(), "2024-02-29T08:30:00+01:00".into());
                } else {
                    made.insert("status".into(), "cancelled".into());
                }
            }
            // con-3 to con-5: abatement only with a status that says so
            ("Condition", _) => {
                let code = made
                    .get("clinicalStatus")
                    .and_then(|s| s["coding"][0]["code"].as_str())
                    .unwrap_or_default()
                    .to_owned();
                if !["inactive", "resolved", "remission"].contains(&code.as_str()) {
                    let names: Vec<String> = made.keys().filter(|k| k.contains("abatement")).cloned().collect();
                    names.iter().for_each(|name| drop(made, name.trim_start_matches('_')));
                }
                let verification = made
                    .get("verificationStatus")
                    .and_then(|s| s["coding"][0]["code"].as_str());
                if self.version == FhirVersion::R4 && verification == Some("entered-in-error") {
                    drop(made, "verificationStatus");
                }
            }
            ("Group", FhirVersion::R4) if made.get("actual") != Some(&Value::Bool(true)) => drop(made, "member"),
            ("Group", FhirVersion::R5) if made.get("membership").is_none_or(|m| m != "enumerated") => {
                drop(made, "member")
            }
            ("Organization", _) if !has(made, "name") && !has(made, "identifier") => {
                made.insert("name".into(), "Vårdcentralen".into());
            }
            ("ServiceRequest", _) => {
                if !has(made, "code") {
                    drop(made, "orderDetail");
                }
                if has(made, "bodySite") {
                    drop(made, "bodyStructure");
                }
            }
            // inv-1, tsk-1
            ("Task", version) => {
                drop(made, "lastModified");
                if self.random.one_in(3) {
                    made.insert("focus".into(), json!({"reference": "ServiceRequest/a-1"}));
                    let coding = json!({"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"});
                    made.insert("code".into(), json!({"coding": [coding]}));
                } else if version == FhirVersion::R5 {
                    drop(made, "restriction");
                }
            }
            ("Patient", _) => drop(made, "contact"),
            _ => {}
        }
    }
}
