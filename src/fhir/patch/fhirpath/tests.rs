//! Whole FHIRPath Patches of a Patient.

use serde_json::json;

use super::super::Patch;
use super::*;
use crate::fhir::json::Limits;

/// One operation from its parts: strings but for `value…` and numbers.
fn operation(parts: Value) -> Value {
    let part = |(name, value): (&String, &Value)| match (name.as_str(), value) {
        ("type", value) => json!({"name": "type", "valueCode": value}),
        (name @ ("index" | "source" | "destination"), Value::Number(number)) => {
            json!({"name": name, "valueInteger": number})
        }
        ("path" | "name", value) => json!({"name": name, "valueString": value}),
        ("part", value) => json!({"name": "value", "part": value}),
        (typed, value) => json!({"name": "value", typed: value}),
    };
    let parts: Vec<Value> = parts.as_object().unwrap().iter().map(part).collect();
    json!({"name": "operation", "part": parts})
}

fn patched(resource: &Value, operations: &[Value]) -> Result<Value, PatchError> {
    let parameters = json!({
        "resourceType": "Parameters",
        "parameter": operations.iter().cloned().map(operation).collect::<Vec<_>>(),
    });
    Patch::fhirpath(ResourceType::Patient, &parameters)?.apply(FhirVersion::R5, resource.clone(), &Limits::default())
}

fn person() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "A", "given": ["B", "C"], "_given": [null, {"id": "c"}]}, {"family": "D"}],
        "telecom": [{"value": "1"}, {"value": "2"}, {"value": "3"}, {"value": "4"}],
        "birthDate": "1950-09-07",
        "_birthDate": {"extension": [{"url": "u", "valueString": "x"}]},
        "deceasedBoolean": false,
    })
}

