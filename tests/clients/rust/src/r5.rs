//! What differs in R5.

use fhir_sdk::StatusCode;
use fhir_sdk::client::Error;
pub use fhir_sdk::client::r5 as search;
pub use fhir_sdk::r5 as fhir;
use fhir_sdk::r5::resources::OperationOutcome;
#[cfg(feature = "r4b")]
use fhir_sdk::version::FhirR4B;
pub use fhir_sdk::version::FhirR5 as Version;

#[path = "story.rs"]
pub mod story;

const NAME: &str = "r5";
const NUMBER: &str = "5.0.0";
const PHYSICIAN: &str = "fast-vardkontakt-lakare.json";

/// The status and the outcome of an error, when the service told them so that the client understood.
fn refusal(error: Error) -> Result<(StatusCode, OperationOutcome), Error> {
    match error {
        Error::OperationOutcomeR5(status, outcome) => Ok((status, outcome)),
        error => Err(error),
    }
}

#[cfg(feature = "r4b")]
fn of_other_version(client: &fhir_sdk::client::Client<Version>) -> fhir_sdk::client::Client<FhirR4B> {
    client.clone().r4b()
}
