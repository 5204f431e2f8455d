use std::hint::black_box;
use std::time::Instant;
use fastkontakt_model::understand;
fn time(name: &str, ty: &str, json: &str) {
    let best = (0..50).map(|_| { let s = Instant::now(); for _ in 0..500 { black_box(understand(ty, black_box(json))).unwrap(); } s.elapsed() / 500 }).min().unwrap();
    println!("{name}: {} bytes {best:?}", json.len());
}
#[test]
fn probe() {
    time("empty", "CareTeam", r#"{"resourceType":"CareTeam"}"#);
    time("ext bool", "CareTeam", r#"{"resourceType":"CareTeam","extension":[{"url":"https://w3id.org/fastkontakt/StructureDefinition/samrad","valueBoolean":true}]}"#);
    time("ext bool x5", "CareTeam", r#"{"resourceType":"CareTeam","extension":[{"url":"u","valueBoolean":true},{"url":"u","valueBoolean":true},{"url":"u","valueBoolean":true},{"url":"u","valueBoolean":true},{"url":"u","valueBoolean":true}]}"#);
    time("subject", "CareTeam", r#"{"resourceType":"CareTeam","subject":{"reference":"Patient/01890a5d-ac96-774b-bcce-b302099a8058"}}"#);
    time("availability", "CareTeam", r#"{"resourceType":"CareTeam","telecom":[{"system":"phone","value":"019-602 00 00","extension":[{"url":"https://fhir.inera.se/ig/careteam/StructureDefinition/RIVContactPointAvailability","valueAvailability":{"availableTime":[{"daysOfWeek":["mon","tue","wed","thu","fri"],"availableStartTime":"08:00:00","availableEndTime":"16:30:00"}]}}]}]}"#);
    time("period", "CareTeam", r#"{"resourceType":"CareTeam","period":{"start":"2024-05-01"}}"#);
}
