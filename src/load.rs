//! `fastkontakt demo`: a fresh database in a temporary folder, the synthetic people loaded through the ordinary door,
//! then served on loopback.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use uuid::Uuid;

use crate::access::{Call, Caller, Disclosed, Interaction};
use crate::clock::Clock;
use crate::config::Settings;
use crate::demo::{self, Demo};
use crate::door::Door;
use crate::door::bundle::{self, Reading};
use crate::door::problem::Problem;
use crate::observe;
use crate::server::{Application, open_door};

/// The seed of the people, so that README's walk finds the same ones every time.
const SEED: u64 = 1;

/// Loads the people, showing progress, and serves them until stopped. The folder goes when the demo does.
pub fn run(bind: SocketAddr) -> Result<(), Box<dyn Error>> {
    let folder = Folder::new()?;
    let settings = Settings {
        database: format!("sqlite://{}", folder.0.join("demo.db").display()),
        bind,
        log: "warn".to_owned(),
        open: true,
        ..Settings::default()
    };
    settings.require_safe_bind()?;
    observe::start_logging(&settings.log, false);
    let door = open_door(&settings, Clock::System)?;
    actix_web::rt::System::new().block_on(async {
        // Bound before the loading, so that a port in use is told at once.
        let application = Application::bind(&settings, door.clone()).await?;
        let people = demo::people(SEED, door.clock.today());
        println!(
            "Fastkontakt demo: loading {} synthetic patients of four regions",
            people.patients
        );
        load(&door, people, |title, done, of, resources| {
            println!("  {done:>3} of {of}: {title} ({resources} resources so far)");
        })
        .await?;
        tell(application.address());
        application.run().await?;
        Ok(())
    })
}

/// Hands every bundle to the door; `progress` is told (title, bundles done, bundles in all, resources stored).
pub async fn load(door: &Door, people: Demo, progress: impl Fn(&str, usize, usize, usize)) -> Result<usize, LoadError> {
    let of = people.bundles.len();
    let mut resources = 0;
    for (index, bundle) in people.bundles.into_iter().enumerate() {
        let call = Call {
            caller: Caller::Service,
            interaction: Interaction::Transaction,
            purpose: "HSYSADMIN".into(),
            nodoppning: None,
            request_id: Uuid::new_v4().to_string(),
            disclosed: Disclosed::default(),
        };
        let refused = |problem| LoadError {
            bundle: bundle.title.clone(),
            problem,
        };
        let now = door.clock.now().as_microsecond();
        let reading = bundle::read(bundle.version, bundle.bundle, &door.bundles, &[])
            .and_then(|submitted| Reading::new(bundle.version, submitted.transaction()?, &[], now, door.limits))
            .map_err(refused)?;
        resources += door.transact(&call, reading, Vec::new()).await.map_err(refused)?.len();
        progress(&bundle.title, index + 1, of, resources);
    }
    Ok(resources)
}

/// A demo bundle that the door did not take: a fault of ours.
#[derive(Debug)]
pub struct LoadError {
    /// Which bundle, by its title.
    pub bundle: String,
    pub problem: Problem,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the demo bundle \"{}\" was refused: {:?}", self.bundle, self.problem)
    }
}

impl Error for LoadError {}

fn tell(address: SocketAddr) {
    println!();
    println!("Serving on http://{address} (loopback, open: for trying out only). Open in a browser:");
    println!("  http://{address}/fhir/r5/CareTeam?patient=Patient/anna&_pretty=true");
    println!("  http://{address}/fhir/r4/metadata?_pretty=true");
    println!("  http://{address}/riktlinje");
    println!("  http://{address}/swagger-ui/");
    println!("README.md walks you through it with curl. Ctrl-C stops the demo and removes its database.");
}

/// A temporary folder of our own that is removed when the demo ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Folder> {
        let path = std::env::temp_dir().join(format!("fastkontakt-demo-{}", Uuid::new_v4()));
        std::fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind only if the machine forbids it; then there is nobody left to tell.
        let _removed = std::fs::remove_dir_all(&self.0);
    }
}
