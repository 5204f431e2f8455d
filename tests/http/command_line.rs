//! The program as an operator and a script use it: exit codes and messages.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::people::*;
use crate::serving::Serving;

fn fastkontakt(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fastkontakt"))
        .args(arguments)
        .env_remove("DATABASE_URL")
        .output()
        .expect("the program starts")
}

pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("fastkontakt-cli-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, resource: &Value) -> String {
        self.text(name, &resource.to_string())
    }

    pub fn text(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn validate_tells_by_its_exit_code() {
    let folder = Folder::new();
    let mut contact = fast_kontakt("anna", "2", "skoterska");
    contact["id"] = json!("kontakt");
    let [practitioner, role] = staff("skoterska", "SJ", "206090", "vc");
    let context = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": unit("vc", "SE2321000164-0001") }, { "resource": practitioner }, { "resource": role },
        { "resource": patient("anna", None) },
    ] });
    let contact_file = folder.file("contact.json", &contact);
    let context = folder.file("context.json", &context);

    let refused = fastkontakt(&["validate", "--date", "2026-03-10", &contact_file, &context]);
    let told = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("error FLK-01 CareTeam.participant[0]"), "{told}");

    contact["participant"][0]["role"]["coding"][0]["code"] = json!("1");
    let contact_file = folder.file("contact.json", &contact);
    let passed = fastkontakt(&["validate", "--date", "2026-03-10", &contact_file, &context]);
    assert_eq!(
        passed.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&passed.stdout)
    );

    let not_fhir = folder.text("bad.json", "{\"resourceType\":\"CareTeam\",\"x\":1}");
    assert_eq!(fastkontakt(&["validate", &not_fhir]).status.code(), Some(1));
    assert_eq!(
        fastkontakt(&["validate", "/nowhere/at/all.json"]).status.code(),
        Some(2)
    );
    assert_eq!(
        fastkontakt(&["validate", "--policy", "atlantis", &not_fhir])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn serve_is_safe_by_default() {
    let closed = fastkontakt(&["serve"]);
    assert!(!closed.status.success());
    assert!(String::from_utf8_lossy(&closed.stderr).contains("--open"));
    let wide = fastkontakt(&["serve", "--open", "--bind", "0.0.0.0:0"]);
    assert!(!wide.status.success());
    assert!(String::from_utf8_lossy(&wide.stderr).contains("loopback"));
    assert!(String::from_utf8_lossy(&closed.stderr).contains("[access]"));
    let folder = Folder::new();
    let issuer = "[[access.issuers]]\nissuer = \"https://idp.example.se\"\naudience = \"a\"\n";
    for (more, flags, told) in [
        (
            "jwks_url = \"https://idp.example.se/jwks\"",
            ["--open"].as_slice(),
            "--open",
        ),
        ("jwks_url = \"http://idp.example.se/jwks\"", &[], "https"),
        ("jwks_file = \"/nowhere/keys.json\"", &[], "/nowhere/keys.json"),
        (
            "jwks_url = \"https://idp.example.se/jwks\"\nca_file = \"/nowhere/ca.pem\"",
            &[],
            "/nowhere/ca.pem",
        ),
    ] {
        let settings = folder.text("settings.toml", &format!("{issuer}{more}\n"));
        let database = format!("sqlite://{}", folder.0.join("access.db").display());
        let mut arguments = vec![
            "serve",
            "--config",
            &settings,
            "--bind",
            "127.0.0.1:0",
            "--database",
            &database,
        ];
        arguments.extend_from_slice(flags);
        let refused = fastkontakt(&arguments);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && error.contains(told), "{error}");
    }
}

