//! What differs in R4. The client speaks R4B, in which all types of the service are what they are in R4.

#![allow(clippy::duplicate_mod, reason = "one story, compiled with the types of each version")]

use fhir_sdk::StatusCode;
pub use fhir_sdk::client::r4b as search;
use fhir_sdk::client::{Client, Error};
pub use fhir_sdk::r4b as fhir;
use fhir_sdk::r4b::resources::OperationOutcome;
pub use fhir_sdk::version::FhirR4B as Version;
use fhir_sdk::version::FhirR5;

#[path = "story.rs"]
pub mod story;

const NAME: &str = "r4";
const NUMBER: &str = "4.0.1";
const PHYSICIAN: &str = "fast-vardkontakt-lakare.r4.json";

/// The status and the outcome of an error, when the service told them so that the client understood.
fn refusal(error: Error) -> Result<(StatusCode, OperationOutcome), Error> {
    match error {
        Error::OperationOutcomeR4B(status, outcome) => Ok((status, outcome)),
        error => Err(error),
    }
}

fn of_other_version(client: &Client<Version>) -> Client<FhirR5> {
    client.clone().r5()
}
