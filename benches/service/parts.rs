//! What the steps before the transaction cost, each as a multiple of merely parsing the same text with serde_json.

use std::hint::black_box;
use std::time::{Duration, Instant};

use fastkontakt::fhir::convert::{r4_to_r5, r5_to_r4};
use fastkontakt::fhir::json::{self, Limits};
use fastkontakt::fhir::structure;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt_model::understand;
use serde_json::Value;

const R5: &str = include_str!("../../examples/fast-vardkontakt-lakare.json");
const R4: &str = include_str!("../../examples/fast-vardkontakt-lakare.r4.json");

type Step<'a> = Box<dyn Fn() + 'a>;

pub fn tell() {
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

/// The best of many batches: the others were disturbed by the machine.
fn best(step: impl Fn()) -> Duration {
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
