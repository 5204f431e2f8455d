//! A store on a fresh database of either backend, and short words for writing to it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use fastkontakt::fhir::types::ResourceType;
use fastkontakt::store::{
    HistoryEnd, HistoryQuery, NewVersion, Past, Record, Scope, Session, Store, StoreError, StoreOptions, Stored,
};
use jiff::Timestamp;

/// A temporary folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fastkontakt-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn sqlite_url(&self) -> String {
        format!("sqlite://{}", self.file("test.db").display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A migrated store on a database of its own.
pub struct Fresh {
    pub store: Store,
    pub url: String,
    /// After the store, so that the files are closed when it goes.
    _folder: Option<Folder>,
}

impl Fresh {
    pub fn sqlite(options: &StoreOptions) -> Fresh {
        let folder = Folder::new();
        Fresh::open(folder.sqlite_url(), options, Some(folder))
    }

    pub fn open(url: String, options: &StoreOptions, folder: Option<Folder>) -> Fresh {
        let store = Store::open(&url, options).expect("the store opens");
        store.migrate().expect("the store migrates");
        Fresh {
            store,
            url,
            _folder: folder,
        }
    }
}

/// A version with nothing special about it.
pub fn version<'a>(kind: ResourceType, id: &'a str, version: i64, body: &'a str) -> NewVersion<'a> {
    NewVersion {
        kind,
        id,
        version,
        last_updated: Timestamp::now(),
        deleted: false,
        patient: None,
        body,
        index: &[],
        caller: "test",
        request_id: "r-1",
        interaction: "update",
    }
}

/// A record of the access log.
#[allow(dead_code, reason = "not every suite logs")]
pub fn record(request_id: &str) -> Record {
    Record {
        at: Timestamp::now(),
        capacity: "medarbetare",
        caller: "SE2321000016-1003".to_owned(),
        who: String::new(),
        unit: "SE2321000016-1001".to_owned(),
        provider: "SE2321000016-1000".to_owned(),
        client: "journal".to_owned(),
        purpose: "TREAT".to_owned(),
        emergency: String::new(),
        interaction: "read",
        outcome: "success",
        request_id: request_id.to_owned(),
        resources: vec![(ResourceType::CareTeam, "a".to_owned(), 1)],
        patients: vec![("p".to_owned(), None)],
        nekade: Default::default(),
        keepers: Vec::new(),
    }
}

/// Writes whatever version comes next, as the door does: lock, look, put.
#[allow(dead_code, reason = "not every suite writes versions in a row")]
pub fn put_next(session: &mut Session, kind: ResourceType, id: &str, patient: Option<&str>) -> Result<i64, StoreError> {
    session.lock_resources(&[(kind, id)])?;
    let current = session.current(kind, id)?;
    let next = current.as_ref().map_or(1, |stored| stored.version + 1);
    let body = format!("{{\"v\":{next}}}");
    let last_updated = session.next_instant(Timestamp::now(), current.as_ref());
    session.put(&NewVersion {
        patient,
        last_updated,
        ..version(kind, id, next, &body)
    })?;
    Ok(next)
}

/// All versions of a resource, newest first.
#[allow(dead_code, reason = "not every suite looks at history")]
pub fn versions(store: &Store, kind: ResourceType, id: &str) -> Vec<Stored> {
    page_of_versions(store, Scope::Instance(kind, id.to_owned()), i64::MAX, None)
        .into_iter()
        .map(|past| past.stored)
        .collect()
}

/// A page of history.
#[allow(dead_code, reason = "not every suite looks at history")]
pub fn page_of_versions(store: &Store, scope: Scope, limit: i64, after: Option<HistoryEnd>) -> Vec<Past> {
    let query = HistoryQuery {
        scope,
        since: None,
        at: None,
        oldest_first: false,
        after,
        limit,
    };
    store
        .read_blocking(|session| session.history(&query))
        .expect("a history")
}
