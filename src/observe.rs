//! Metrics and structured logs. Neither ever holds a name, a number, a body or an address of a resource.

use std::io::IsTerminal;
use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use tracing_subscriber::EnvFilter;

/// What `/metrics` shows, in Prometheus' text format.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    writer_queue: IntGauge,
}

impl Metrics {
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new(
                "fastkontakt_requests_total",
                "FHIR interactions answered, by interaction and HTTP status.",
            ),
            &["interaction", "status"],
        )?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "fastkontakt_request_seconds",
                "Time from request to answer, by interaction and status.",
            )
            .buckets(vec![
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
            ]),
            &["interaction", "status"],
        )?;
        let writer_queue = IntGauge::new("fastkontakt_writer_queue", "Writes waiting for the writer (SQLite).")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(writer_queue.clone()))?;
        Ok(Metrics {
            registry,
            requests,
            durations,
            writer_queue,
        })
    }

    /// Counts one answered interaction.
    pub fn observe(&self, interaction: &str, status: u16, took: Duration) {
        let status = status.to_string();
        let labels = [interaction, status.as_str()];
        self.requests.with_label_values(&labels).inc();
        self.durations.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// Everything as text; `writer_queue` is the store's present queue length.
    pub fn text(&self, writer_queue: usize) -> Result<String, prometheus::Error> {
        self.writer_queue.set(i64::try_from(writer_queue).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Sets up logging to standard error: one JSON object per line, or plain lines for a person at a terminal.
/// `level` is a filter such as `info` or `fastkontakt=debug`.
pub fn start_logging(level: &str, json: bool) {
    std::panic::set_hook(Box::new(tell_panic));
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let logger = tracing_subscriber::fmt()
        .with_ansi(colours)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second call (tests start many servers in one process) finds the first logger in place, which is well.
    let _already_set = if json {
        logger.json().flatten_event(true).try_init()
    } else {
        logger.try_init()
    };
}

/// What a panic says may quote the text that it was about; where it was is enough.
fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a panic");
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_by_its_place_alone() {
        let written = Written::default();
        let to = written.clone();
        let logger = tracing_subscriber::fmt()
            .json()
            .with_writer(move || to.clone())
            .finish();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(tell_panic));
        let name = "Björn Prov";
        let panicked =
            tracing::subscriber::with_default(logger, || std::panic::catch_unwind(|| panic!("inside 'ö' of `{name}`")));
        std::panic::set_hook(usual);
        assert!(panicked.is_err());
        let told = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line: serde_json::Value = serde_json::from_str(told.trim()).expect("one line of JSON");
        assert!(
            line["fields"]["place"]
                .as_str()
                .is_some_and(|place| place.contains("observe.rs")),
            "{told}"
        );
        assert!(!told.contains("Björn") && !told.contains("inside"), "{told}");
    }
}
