//! fhir-sdk's client against the running service: what a user of the client does, in both versions.
//!
//! Usage: rust-client http://127.0.0.1:PORT

#[cfg(feature = "r4b")]
mod r4b;
mod r5;
mod steps;

use std::process::ExitCode;

use steps::{Fault, Steps};

fn main() -> Result<ExitCode, Fault> {
    let address = std::env::args().nth(1).ok_or("the service's address is missing")?;
    let mut steps = Steps::new()?;
    r5::story::tell(&mut steps, &address)?;
    #[cfg(feature = "r4b")]
    r4b::story::tell(&mut steps, &address)?;
    Ok(steps.finish())
}
