//! How often a transaction asks the database.

use std::collections::BTreeMap;
use std::sync::Mutex;

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use serde_json::json;

use crate::bundles::*;
use crate::common::spawn;
use crate::people::*;

#[test]
fn many_entries_of_one_patient_are_judged_without_asking_anew_for_each() {
    set_default_instrumentation(|| Some(Box::new(Count::default()))).unwrap();
    let asked_for = |entries: usize| {
        let app = spawn();
        orebro(&app);
        let contacts = (0..entries).map(|number| {
            let mut contact = fast_kontakt("anna", "1", "vc-lakare");
            contact["id"] = json!(format!("k{number}"));
            put_entry(contact)
        });
        let bundle = bundle(contacts.collect());
        let before = Count::of(&app.database);
        app.post("/fhir/r5", &bundle).expect(200);
        Count::of(&app.database) - before
    };
    let (few, many) = (asked_for(30), asked_for(60));
    assert!(few > 30, "{few} questions for 30 entries: are they counted?");
    // An entry more asks for what stands where it goes, not for the patient's contacts again (that would make fourteen).
    let each = (many - few) as f64 / 30.0;
    assert!(each < 10.0, "{each} questions for an entry");
}

/// Counts the questions to each database.
#[derive(Default)]
struct Count {
    database: String,
}

static QUESTIONS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

impl Count {
    fn of(url: &str) -> usize {
        let database = url.trim_start_matches("sqlite://");
        QUESTIONS.lock().unwrap().get(database).copied().unwrap_or_default()
    }
}

impl Instrumentation for Count {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.database),
            InstrumentationEvent::StartQuery { query, .. } if query.to_string().starts_with("SELECT") => {
                *QUESTIONS.lock().unwrap().entry(self.database.clone()).or_default() += 1;
            }
            _ => {}
        }
    }
}
