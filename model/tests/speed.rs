//! How long understanding takes; not a timed test (`cargo test --release -p fastkontakt-model -- --ignored --nocapture`).

use std::hint::black_box;
use std::time::Instant;

use fastkontakt_model::understand;

const CARE_TEAM: &str = r#"{"resourceType":"CareTeam","id":"01890a5d-ac96-774b-bcce-b302099a8057","meta":{"versionId":"1","lastUpdated":"2025-01-01T08:00:00.000+01:00","profile":["https://fhir.inera.se/ig/careteam/StructureDefinition/RIVCareManager-careteam"]},"extension":[{"url":"https://w3id.org/fastkontakt/StructureDefinition/samrad","valueBoolean":true}],"status":"active","category":[{"coding":[{"system":"https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs","code":"fast-kontakt"}]}],"subject":{"reference":"Patient/01890a5d-ac96-774b-bcce-b302099a8058"},"period":{"start":"2024-05-01"},"participant":[{"role":{"coding":[{"system":"https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt","code":"2","display":"fast läkarkontakt i primärvård"}]},"member":{"reference":"PractitionerRole/01890a5d-ac96-774b-bcce-b302099a8059","display":"Doktor Dahl"}}],"reason":[{"concept":{"coding":[{"system":"https://w3id.org/fastkontakt/CodeSystem/anledning","code":"behov"}]}}],"managingOrganization":[{"reference":"Organization/01890a5d-ac96-774b-bcce-b302099a805a"}],"telecom":[{"system":"phone","value":"019-602 00 00","extension":[{"url":"https://fhir.inera.se/ig/careteam/StructureDefinition/RIVContactPointAvailability","valueAvailability":{"availableTime":[{"daysOfWeek":["mon","tue","wed","thu","fri"],"availableStartTime":"08:00:00","availableEndTime":"16:30:00"}]}}]}],"note":[{"text":"Ring gärna på förmiddagen."}]}"#;

#[test]
#[ignore = "a measurement"]
fn understanding_a_care_team() {
    const ROUNDS: u32 = 1_000;
    let batch = |_| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(understand("CareTeam", black_box(CARE_TEAM))).expect("valid");
        }
        start.elapsed() / ROUNDS
    };
    // The best batch: the others were disturbed.
    let best = (0..50).map(batch).min().expect("some");
    println!("{} bytes: {best:?} each", CARE_TEAM.len());
}
