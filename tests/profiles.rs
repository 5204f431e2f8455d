//! The profiles held against resources: what the riktlinje accepts follows them, and each demand of theirs is noticed.

use std::fs;
use std::path::Path;

use fastkontakt::definitions::{UnknownProfile, check_profile};
use fastkontakt::demo::people;
use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
use fastkontakt::fhir::version::FhirVersion;
use jiff::civil::date;
use serde_json::{Value, json};

const OWN: &str = "https://w3id.org/fastkontakt/StructureDefinition/";
const TYP: &str = "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";
/// The vector of `samrad` with a value that is no boolean.
const ODD_VALUE: &str = "Another value says nothing";

/// Which profile goes with which category.
const BY_CATEGORY: [(&str, &str); 5] = [
    ("fast-kontakt", "fast-kontakt"),
    ("team", "team"),
    ("dokumenterad-overenskommelse", "dokumenterad-overenskommelse"),
    ("medicinsk-vardplan", "medicinsk-vardplan"),
    ("SIP", "samordnad-individuell-plan"),
];

fn kontakt() -> Value {
    json!({
        "resourceType": "CareTeam",
        "status": "active",
        "category": [{ "coding": [{ "system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt" }] }],
        "subject": { "reference": "Patient/p" },
        "participant": [{ "role": { "coding": [{ "system": TYP, "code": "1" }] }, "member": { "reference": "PractitionerRole/r" } }],
    })
}

/// Expressions and Swedish texts of the faults.
fn faults(version: FhirVersion, profile: &str, resource: &Value) -> Vec<(String, String)> {
    let found = check_profile(version, &format!("{OWN}{profile}"), resource).expect("a known profile");
    found
        .into_iter()
        .map(|fault| (fault.expression, fault.text.sv.into_owned()))
        .collect()
}

fn expressions(resource: &Value) -> Vec<String> {
    let found = faults(FhirVersion::R5, "fast-kontakt", resource);
    found.into_iter().map(|(expression, _)| expression).collect()
}

fn profiles_of(resource: &Value) -> impl Iterator<Item = &'static str> {
    let codes: Vec<String> = resource["category"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|concept| concept["coding"].as_array().cloned().unwrap_or_default())
        .filter_map(|coding| coding["code"].as_str().map(str::to_owned))
        .collect();
    BY_CATEGORY
        .into_iter()
        .filter(move |(code, _)| codes.iter().any(|known| known == code))
        .map(|(_, profile)| profile)
}

#[test]
fn the_national_examples_follow_them_in_both_versions() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/convert/r5");
    for (file, profile) in [
        ("CareTeam-ExampleCareManager", "fast-kontakt"),
        ("CareTeam-ExampleManagingTeam", "team"),
    ] {
        let text = fs::read_to_string(directory.join(format!("{file}.json"))).expect("the example");
        let resource: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(faults(FhirVersion::R5, profile, &resource), []);
        assert_eq!(faults(FhirVersion::R4, profile, &r5_to_r4(&resource).resource), []);
    }
}