#[test]
fn each_operation_does_its_work() {
    let telecoms = |order: [&str; 4]| json!(order.map(|value| json!({"value": value})));
    let cases = [
        (
            json!({"type": "add", "path": "Patient", "name": "active", "valueBoolean": true}),
            "/active",
            json!(true),
        ),
        (
            json!({"type": "add", "path": "Patient", "name": "name", "valueHumanName": {"family": "E"}}),
            "/name/2",
            json!({"family": "E"}),
        ),
        (
            json!({"type": "add", "path": "Patient", "name": "multipleBirth", "valueInteger": 2}),
            "/multipleBirthInteger",
            json!(2),
        ),
        (
            json!({"type": "add", "path": "Patient", "name": "contact", "part": [
                {"name": "name", "valueHumanName": {"text": "n"}},
                {"name": "telecom", "valueContactPoint": {"value": "1"}},
                {"name": "telecom", "valueContactPoint": {"value": "2"}},
                {"name": "gender", "valueCode": "female"},
            ]}),
            "/contact/0",
            json!({"name": {"text": "n"}, "telecom": [{"value": "1"}, {"value": "2"}], "gender": "female"}),
        ),
        (
            json!({"type": "add", "path": "Patient.name[0]", "name": "given", "valueString": "X"}),
            "/name/0",
            json!({"family": "A", "given": ["B", "C", "X"], "_given": [null, {"id": "c"}, null]}),
        ),
        (
            json!({"type": "add", "path": "Patient.name[1]", "name": "given", "valueString": "X"}),
            "/name/1",
            json!({"family": "D", "given": ["X"]}),
        ),
        (
            json!({"type": "add", "path": "Patient.name[0].given[0]", "name": "extension", "valueExtension": {"url": "v", "valueCode": "y"}}),
            "/name/0/_given",
            json!([{"extension": [{"url": "v", "valueCode": "y"}]}, {"id": "c"}]),
        ),
        (
            json!({"type": "add", "path": "Patient.name[1].family", "name": "extension", "valueExtension": {"url": "v", "valueCode": "y"}}),
            "/name/1/_family",
            json!({"extension": [{"url": "v", "valueCode": "y"}]}),
        ),
        (
            json!({"type": "add", "path": "Patient", "name": "extension", "part": [{"name": "url", "valueUri": "v"}, {"name": "value", "valueDate": "2026-01-01"}]}),
            "/extension/0",
            json!({"url": "v", "valueDate": "2026-01-01"}),
        ),
        (
            json!({"type": "insert", "path": "Patient.name[0].given", "valueString": "X", "index": 1}),
            "/name/0",
            json!({"family": "A", "given": ["B", "X", "C"], "_given": [null, null, {"id": "c"}]}),
        ),
        (
            json!({"type": "insert", "path": "Patient.photo", "valueAttachment": {"title": "t"}, "index": 0}),
            "/photo",
            json!([{"title": "t"}]),
        ),
        (
            json!({"type": "insert", "path": "Patient.telecom", "valueContactPoint": {"value": "5"}, "index": 4}),
            "/telecom/4",
            json!({"value": "5"}),
        ),
        (
            json!({"type": "delete", "path": "Patient.telecom.where(value = '2')"}),
            "/telecom",
            json!([{"value": "1"}, {"value": "3"}, {"value": "4"}]),
        ),
        (
            json!({"type": "delete", "path": "Patient.name[0].given[0]"}),
            "/name/0",
            json!({"family": "A", "given": ["C"], "_given": [{"id": "c"}]}),
        ),
        (
            json!({"type": "delete", "path": "Patient.name[1].family"}),
            "/name",
            json!([{"family": "A", "given": ["B", "C"], "_given": [null, {"id": "c"}]}]),
        ),
        (
            json!({"type": "replace", "path": "Patient.birthDate", "valueDate": "1951-01-01"}),
            "/birthDate",
            json!("1951-01-01"),
        ),
        (
            json!({"type": "replace", "path": "Patient.deceased", "valueDateTime": "2026-01-01"}),
            "/deceasedDateTime",
            json!("2026-01-01"),
        ),
        (
            json!({"type": "replace", "path": "Patient.name[0].given[1]", "valueString": "X"}),
            "/name/0",
            json!({"family": "A", "given": ["B", "X"]}),
        ),
        (
            json!({"type": "replace", "path": "Patient.name.where(family = 'D')", "part": [{"name": "family", "valueString": "E"}]}),
            "/name/1",
            json!({"family": "E"}),
        ),
        (
            json!({"type": "move", "path": "Patient.telecom", "source": 3, "destination": 1}),
            "/telecom",
            telecoms(["1", "4", "2", "3"]),
        ),
        (
            json!({"type": "move", "path": "Patient.telecom", "source": 0, "destination": 3}),
            "/telecom",
            telecoms(["2", "3", "4", "1"]),
        ),
        (
            json!({"type": "move", "path": "Patient.name[0].given", "source": 1, "destination": 0}),
            "/name/0",
            json!({"family": "A", "given": ["C", "B"], "_given": [{"id": "c"}, null]}),
        ),
    ];
    for (change, place, expected) in cases {
        let result =
            patched(&person(), std::slice::from_ref(&change)).unwrap_or_else(|error| panic!("{change}: {error:?}"));
        assert_eq!(result.pointer(place), Some(&expected), "{change}");
    }
}

#[test]
fn what_is_deleted_leaves_nothing_behind() {
    let gone = |path: &str, place: &str| {
        let result = patched(&person(), &[json!({"type": "delete", "path": path})]).unwrap();
        assert_eq!(result.pointer(place), None, "{path}");
        result
    };
    let result = gone("Patient.birthDate", "/birthDate");
    assert_eq!(result.get("_birthDate"), None);
    let result = gone("Patient.birthDate.extension('u')", "/_birthDate");
    assert_eq!(result["birthDate"], "1950-09-07");
    let result = gone("Patient.name[0].given[1].id", "/name/0/_given");
    assert_eq!(result["name"][0]["given"], json!(["B", "C"]));
    let result = patched(
        &person(),
        &[json!({"type": "replace", "path": "Patient.deceased", "valueDateTime": "2026"})],
    );
    assert_eq!(result.unwrap().get("deceasedBoolean"), None);
    let nothing = patched(&person(), &[json!({"type": "delete", "path": "Patient.photo"})]).unwrap();
    assert_eq!(nothing, person(), "to delete what is not there is no fault");
}

#[test]
fn operations_see_what_those_before_them_did() {
    let result = patched(
        &json!({"resourceType": "Patient"}),
        &[
            json!({"type": "add", "path": "Patient", "name": "name", "valueHumanName": {"use": "usual"}}),
            json!({"type": "add", "path": "Patient.name.where(use = 'usual')", "name": "family", "valueString": "F"}),
            json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"family": "G"}, "index": 0}),
            json!({"type": "move", "path": "Patient.name", "source": 0, "destination": 1}),
            json!({"type": "delete", "path": "Patient.name[1]"}),
        ],
    );
    assert_eq!(result.unwrap()["name"], json!([{"use": "usual", "family": "F"}]));
}