#[test]
fn a_database_that_cannot_be_opened_is_told_and_nothing_is_half_made() {
    let folder = Folder::new();
    let missing = folder.0.join("missing/x.db");
    let answer = fastkontakt(&["migrate", "--database", &format!("sqlite://{}", missing.display())]);
    assert_eq!(answer.status.code(), Some(1));
    assert!(!missing.parent().unwrap().exists());
    let foreign = folder.text(
        "notes.txt",
        "this is no database, it is only a text that is long enough to be looked at",
    );
    let answer = fastkontakt(&["migrate", "--database", &format!("sqlite://{foreign}")]);
    assert_eq!(answer.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&answer.stderr).contains("database"));
    assert!(
        std::fs::read_to_string(&foreign)
            .unwrap()
            .starts_with("this is no database"),
        "left as it was"
    );
    assert_eq!(
        fastkontakt(&["migrate", "--database", "mysql://x"]).status.code(),
        Some(1)
    );
}

#[test]
fn migrate_makes_the_tables_and_may_be_run_again() {
    let folder = Folder::new();
    let url = format!("sqlite://{}", folder.0.join("new.db").display());
    for _ in 0..2 {
        let answer = fastkontakt(&["migrate", "--database", &url]);
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    }
}

#[test]
fn openapi_prints_the_document() {
    let answer = fastkontakt(&["openapi"]);
    assert_eq!(
        String::from_utf8(answer.stdout).unwrap(),
        fastkontakt::api::openapi::document()
    );
}

#[test]
fn serve_stops_gracefully_keeps_what_it_answered_and_logs_no_person() {
    let folder = Folder::new();
    let serving = Serving::start(&folder.0, &[]);
    let anna = patient("anna", Some("195009072553"));
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("{}/fhir/r5/Patient/anna", serving.base);
    let sent = agent
        .put(&url)
        .header("Content-Type", "application/fhir+json")
        .send(anna.to_string().as_bytes());
    assert_eq!(sent.expect("an answer").status().as_u16(), 201);
    let wrong = agent
        .put(&url)
        .header("Content-Type", "application/fhir+json")
        .send(b"{\"19500907\":\"2553\"}".as_slice());
    assert_eq!(wrong.expect("an answer").status().as_u16(), 400);
    let search = format!("{}/fhir/r5/Patient?identifier=195009072553", serving.base);
    assert_eq!(agent.get(&search).call().expect("an answer").status().as_u16(), 200);
    let (code, log) = serving.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"stopped\""), "{log}");
    assert!(log.lines().count() >= 4, "each request is a line: {log}");
    for personal in ["anna", "9072553", "19500907", "Prov"] {
        assert!(!log.contains(personal), "{personal} is in the log: {log}");
    }
    let again = Serving::start(&folder.0, &[]);
    let read = agent
        .get(format!("{}/fhir/r5/Patient/anna", again.base))
        .call()
        .expect("an answer");
    assert_eq!(
        read.status().as_u16(),
        200,
        "what was answered is there after a restart"
    );
    assert_eq!(again.stop().0, Some(0));
}

#[test]
fn demo_loads_its_people_serves_them_and_leaves_nothing_behind() {
    use std::io::BufRead;
    let folder = Folder::new();
    let mut process = Command::new(env!("CARGO_BIN_EXE_fastkontakt"))
        .arg("demo")
        .env("FASTKONTAKT_BIND", "127.0.0.1:0")
        .env("TMPDIR", &folder.0)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = std::io::BufReader::new(process.stdout.take().expect("standard output")).lines();
    let mut base = None;
    for line in lines.map(|line| line.expect("text")) {
        if let Some(address) = line.strip_prefix("Serving on ") {
            base = address.split(' ').next().map(str::to_owned);
        }
        if line.starts_with("README.md") {
            break;
        }
    }
    let base = base.expect("the demo tells its address");
    let url = format!("{base}/fhir/r4/Patient?_summary=count");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    // The last words come just before the server begins to answer; the connection waits for it.
    let text = agent
        .get(&url)
        .call()
        .expect("an answer")
        .body_mut()
        .read_to_string()
        .expect("text");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert!(found["total"].as_i64().expect("a total") > 100, "{found}");
    assert!(
        Command::new("kill")
            .args(["-TERM", &process.id().to_string()])
            .status()
            .expect("kill runs")
            .success()
    );
    assert_eq!(process.wait().expect("the demo ends").code(), Some(0));
    assert_eq!(
        std::fs::read_dir(&folder.0).expect("the folder").count(),
        0,
        "its database is gone"
    );
}
