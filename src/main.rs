//! The command line (thin): demo, serve, migrate, validate, reindex, log, openapi, statuses.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fastkontakt::api::{openapi, statuses};
use fastkontakt::clock::Clock;
use fastkontakt::config::{Flags, Settings};
use fastkontakt::door::reindex;
use fastkontakt::fhir::version::FhirVersion;
use fastkontakt::server::{Application, open_door};
use fastkontakt::{load, observe, retention, validate};

/// FHIR service for fasta kontakter and överenskommelser.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: a fresh database with synthetic people of four regions, served on loopback
    Demo {
        /// Address and port to serve on (loopback)
        #[arg(
            long,
            env = "FASTKONTAKT_BIND",
            default_value = "127.0.0.1:8080",
            value_name = "ADDR"
        )]
        bind: std::net::SocketAddr,
    },
    /// Serve a database
    Serve(#[command(flatten)] Flags),
    /// Create or update the database's tables and stop
    Migrate(#[command(flatten)] Flags),
    /// Check FHIR files against structure and riktlinje, without a server
    Validate {
        /// Judge by this policy instead of the one the unit leads to
        #[arg(long, value_name = "NAME")]
        policy: Option<String>,
        /// The FHIR version of the files
        #[arg(long, default_value = "r5", value_parser = fhir_version)]
        fhir: FhirVersion,
        /// Judge as of this day (ÅÅÅÅ-MM-DD); today by default
        #[arg(long, value_name = "DAY")]
        date: Option<jiff::civil::Date>,
        /// Directory of policy files that add to or override the shipped ones
        #[arg(long, value_name = "DIR", env = "FASTKONTAKT_POLICIES")]
        policies: Option<PathBuf>,
        /// JSON files: resources or Bundles; all are each other's context
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Make the search index anew
    Reindex(#[command(flatten)] Flags),
    /// Look after the access log
    Log {
        #[command(subcommand)]
        what: Log,
    },
    /// Print the OpenAPI document
    Openapi,
    /// Print the status table (docs/rest/status.md)
    Statuses,
}

#[derive(Subcommand)]
enum Log {
    /// Walk the chain of the access log and tell the first link that does not hold
    Verify(#[command(flatten)] Flags),
    /// Take away whole months that are older than the setting log_years
    Cut(#[command(flatten)] Flags),
}

fn fhir_version(name: &str) -> Result<FhirVersion, String> {
    FhirVersion::ALL
        .into_iter()
        .find(|version| version.name() == name)
        .ok_or_else(|| "r4 or r5".to_owned())
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo { bind } => load::run(bind),
        Command::Serve(flags) => serve(&flags),
        Command::Migrate(flags) => migrate(&flags),
        Command::Reindex(flags) => reindex(&flags),
        Command::Log {
            what: Log::Verify(flags),
        } => verify_log(&flags),
        Command::Log { what: Log::Cut(flags) } => cut_log(&flags),
        Command::Validate {
            policy,
            fhir,
            date,
            policies,
            files,
        } => {
            return validate::run(&validate::Task {
                policy,
                version: fhir,
                date,
                policies,
                files,
            });
        }
        Command::Openapi => {
            print!("{}", openapi::document());
            Ok(())
        }
        Command::Statuses => {
            print!("{}", statuses::page());
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fastkontakt: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(flags)?;
    settings.require_safe_bind()?;
    observe::start_logging(&settings.log, true);
    let door = open_door(&settings, Clock::System)?;
    actix_web::rt::System::new().block_on(async {
        let application = Application::bind(&settings, door).await?;
        if settings.tls.is_none() && !settings.bind.ip().is_loopback() {
            tracing::warn!("serving HTTP: a proxy before the service must speak HTTPS, or set [tls]");
        }
        tracing::info!(address = %application.address(), "serving");
        application.run().await?;
        tracing::info!("stopped");
        Ok(())
    })
}

fn migrate(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(flags)?;
    let door = open_door(&settings, Clock::System)?;
    door.store.close_blocking();
    println!("the database is up to date");
    Ok(())
}

fn reindex(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(flags)?;
    let door = open_door(&settings, Clock::System)?;
    let renewed = reindex::reindex(&door.store)?;
    door.store.close_blocking();
    println!("{renewed} resources are indexed anew");
    Ok(())
}

fn verify_log(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(flags)?;
    let told = retention::verify(&settings.database)?;
    println!("{told}");
    Ok(())
}

fn cut_log(flags: &Flags) -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(flags)?;
    let told = retention::cut(&settings.database, settings.log_years, &Clock::System)?;
    println!("{told}");
    Ok(())
}