#[test]
fn what_does_not_fit_is_told_apart_from_what_is_wrong() {
    let unfit = [
        json!({"type": "add", "path": "Patient", "name": "birthDate", "valueDate": "2026-01-01"}),
        json!({"type": "add", "path": "Patient", "name": "deceased", "valueDateTime": "2026-01-01"}),
        json!({"type": "add", "path": "Patient.name", "name": "given", "valueString": "X"}),
        json!({"type": "add", "path": "Patient.contact", "name": "gender", "valueCode": "male"}),
        json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"text": "x"}, "index": 3}),
        json!({"type": "delete", "path": "Patient.telecom"}),
        json!({"type": "replace", "path": "Patient.gender", "valueCode": "male"}),
        json!({"type": "replace", "path": "Patient.telecom", "valueContactPoint": {"value": "1"}}),
        json!({"type": "move", "path": "Patient.telecom", "source": 4, "destination": 0}),
        json!({"type": "move", "path": "Patient.telecom", "source": 0, "destination": 4}),
        json!({"type": "move", "path": "Patient.photo", "source": 0, "destination": 0}),
    ];
    for change in unfit {
        let error = patched(&person(), std::slice::from_ref(&change)).unwrap_err();
        assert!(matches!(error, PatchError::Unfit { .. }), "{change}: {error:?}");
    }
    let wrong = [
        json!({"type": "add", "path": "Patient", "name": "nonsense", "valueString": "x"}),
        json!({"type": "add", "path": "Patient", "name": "name", "valueString": "x"}),
        json!({"type": "add", "path": "Patient", "name": "multipleBirth", "valueDecimal": 1.5}),
        json!({"type": "add", "path": "Patient", "name": "active"}),
        json!({"type": "add", "path": "Patient", "valueBoolean": true}),
        json!({"type": "add", "name": "active", "valueBoolean": true}),
        json!({"type": "add", "path": "Patient.birthDate", "name": "url", "valueUri": "x"}),
        json!({"type": "add", "path": "Patient", "name": "contact", "part": [{"name": "family", "valueString": "x"}]}),
        json!({"type": "add", "path": "Patient", "name": "contact", "part": [{"name": "gender", "valueCode": "male"}, {"name": "gender", "valueCode": "male"}]}),
        json!({"type": "insert", "path": "Patient.birthDate", "valueDate": "2026-01-01", "index": 0}),
        json!({"type": "insert", "path": "Patient.name[0]", "valueHumanName": {"text": "x"}, "index": 0}),
        json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"text": "x"}}),
        json!({"type": "insert", "path": "Patient.name", "valueHumanName": {"text": "x"}, "index": -1}),
        json!({"type": "delete", "path": "Patient"}),
        json!({"type": "delete", "path": "Patient.nonsense"}),
        json!({"type": "replace", "path": "Patient", "part": []}),
        json!({"type": "replace", "path": "Patient.birthDate", "valueBoolean": true}),
        json!({"type": "move", "path": "Patient.telecom", "source": 0}),
        json!({"type": "copy", "path": "Patient.telecom"}),
        json!({"path": "Patient.telecom"}),
        json!({"type": "delete", "path": "Patient.name.where(family ~ 'x')"}),
    ];
    for change in wrong {
        let error = patched(&person(), std::slice::from_ref(&change)).unwrap_err();
        let PatchError::Malformed(fault) = error else {
            panic!("{change}: {error:?}")
        };
        assert_eq!(fault.expression, "Parameters.parameter[0]", "{change}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let mut operations =
        vec![json!({"type": "add", "path": "Patient", "name": "extension", "valueExtension": {"url": "u"}})];
    let mut path = "Patient.extension".to_owned();
    for _ in 0..100 {
        operations.push(json!({"type": "add", "path": path, "name": "extension", "valueExtension": {"url": "u"}}));
        path.push_str(".extension");
    }
    let error = patched(&json!({"resourceType": "Patient"}), &operations).unwrap_err();
    assert!(matches!(error, PatchError::Unfit { .. }), "{error:?}");
}
