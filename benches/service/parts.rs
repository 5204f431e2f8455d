//! What the steps before the transaction cost, each as a multiple of merely parsing the same text with serde_json; and what
//! the way to another thread costs a small search.

use std::hint::black_box;
use std::time::{Duration, Instant};

use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
use fastkontakt::fhir::json::{self, Limits};
use fastkontakt::fhir::search::{Handling, ParseContext, parse};
use fastkontakt::fhir::structure;
use fastkontakt::fhir::types::ResourceType;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::store::{Session, is_brief};
use fastkontakt_model::understand;
use serde_json::Value;

use crate::client::Service;
use crate::people::{person, staff_and_units, write};

const R5: &str = include_str!("../../examples/fast-vardkontakt-lakare.json");
const R4: &str = include_str!("../../examples/fast-vardkontakt-lakare.r4.json");

type Step<'a> = Box<dyn Fn() + 'a>;

pub fn tell() {
    threads();
    let parse = best(|| {
        black_box(serde_json::from_str::<Value>(black_box(R5)).is_ok());
    });
    let r5: Value = serde_json::from_str(R5).expect("JSON");
    let r4: Value = serde_json::from_str(R4).expect("JSON");
    let steps: [(&str, Step); 5] = [
        (
            "strict reading",
            Box::new(|| drop(black_box(json::read(black_box(R5.as_bytes()), &Limits::default())))),
        ),
        (
            "structure",
            Box::new(|| drop(black_box(structure::check(FhirVersion::R5, "CareTeam", black_box(&r5))))),
        ),
        (
            "understanding",
            Box::new(|| drop(black_box(understand("CareTeam", black_box(R5))))),
        ),
        ("R4 to R5", Box::new(|| drop(black_box(r4_to_r5(black_box(&r4)))))),
        ("R5 to R4", Box::new(|| drop(black_box(r5_to_r4(black_box(&r5)))))),
    ];
    for (name, step) in &steps {
        let took = best(step);
        println!(
            "{name} of a fast kontakt: {:.1} × serde_json's parsing",
            took.as_secs_f64() / parse.as_secs_f64()
        );
    }
}

/// A brief search on the thread that asks, and on a thread that may block, each as a multiple of the other.
fn threads() {
    let service = Service::start_with(|door| {
        write(
            &door.store,
            staff_and_units().into_iter().chain((0..200).flat_map(person)).collect(),
        );
    });
    let store = service.door.store.clone();
    let context = ParseContext {
        version: FhirVersion::R5,
        kind: ResourceType::CareTeam,
        own_bases: &[],
        now: 0,
        handling: Handling::Strict,
        default_count: 50,
        max_count: 50,
    };
    let pairs =
        [("patient", "Patient/p7"), ("status", "active")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query = parse(&pairs, &context).expect("a search").query;
    assert!(is_brief(&query), "it is looked up");
    let runtime = actix_web::rt::System::new();
    let work = || {
        let query = query.clone();
        move |session: &mut Session| session.search(&query)
    };
    let here = best(|| drop(black_box(runtime.block_on(store.look_up(work())))));
    let there = best(|| drop(black_box(runtime.block_on(store.read(work())))));
    println!(
        "a brief search: on the thread that asks {:.2} of the time on another",
        here.as_secs_f64() / there.as_secs_f64()
    );
}

/// The best of many batches: the others were disturbed by the machine.
pub fn best(step: impl Fn()) -> Duration {
    const ROUNDS: u32 = 500;
    let batch = |_| {
        let started = Instant::now();
        for _ in 0..ROUNDS {
            step();
        }
        started.elapsed() / ROUNDS
    };
    (0..40).map(batch).min().unwrap_or_default()
}
