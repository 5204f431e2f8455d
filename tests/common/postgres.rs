//! A throw-away PostgreSQL cluster for the tests of one process: made with `initdb` in a temporary folder, reachable by
//! a socket there, gone when the process ends, however it ends. [`fresh_database`] gives each test its own database.
//!
//! Without PostgreSQL on the machine the tests say so and pass; with `FASTKONTAKT_REQUIRE_POSTGRES=1` (CI) they fail.

use std::io::Write;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

struct Cluster {
    folder: PathBuf,
    /// The supervising shell reads from its input; when that closes, also because this process was killed, the server
    /// stops. Nobody waits for the shell: it outlives this process by a moment.
    _supervisor: Child,
}

static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database; `None` when there is no PostgreSQL on the machine and none is required.
pub fn fresh_database() -> Option<String> {
    let cluster = CLUSTER.get_or_init(start).as_ref()?;
    let name = cluster.create("template1");
    Some(cluster.url(&name))
}

/// The URL of a new database that is a copy of one that `make` made ready; the first call lets it.
#[allow(dead_code, reason = "only the black-box tests use it")]
pub fn fresh_copy(make: fn(&str)) -> Option<String> {
    static TEMPLATE: Mutex<Option<String>> = Mutex::new(None);
    let cluster = CLUSTER.get_or_init(start).as_ref()?;
    // One at a time also afterwards: nobody else may be connected to what is copied.
    let mut template = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    let template = template.get_or_insert_with(|| {
        let name = cluster.create("template1");
        make(&cluster.url(&name));
        name
    });
    let name = cluster.create(template);
    Some(cluster.url(&name))
}

impl Cluster {
    /// A new database; its name.
    fn create(&self, template: &str) -> String {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::establish(&self.url("postgres")).expect("the test cluster answers");
        connection
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .expect("the test database is made");
        name
    }

    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&user=fastkontakt", self.folder.display())
    }
}

fn start() -> Option<Cluster> {
    let Some(binaries) = find_binaries() else {
        let required = std::env::var("FASTKONTAKT_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "FASTKONTAKT_REQUIRE_POSTGRES=1, but no initdb and postgres were found"
        );
        // Not by println!, which the test harness swallows when the test passes.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: the PostgreSQL tests; no initdb and postgres were found"
        );
        return None;
    };
    let folder = std::env::temp_dir().join(format!("fastkontakt-pg-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder for the cluster");
    let user = unprivileged_user();
    if let Some((uid, gid)) = user {
        chown(&folder, Some(uid), Some(gid)).expect("the cluster's folder changes hands");
    }
    initialise(&binaries, &folder, user);
    let cluster = Cluster {
        _supervisor: supervise(&binaries, &folder, user),
        folder,
    };
    wait_until_it_answers(&cluster);
    Some(cluster)
}

fn find_binaries() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    debian.sort();
    in_path
        .chain(debian.into_iter().rev())
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// PostgreSQL refuses to run as root: then the user and group of `postgres`, or of `nobody`.
fn unprivileged_user() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().expect("`id -u` runs");
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    let find = |name: &str| {
        users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields[0] == name)
            .map(|fields| {
                let number = |text: &str| text.parse().expect("a number in /etc/passwd");
                (number(fields[2]), number(fields[3]))
            })
    };
    Some(
        find("postgres")
            .or_else(|| find("nobody"))
            .expect("a user other than root"),
    )
}

fn command(program: &Path, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env("LC_ALL", "C");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn initialise(binaries: &Path, folder: &Path, user: Option<(u32, u32)>) {
    let output = command(&binaries.join("initdb"), folder, user)
        .arg("-D")
        .arg(folder.join("data"))
        .args([
            "-U",
            "fastkontakt",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ])
        .output()
        .expect("initdb runs");
    assert!(
        output.status.success(),
        "initdb failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Starts the server under a shell that stops it and removes the folder as soon as this process is gone.
fn supervise(binaries: &Path, folder: &Path, user: Option<(u32, u32)>) -> Child {
    const SCRIPT: &str = r#"
        trap '' INT TERM HUP
        "$1" -D "$2/data" -c listen_addresses= -c unix_socket_directories="$2" -c max_connections=300 \
            -c fsync=off -c synchronous_commit=off -c full_page_writes=off >"$2/log" 2>&1 </dev/null &
        server=$!
        cat >/dev/null
        kill -QUIT $server
        wait $server
        cd / && rm -rf "$2"
    "#;
    command(Path::new("/bin/sh"), folder, user)
        // What a database says in another locale than C, which a test may set, it says in Swedish.
        .env("LANGUAGE", "sv")
        .args(["-c", SCRIPT, "sh"])
        .arg(binaries.join("postgres"))
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("the cluster's shell starts")
}

fn wait_until_it_answers(cluster: &Cluster) {
    let start = Instant::now();
    while let Err(error) = PgConnection::establish(&cluster.url("postgres")) {
        let log = || std::fs::read_to_string(cluster.folder.join("log")).unwrap_or_default();
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the test cluster does not answer: {error}\n{}",
            log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
