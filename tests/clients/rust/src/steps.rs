//! Named steps that are told one by one, whatever the version.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

pub type Fault = Box<dyn std::error::Error>;

/// What the resources of this run are known by.
pub const IDENTIFIERS: &str = "https://example.se/id/klient";

pub struct Steps {
    runtime: Runtime,
    passed: u32,
    failed: u32,
}

impl Steps {
    pub fn new() -> Result<Steps, Fault> {
        // An assertion is told as any fault, without its backtrace.
        std::panic::set_hook(Box::new(|panic| println!("        {}", shortened(&panic.to_string()))));
        Ok(Steps {
            runtime: Builder::new_current_thread().enable_all().build()?,
            passed: 0,
            failed: 0,
        })
    }

    /// Runs one step of the story; a fault, or an assertion that fails, is told and the story goes on.
    pub fn step(&mut self, title: &str, run: impl Future<Output = Result<(), Fault>>) {
        match catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(run))) {
            Ok(Ok(())) => {
                self.passed += 1;
                println!("  ok    {title}");
            }
            Ok(Err(fault)) => self.fault(title, shortened(&fault.to_string())),
            Err(_) => self.fault(title, "see above"),
        }
    }

    fn fault(&mut self, title: &str, told: &str) {
        self.failed += 1;
        println!("  FAULT {title}: {told}");
    }

    /// The last line; the process fails when a step did.
    pub fn finish(self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        ExitCode::from(u8::from(self.passed == 0 || self.failed > 0))
    }
}

/// The client tells an outcome with all its empty elements.
fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(1000)).unwrap_or(text)
}

/// A value that nobody else has, for identifiers of this run.
pub fn unique() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!(
        "fhir-sdk-{}-{}",
        now.as_nanos(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    )
}

/// A physician as fast vårdkontakt of this patient, for no reason that is stored.
pub fn contact(example: &str, subject: &str) -> Result<Vec<u8>, Fault> {
    Ok(serde_json::to_vec(&team(example, subject)?)?)
}

/// What the riktlinje refuses: a nurse as the only fast vårdkontakt of a patient with a life-threatening condition.
pub fn nurse_for_anna(example: &str) -> Result<Vec<u8>, Fault> {
    let mut team = team(example, "Patient/anna")?;
    team["participant"][0]["member"]["reference"] = "PractitionerRole/orebro-vc-bjorken-sjukskoterska".into();
    Ok(serde_json::to_vec(&team)?)
}

fn team(example: &str, subject: &str) -> Result<Value, Fault> {
    let path = format!("{}/../../../examples/{example}", env!("CARGO_MANIFEST_DIR"));
    let mut team: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let members = team.as_object_mut().ok_or("the example is no resource")?;
    for name in ["id", "reason", "reasonCode", "reasonReference"] {
        members.remove(name);
    }
    team["subject"]["reference"] = subject.into();
    Ok(team)
}
