//! What the black-box tests share: the real app on port 0 with a fresh database, and a plain HTTP client.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod postgres;

use std::path::PathBuf;
use std::sync::{LazyLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use fastkontakt::clock::Clock;
use fastkontakt::config::Settings;
use fastkontakt::door::Door;
use fastkontakt::door::reindex::reindex_if_older;
use fastkontakt::server::{Application, open_door_with};
use fastkontakt::store::{Store, StoreOptions, Synchronous};
use serde_json::Value;
use uuid::Uuid;

/// The day that is today in the tests, unless a test says otherwise.
pub const TODAY: jiff::civil::Date = jiff::civil::date(2026, 3, 10);

/// A running service; stopped, and its database removed, when it goes out of scope.
pub struct TestApp {
    pub base: String,
    pub door: Door,
    /// The database's URL.
    pub database: String,
    agent: ureq::Agent,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
    folder: PathBuf,
}

/// The service on a fresh database: SQLite, or PostgreSQL when `FASTKONTAKT_TEST_DATABASE=postgres`.
pub fn spawn() -> TestApp {
    spawn_with(|_| {})
}

/// The service with other settings than the usual ones; a `database` set here replaces the fresh SQLite one.
pub fn spawn_with(adjust: impl FnOnce(&mut Settings)) -> TestApp {
    spawn_at(Clock::at(TODAY), adjust)
}

/// An SQLite database with the present schema and nothing in it: copying it is cheaper than making it for each test.
static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("fastkontakt-test-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).expect("a folder for the database");
    let file = folder.join("test.db");
    make_ready(&format!("sqlite://{}", file.display()));
    let bytes = std::fs::read(&file).expect("the database");
    let _gone = std::fs::remove_dir_all(&folder);
    bytes
});

/// The URL of a new PostgreSQL database with the present schema and nothing in it; `None` without PostgreSQL.
pub fn postgres_database() -> Option<String> {
    postgres::fresh_copy(make_ready)
}

fn make_ready(database: &str) {
    let store = Store::open(database, &store_options()).expect("the store opens");
    store.migrate().expect("the schema is made");
    reindex_if_older(&store).expect("the index is made");
    store.close_blocking();
}

/// What is on disk after a power cut does not matter here (tests/store_sqlite.rs looks after that).
fn store_options() -> StoreOptions {
    StoreOptions {
        synchronous: Synchronous::Normal,
        ..StoreOptions::default()
    }
}

/// The service at another time.
pub fn spawn_at(clock: Clock, adjust: impl FnOnce(&mut Settings)) -> TestApp {
    let folder = std::env::temp_dir().join(format!("fastkontakt-test-{}", Uuid::new_v4()));
    std::fs::create_dir(&folder).expect("a folder for the test's database");
    let mut settings = Settings {
        database: format!("sqlite://{}", folder.join("test.db").display()),
        bind: ([127, 0, 0, 1], 0).into(),
        open: true,
        workers: Some(2),
        ..Settings::default()
    };
    if std::env::var("FASTKONTAKT_TEST_DATABASE").is_ok_and(|name| name == "postgres") {
        settings.database = postgres_database().expect("PostgreSQL is on the machine");
    } else {
        std::fs::write(folder.join("test.db"), &*EMPTY).expect("a file for the test's database");
    }
    adjust(&mut settings);
    let door = open_door_with(&settings, clock, &store_options()).expect("the store opens");
    let database = settings.database.clone();
    let (tell, told) = mpsc::channel();
    let served = door.clone();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let application = Application::bind(&settings, served).await.expect("port 0 is free");
            tell.send((application.address(), application.handle()))
                .expect("the test waits");
            application.run().await.expect("the server runs");
        });
    });
    let (address, handle) = told.recv().expect("the server starts");
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .max_idle_connections_per_host(64)
        .build()
        .into();
    TestApp {
        base: format!("http://{address}"),
        door,
        database,
        agent,
        handle,
        thread: Some(thread),
        folder,
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let handle = self.handle.clone();
        actix_web::rt::System::new().block_on(handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let stopped = thread.join();
            if !std::thread::panicking() {
                stopped.expect("the server stopped well");
            }
        }
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether a resource is a Provenance that the service itself has made (tests/http/provenance.rs); others look past those.
pub fn is_the_services_provenance(resource: &Value) -> bool {
    let by = resource["agent"][0]["who"]["display"].as_str();
    resource["resourceType"] == "Provenance" && matches!(by, Some("open" | "service"))
}

/// What the service answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Expects this status; shows the body when it is another.
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The rule ids of an OperationOutcome's errors.
    pub fn refused_by(&self) -> Vec<String> {
        self.json()["issue"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|issue| issue["severity"] == "error")
            .filter_map(|issue| issue["details"]["coding"][0]["code"].as_str().map(str::to_owned))
            .collect()
    }

    /// The expressions of an OperationOutcome's issues.
    pub fn expressions(&self) -> Vec<String> {
        self.json()["issue"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|issue| issue["expression"][0].as_str().map(str::to_owned))
            .collect()
    }
}

impl TestApp {
    /// Sends one request; `path` begins with `/`.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).expect("a request")),
            None => self.agent.run(request.body(()).expect("a request")),
        };
        let mut response = sent.expect("an answer");
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().expect("a body of text");
        Answer { status, headers, text }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], None)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], None)
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body)
    }

    pub fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send("POST", path, &fhir(headers), Some(body.to_string().as_bytes()))
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.put_with(path, &[], body)
    }

    pub fn put_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send("PUT", path, &fhir(headers), Some(body.to_string().as_bytes()))
    }
}

impl TestApp {
    /// Does something to the database that the service would not: each backend in its own words.
    pub fn raw_sql(&self, sqlite: &str, postgres: &str) {
        use diesel::Connection;
        use diesel::connection::SimpleConnection;
        match self.database.strip_prefix("sqlite://") {
            Some(path) => diesel::SqliteConnection::establish(path)
                .expect("SQLite opens")
                .batch_execute(sqlite),
            None => diesel::PgConnection::establish(&self.database)
                .expect("PostgreSQL answers")
                .batch_execute(postgres),
        }
        .expect("the database does it");
    }

    /// What a question of PostgreSQL counts, as `n`.
    pub fn counted(&self, sql: &str) -> i64 {
        use diesel::{Connection, QueryableByName, RunQueryDsl};
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let mut connection = diesel::PgConnection::establish(&self.database).expect("PostgreSQL answers");
        let count: Count = diesel::sql_query(sql).get_result(&mut connection).expect("a count");
        count.n
    }

    /// Sends a JSON Patch (a list) or a FHIRPath Patch (a Parameters resource).
    pub fn patch(&self, path: &str, headers: &[(&str, &str)], patch: &Value) -> Answer {
        let content_type = match patch {
            Value::Array(_) => "application/json-patch+json",
            _ => "application/fhir+json",
        };
        let mut all = vec![("Content-Type", content_type)];
        all.extend_from_slice(headers);
        self.send("PATCH", path, &all, Some(patch.to_string().as_bytes()))
    }
}

fn fhir<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("Content-Type", "application/fhir+json")];
    all.extend_from_slice(headers);
    all
}