/// The profiles are not stricter than the riktlinje: what a vector or the demo has stored without an error follows them.
#[test]
fn whatever_the_riktlinje_accepts_follows_them_in_both_versions() {
    let mut checked = 0;
    let mut check = |place: &str, resource: &Value| {
        if resource["status"] != "active" {
            return;
        }
        for profile in profiles_of(resource) {
            for (version, resource) in [
                (FhirVersion::R5, resource.clone()),
                (FhirVersion::R4, r5_to_r4(resource).resource),
            ] {
                assert_eq!(faults(version, profile, &resource), [], "{place} {version} {profile}");
                checked += 1;
            }
        }
    };
    for transaction in people(1, date(2026, 11, 22)).bundles {
        for entry in transaction.bundle["entry"].as_array().expect("entries") {
            let resource = match transaction.version {
                FhirVersion::R5 => entry["resource"].clone(),
                FhirVersion::R4 => r4_to_r5(&entry["resource"]).resource,
            };
            check(&transaction.title, &resource);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/riktlinje");
    for directory in fs::read_dir(root)
        .expect("vectors")
        .flatten()
        .filter(|entry| entry.path().is_dir())
    {
        for file in fs::read_dir(directory.path()).expect("a folder").flatten() {
            if file.path().extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = fs::read_to_string(file.path()).expect("a vector");
            let vector: Value = serde_json::from_str(&text).expect("JSON");
            let told = vector["expect"].as_array().map_or(&[][..], Vec::as_slice);
            // FK-02 may also be "underlag saknas": what is not stated is accepted, but does not follow the profile.
            let structural = |finding: &Value| ["FK-01", "FK-02"].iter().any(|rule| finding["rule"] == *rule);
            let refused = told
                .iter()
                .any(|finding| finding["severity"] == "error" || structural(finding));
            // An extension of ours with a value of another type says nothing to the rules, and does not follow its definition.
            let odd_value = vector["name"].as_str() == Some(ODD_VALUE);
            if !refused && !odd_value && vector["write"].is_object() {
                let written = match vector["version"].as_str() {
                    Some("r4") => r4_to_r5(&vector["write"]).resource,
                    _ => vector["write"].clone(),
                };
                check(&file.path().display().to_string(), &written);
            }
        }
    }
    assert!(checked > 500, "only {checked}");
}

#[test]
fn each_demand_of_a_fast_kontakt_is_noticed() {
    let change = |path: &str, value: Value| {
        let mut resource = kontakt();
        *resource.pointer_mut(path).expect("a place") = value;
        resource
    };
    assert_eq!(expressions(&kontakt()), Vec::<String>::new());
    let person = kontakt()["participant"][0].clone();
    for (resource, expression) in [
        (change("/category/0/coding/0/code", json!("team")), "CareTeam.category"),
        (change("/participant", json!([person, person])), "CareTeam.participant"),
        (
            change("/subject", json!({ "reference": "Group/g" })),
            "CareTeam.subject",
        ),
        (
            change("/participant/0/role/coding/0/code", json!("5")),
            "CareTeam.participant[0].role",
        ),
        (
            change("/participant/0/role", json!({ "text": "kontakt" })),
            "CareTeam.participant[0].role",
        ),
        (
            change("/participant/0/member", json!({ "reference": "Organization/o" })),
            "CareTeam.participant[0].member",
        ),
    ] {
        assert_eq!(expressions(&resource), [expression], "{resource}");
    }
    let mut resource = kontakt();
    resource["participant"][0]
        .as_object_mut()
        .expect("a participant")
        .remove("member");
    assert_eq!(expressions(&resource), ["CareTeam.participant[0].member"]);
    resource.as_object_mut().expect("a resource").remove("subject");
    assert_eq!(
        expressions(&resource),
        ["CareTeam.subject", "CareTeam.participant[0].member"]
    );
}

#[test]
fn in_r4_one_role_is_the_type_and_others_may_stand_beside() {
    let with = |roles: Value| {
        let mut resource = r5_to_r4(&kontakt()).resource;
        resource["participant"][0]["role"] = roles;
        faults(FhirVersion::R4, "fast-kontakt", &resource)
    };
    let typ = |code: &str| json!({ "coding": [{ "system": TYP, "code": code }] });
    let other = json!({ "text": "samordnar hjälpmedel" });
    assert_eq!(with(json!([other, typ("2")])), []);
    assert_eq!(
        with(json!([typ("1"), typ("2")])),
        [(
            "CareTeam.participant[0].role".to_owned(),
            "Profilen tillåter högst 1 av slaget typ.".to_owned()
        )]
    );
    assert_eq!(with(json!([other])).len(), 1);
}

#[test]
fn extensions_of_ours_follow_their_definitions() {
    let with = |extensions: Value| {
        let mut resource = kontakt();
        resource["extension"] = extensions;
        expressions(&resource)
    };
    let samrad = |value: Value| {
        let mut extension = json!({ "url": format!("{OWN}samrad") });
        extension
            .as_object_mut()
            .expect("an extension")
            .extend(value.as_object().cloned().unwrap_or_default());
        extension
    };
    let good = samrad(json!({ "valueBoolean": true }));
    assert_eq!(
        with(json!([good, { "url": "urn:other", "valueString": "x" }])),
        Vec::<String>::new()
    );
    assert_eq!(
        with(json!([samrad(json!({ "valueString": "ja" }))])),
        ["CareTeam.extension[0].value"]
    );
    assert_eq!(with(json!([samrad(json!({}))])), ["CareTeam.extension[0].value"]);
    assert_eq!(with(json!([good, good])), ["CareTeam.extension"]);
}

#[test]
fn a_profile_is_known_by_its_canonical_with_or_without_version() {
    let profile = format!("{OWN}fast-kontakt");
    let r5 = |canonical: &str| check_profile(FhirVersion::R5, canonical, &kontakt());
    assert_eq!(r5(&profile), Ok(Vec::new()));
    assert_eq!(r5(&format!("{profile}|{}", env!("CARGO_PKG_VERSION"))), Ok(Vec::new()));
    assert_eq!(r5(&format!("{profile}|99")), Err(UnknownProfile));
    assert_eq!(r5("http://hl7.org/fhir/StructureDefinition/CareTeam"), Ok(Vec::new()));
    assert_eq!(
        r5("http://hl7.org/fhir/StructureDefinition/CareTeam|5.0.0"),
        Ok(Vec::new())
    );
    assert_eq!(
        r5("http://hl7.org/fhir/StructureDefinition/CareTeam|4.0.1"),
        Err(UnknownProfile)
    );
    assert_eq!(
        r5("http://hl7.org/fhir/StructureDefinition/Patient").map(|faults| faults.len()),
        Ok(1)
    );
    assert_eq!(r5("https://example.org/StructureDefinition/other"), Err(UnknownProfile));
    assert_eq!(r5(&format!("{OWN}team")).map(|faults| faults.len()), Ok(1));
    assert_eq!(
        r5(&format!("{OWN}dokumenterad-overenskommelse")).map(|faults| faults.len()),
        Ok(1)
    );
}
