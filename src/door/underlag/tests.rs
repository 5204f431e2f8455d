//! How much the database is asked while a write, or a picture, is judged.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::*;
use crate::access::scope::{About, Context, Rights, Scope, Scopes};
use crate::access::{Caller, Disclosed, Identity, Interaction, Medarbetare, Who};
use crate::door::content::Content;
use crate::riktlinje::{Policies, Skrivning, bedom, kontrollera};
use crate::store::{Keeping, NewVersion, Slag, Store, StoreOptions};

const UNIT: &str = "SE2321000164-A1";
const VARDGIVARE: &str = "SE2321000164-A";

fn staff() -> Call {
    let who = Who::Medarbetare(Medarbetare {
        hsa_id: "SE2321000164-P1".to_owned(),
        vardenhet: UNIT.to_owned(),
        vardgivare: VARDGIVARE.to_owned(),
        profession: None,
        uppdrag: None,
        fhir_user: None,
        patient: None,
    });
    let all = Scope {
        context: Context::User,
        about: About::Everything,
        rights: Rights::ALL,
        filter: None,
    };
    Call {
        caller: Caller::Known(Arc::new(Identity {
            issuer: "https://issuer.test".to_owned(),
            subject: "subject".to_owned(),
            client: None,
            who,
            scopes: Scopes(vec![all]),
            purpose: None,
            granskar_allt: false,
        })),
        interaction: Interaction::Create,
        purpose: "TREAT".into(),
        nodoppning: None,
        request_id: "r".to_owned(),
        disclosed: Disclosed::default(),
    }
}

/// A fast läkarkontakt that replaces whoever is there.
fn contact(id: &str) -> Value {
    let system = "https://terminologitjansten.inera.se/inera-kodverksforvaltning/kodverk/kv_typ_av_fast_kontakt";
    json!({
        "resourceType": "CareTeam", "id": id, "status": "active",
        "category": [{"coding": [{"system": "https://fhir.inera.se/ig/careteam/CodeSystem/typ-av-careteam-cs", "code": "fast-kontakt"}]}],
        "subject": {"reference": "Patient/p"}, "period": {"start": "2026-01-01"},
        "extension": [{"url": crate::riktlinje::codes::EXT_ERSATTER, "valueBoolean": true}],
        "participant": [{"role": {"coding": [{"system": system, "code": "2"}]}, "member": {"reference": "Practitioner/d"}}],
        "managingOrganization": [{"reference": "Organization/A1"}],
    })
}

fn prepared(resource: &Value) -> Prepared {
    let kind = ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
    let content = Content::new(FhirVersion::R5, kind, resource.clone(), &[]);
    content.prepare(resource["id"].as_str().unwrap()).unwrap()
}

/// Writes it, kept by the unit that takes part in the care by it.
fn put(session: &mut Session, resource: &Value) {
    let prepared = prepared(resource);
    let version = NewVersion {
        kind: prepared.kind,
        id: &prepared.id,
        version: 1,
        last_updated: jiff::Timestamp::UNIX_EPOCH,
        deleted: false,
        patient: prepared.body.patient.as_deref(),
        body: &prepared.body.render(1, jiff::Timestamp::UNIX_EPOCH),
        index: &prepared.body.index,
        caller: "test",
        request_id: "test",
        interaction: "update",
    };
    let takes_part = Ratt {
        slag: Slag::Relation,
        hsa_id: UNIT.to_owned(),
        low: i64::MIN,
        high: i64::MAX,
    };
    let keeping = Keeping {
        hallare: Some(Hallare::Enhet(vec![UNIT.to_owned(), VARDGIVARE.to_owned()])),
        ratter: vec![takes_part],
        ..Keeping::default()
    };
    session.put_kept(&version, &keeping).unwrap();
}

/// How many statements are needed with so many contacts of the patient.
fn statements(contacts: usize, judge: fn(OppenTransaktion<'_>)) -> usize {
    let file = std::env::temp_dir().join(format!("fastkontakt-linjart-{}.db", uuid::Uuid::new_v4()));
    let store = Store::open(&format!("sqlite://{}", file.display()), &StoreOptions::default()).unwrap();
    store.migrate().unwrap();
    let put_all = move |session: &mut Session| {
        put(session, &json!({"resourceType": "Patient", "id": "p"}));
        put(session, &json!({"resourceType": "Organization", "id": "A1"}));
        put(
            session,
            &json!({"resourceType": "Practitioner", "id": "d", "name": [{"family": "Prov"}]}),
        );
        (0..contacts).for_each(|number| put(session, &contact(&format!("c{number}"))));
        Ok::<(), StoreError>(())
    };
    store.write_blocking(put_all).unwrap();
    let asked = store.read_blocking(|session| {
        let count = session.count_statements();
        judge(OppenTransaktion::new(session, &Understood::new()).only_what_is_seen(&staff(), 0));
        Ok::<_, StoreError>(count.load(Ordering::Relaxed))
    });
    store.close_blocking();
    for end in ["", "-wal", "-shm"] {
        let _gone = std::fs::remove_file(format!("{}{end}", file.display()));
    }
    asked.unwrap()
}

fn today() -> jiff::civil::Date {
    jiff::civil::date(2026, 9, 15)
}

/// A patient's contacts cost no statement each, whoever asks.
fn is_as_much_for_many(judge: fn(OppenTransaktion<'_>)) {
    let (few, many) = (statements(20, judge), statements(200, judge));
    assert!(
        few > 0 && many == few,
        "{few} statements with 20 contacts, {many} with 200"
    );
}

#[test]
fn a_write_is_judged_by_as_many_statements_beside_few_contacts_as_beside_many() {
    is_as_much_for_many(|mut underlag| {
        let written = prepared(&contact("ny"));
        let hallare = Hallare::Enhet(vec![UNIT.to_owned(), VARDGIVARE.to_owned()]);
        underlag.remember(written.kind, &written.id, Some(written.fact.clone()), None);
        underlag.remember_hallare(written.kind, &written.id, hallare);
        underlag.think_of(&written);
        let skrivning = Skrivning {
            written: &written.fact,
            stored: None,
            bara_avslut: false,
        };
        let judgement = bedom(&skrivning, &mut underlag, &Policies::shipped(), today()).unwrap();
        assert!(
            judgement.effects.len() >= 20,
            "it replaces all: {:?}",
            judgement.findings
        );
    });
}

#[test]
fn a_picture_is_checked_by_as_many_statements_of_few_contacts_as_of_many() {
    is_as_much_for_many(|mut underlag| {
        let kontroll = kontrollera("p", None, &Policies::shipped(), today(), &mut underlag).unwrap();
        assert!(kontroll.unwrap().fynd.len() >= 20, "each is judged beside the others");
    });
}
