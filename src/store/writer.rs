//! SQLite's one writer: a thread that takes the writes that wait, carries them out in one transaction with a savepoint
//! each, commits once and only then answers (group commit). A write that fails or panics undoes itself alone; a
//! transaction that cannot be committed fails for all in it. `Store::write` hands the work in.
//!
//! Those who wait take turns, party by party: whoever hands in many writes, or slow ones, keeps others waiting for one of them.
//!
//! Records of the access log that come without a write (`Store::log`) wait in the same queue and are written together, at
//! the end of the transaction.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use tokio::sync::oneshot;

use super::StoreOptions;
use super::audit::Record;
use super::connection::{Connection, Place, Role, set_up};
use super::error::StoreError;
use super::logger::LogHead;
use super::parties::{Lines, Party};
use super::session::Session;

/// A piece of work that waits for the writer.
trait Job: Send {
    /// Whether somebody still waits for the answer; a caller who has gone needs no write.
    fn wanted(&self) -> bool;
    /// Does the work; tells whether it is to be kept.
    fn run(&mut self, session: &mut Session) -> bool;
    /// Answers, after the commit or instead of it.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
    /// A job that is nothing but this record; such jobs are not run.
    fn record(&self) -> Option<&Record> {
        None
    }
    /// What became of the record.
    fn recorded(&mut self, _outcome: Result<(), StoreError>) {}
}

/// A record of the access log that waits for the writer.
struct LogTask {
    record: Record,
    outcome: Result<(), StoreError>,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Job for LogTask {
    fn wanted(&self) -> bool {
        // What was disclosed, or denied, is recorded also when the caller has gone.
        true
    }

    fn run(&mut self, _: &mut Session) -> bool {
        false
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let _ = self.reply.send(committed.and(self.outcome));
    }

    fn record(&self) -> Option<&Record> {
        Some(&self.record)
    }

    fn recorded(&mut self, outcome: Result<(), StoreError>) {
        self.outcome = outcome;
    }
}

struct Task<T, E, F> {
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for Task<T, E, F>
where
    F: FnOnce(&mut Session) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, session: &mut Session) -> bool {
        let Some(work) = self.work.take() else { return false };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(session)))
            .unwrap_or_else(|_| Err(E::from(StoreError::Other("a piece of work panicked".to_owned()))));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(E::from(StoreError::Other(
                "a piece of work was not carried out".to_owned(),
            ))),
            // What the work found may rest on other work of the lost transaction, so its own error is not told either.
            (Err(error), _) => Err(E::from(error)),
        };
        // Whoever waited may have gone meanwhile.
        let _ = self.reply.send(answer);
    }
}

/// What the writer tells of itself.
#[derive(Debug)]
pub(super) struct Figures {
    /// Writes handed in and not yet taken into a transaction.
    pub waiting: AtomicUsize,
    /// How many transactions had 0, 1, 2 … writes in them.
    pub batches: Vec<AtomicU64>,
}

/// Whose job it is, and whether it is a record: what a caller has read does not wait for what she writes.
type Line = (Party, bool);

/// What waits for the writer.
struct Queue {
    waiting: Mutex<Waiting>,
    /// Something has come, or nothing more will.
    came: Condvar,
}

struct Waiting {
    jobs: Lines<Line, Box<dyn Job>>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A poisoned lock would mean a panic between two changes; what it guards is whole all the same.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets nothing more in.
    fn close(&self) {
        self.lock().closed = true;
        self.came.notify_all();
    }
}

/// The writer's end of the queue. When it is gone nobody waits in vain.
struct Jobs(Arc<Queue>);

/// Why there is no job.
enum NoJob {
    /// None has come for so long.
    Idle,
    /// The store is closed and all is done.
    Closed,
}

impl Jobs {
    /// The next job, waited for as long as that.
    fn wait(&self, longest: Option<Duration>) -> Result<(Line, Box<dyn Job>), NoJob> {
        let nothing = |waiting: &mut Waiting| waiting.jobs.is_empty() && !waiting.closed;
        let waiting = self.0.lock();
        let (mut waiting, is_idle) = match longest {
            None => {
                let woken = self.0.came.wait_while(waiting, nothing);
                (woken.unwrap_or_else(PoisonError::into_inner), false)
            }
            Some(longest) => {
                let woken = self.0.came.wait_timeout_while(waiting, longest, nothing);
                let (waiting, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
                (waiting, timeout.timed_out())
            }
        };
        match waiting.jobs.pop() {
            Some(job) => Ok(job),
            None if is_idle => Err(NoJob::Idle),
            None => Err(NoJob::Closed),
        }
    }

    /// The next job that waits, unless it is of a line that goes alone.
    fn take(&self, goes_alone: impl Fn(&Line) -> bool) -> Option<(Line, Box<dyn Job>)> {
        let mut waiting = self.0.lock();
        if waiting.jobs.next().is_some_and(goes_alone) {
            return None;
        }
        waiting.jobs.pop()
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        self.0.close();
        let left = self.0.lock().jobs.drain();
        drop(left);
    }
}

/// The way to the writer thread; it ends when this is finished, after all that waits.
pub(super) struct Writer {
    queue: Arc<Queue>,
    figures: Arc<Figures>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread with a connection that is set up already.
    pub(super) fn start(session: Session, place: Place, options: &StoreOptions) -> Result<Writer, StoreError> {
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Waiting {
                jobs: Lines::new(options.queue_bound),
                closed: false,
            }),
            came: Condvar::new(),
        });
        let figures = Arc::new(Figures {
            waiting: AtomicUsize::new(0),
            batches: (0..=options.batch_bound).map(|_| AtomicU64::new(0)).collect(),
        });
        let work = Thread {
            jobs: Jobs(queue.clone()),
            slow: HashSet::new(),
            figures: figures.clone(),
            session: Some(session),
            place,
            options: options.clone(),
            since_checkpoint: 0,
            log_head: LogHead::default(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || work.run())
            .map_err(|error| StoreError::Unavailable(format!("the writer thread cannot start: {error}")))?;
        Ok(Writer { queue, figures, thread })
    }

    pub(super) fn figures(&self) -> &Arc<Figures> {
        &self.figures
    }

    /// Hands work in; the answer comes through the receiver.
    pub(super) fn submit<T, E, F>(&self, party: Party, work: F) -> Result<oneshot::Receiver<Result<T, E>>, StoreError>
    where
        F: FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task {
            work: Some(work),
            outcome: None,
            reply,
        };
        self.hand_in((party, false), Box::new(task))?;
        Ok(answer)
    }

    /// Hands a record of the access log in.
    pub(super) fn log(
        &self,
        party: Party,
        record: Record,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let task = LogTask {
            record,
            outcome: Ok(()),
            reply,
        };
        self.hand_in((party, true), Box::new(task))?;
        Ok(answer)
    }

    fn hand_in(&self, line: Line, job: Box<dyn Job>) -> Result<(), StoreError> {
        let mut waiting = self.queue.lock();
        if waiting.closed {
            return Err(gone());
        }
        waiting.jobs.push(line, job).map_err(|_| StoreError::QueueFull)?;
        // Before the thread can take it, so that it never counts below nought.
        self.figures.waiting.fetch_add(1, Ordering::Relaxed);
        drop(waiting);
        self.queue.came.notify_one();
        Ok(())
    }

    /// Waits until everything that was handed in is done and the thread has ended.
    pub(super) fn finish(self) {
        let Writer { queue, thread, .. } = self;
        queue.close();
        // The last handle to the store may be dropped by the work itself, on the thread that is to end.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the writer thread panicked");
        }
    }
}

/// What a write gets after the store was closed.
pub(super) fn gone() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// Rows of a write-ahead log that are worth a checkpoint, in pages; and those at which readers must be waited for, so
/// that the log cannot grow for ever (trap 5).
const CHECKPOINT_PAGES: usize = 4_000;
const LARGE_LOG_PAGES: i64 = 100_000;
const WAIT_FOR_READERS: Duration = Duration::from_millis(200);
/// Pages a write is taken to need when deciding whether a checkpoint is due; the checkpoint itself tells the truth.
const PAGES_PER_WRITE: usize = 8;
/// After so long without a write, what is in the log goes into the database.
const IDLE: Duration = Duration::from_millis(500);
/// A transaction takes in no more writes after this time, so that the first does not wait for ever.
const LONGEST_BATCH: Duration = Duration::from_millis(100);
/// Whose last write took so long begins a transaction of its own, so that nobody else waits for it to be committed.
const SLOW: Duration = Duration::from_millis(50);
/// So many of them are remembered.
const MOST_SLOW: usize = 1_000;

struct Thread {
    jobs: Jobs,
    /// Those whose last write was slow.
    slow: HashSet<Line>,
    figures: Arc<Figures>,
    /// `None` after a failure that left the connection in doubt; the next batch opens a new one.
    session: Option<Session>,
    place: Place,
    options: StoreOptions,
    since_checkpoint: usize,
    log_head: LogHead,
}

impl Thread {
    fn run(mut self) {
        while let Some(first) = self.next() {
            let answered = self.carry_out(first);
            self.since_checkpoint += answered * PAGES_PER_WRITE;
            if self.since_checkpoint >= CHECKPOINT_PAGES {
                self.checkpoint();
            }
        }
        self.empty_log(Duration::ZERO);
    }

    /// The next job to come; `None` when the store is closed.
    fn next(&mut self) -> Option<(Line, Box<dyn Job>)> {
        loop {
            let longest = (self.since_checkpoint > 0).then_some(IDLE);
            match self.jobs.wait(longest) {
                Ok(job) => return Some(job),
                Err(NoJob::Closed) => return None,
                Err(NoJob::Idle) => {
                    self.checkpoint();
                    self.since_checkpoint = 0;
                }
            }
        }
    }

    /// Remembers whether a write was slow.
    fn took(&mut self, line: Line, time: Duration) {
        if time < SLOW {
            self.slow.remove(&line);
        } else {
            if self.slow.len() >= MOST_SLOW {
                self.slow.clear();
            }
            self.slow.insert(line);
        }
    }

    /// One transaction: the first job and those that wait behind it. Returns how many there were.
    fn carry_out(&mut self, first: (Line, Box<dyn Job>)) -> usize {
        let mut done: Vec<Box<dyn Job>> = Vec::new();
        let committed = self.transaction(first, &mut done);
        if let Err(error) = &committed {
            tracing::error!(%error, writes = done.len(), "a transaction was lost");
            self.session = None;
        }
        let size = done.len();
        self.figures.batches[size.min(self.options.batch_bound)].fetch_add(1, Ordering::Relaxed);
        for job in done {
            job.answer(committed.clone());
        }
        size
    }

    /// Every job that was taken from the queue ends up in `done`, whatever happens.
    fn transaction(&mut self, first: (Line, Box<dyn Job>), done: &mut Vec<Box<dyn Job>>) -> Result<(), StoreError> {
        let start = Instant::now();
        let mut session = match self.open_session() {
            Ok(session) => session,
            Err(error) => {
                self.taken();
                done.push(first.1);
                return Err(error);
            }
        };
        let mut opened = session.connection.begin("BEGIN IMMEDIATE");
        let mut next = Some(first);
        while let Some((line, mut job)) = next.take() {
            self.taken();
            if opened.is_ok() && job.record().is_none() && job.wanted() {
                let began = Instant::now();
                opened = in_savepoint(&mut session, job.as_mut());
                self.took(line, began.elapsed());
            }
            done.push(job);
            if opened.is_ok() && done.len() < self.options.batch_bound && start.elapsed() < LONGEST_BATCH {
                next = self.jobs.take(|line| self.slow.contains(line));
            }
        }
        opened
            .and_then(|()| write_records(&mut session, done))
            .and_then(|()| session.connection.commit())
            .map_err(|error| match error {
                StoreError::Corrupt(reason) => StoreError::Corrupt(reason),
                other => StoreError::Unavailable(other.to_string()),
            })?;
        if self.log_head.is_due()
            && let Ok(head) = session.audit_head()
        {
            self.log_head.tell(&head);
        }
        self.session = Some(session);
        Ok(())
    }

    fn taken(&self) {
        self.figures.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    fn open_session(&mut self) -> Result<Session, StoreError> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let mut connection = self.place.connect()?;
        set_up(&mut connection, &self.options, Role::Writer)?;
        Ok(Session::new(connection, Role::Writer))
    }

    /// Moves the log into the database, after the answers and between the writes, as far as readers allow.
    fn checkpoint(&mut self) {
        let Some(state) = self.pragma_checkpoint("PASSIVE") else {
            return;
        };
        let left = usize::try_from(state.log - state.checkpointed).unwrap_or(0);
        self.since_checkpoint = left.min(CHECKPOINT_PAGES / 2);
        if state.log > LARGE_LOG_PAGES {
            self.empty_log(WAIT_FOR_READERS);
        }
    }

    /// Moves the log into the database and cuts it off. Nobody can write meanwhile, another process neither, so that
    /// readers are waited for only so long.
    fn empty_log(&mut self, wait: Duration) {
        let usual = self.options.busy_timeout;
        self.set_busy_timeout(wait);
        self.pragma_checkpoint("TRUNCATE");
        self.set_busy_timeout(usual);
    }

    fn set_busy_timeout(&mut self, wait: Duration) {
        if let Some(session) = &mut self.session
            && let Err(error) = session
                .connection
                .execute(&format!("PRAGMA busy_timeout = {}", wait.as_millis()))
        {
            tracing::warn!(%error, "the time to wait could not be set");
        }
    }

    fn pragma_checkpoint(&mut self, mode: &str) -> Option<Checkpoint> {
        let Connection::Sqlite(connection) = &mut self.session.as_mut()?.connection else {
            return None;
        };
        let state = diesel::sql_query(format!("PRAGMA wal_checkpoint({mode})")).get_result(connection);
        state
            .inspect_err(|error| tracing::warn!(%error, "the log could not be moved into the database"))
            .ok()
    }
}

/// Writes the records among the jobs. One that cannot be written fails alone.
fn write_records(session: &mut Session, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let mut logs: Vec<&mut Box<dyn Job>> = jobs.iter_mut().filter(|job| job.record().is_some()).collect();
    if logs.is_empty() {
        return Ok(());
    }
    let records: Vec<&Record> = logs.iter().filter_map(|job| job.record()).collect();
    if session
        .transaction("SAVEPOINT", |session| session.record_all(&records))
        .is_err()
    {
        for job in &mut logs {
            let Some(record) = job.record() else { continue };
            let outcome = session.transaction("SAVEPOINT", |session| session.record(record));
            job.recorded(outcome);
        }
    }
    match session.connection.depth() {
        Some(1) => Ok(()),
        _ => Err(StoreError::Unavailable("the transaction was lost".to_owned())),
    }
}

/// Runs a job in a savepoint of its own. An error means that the whole transaction is in doubt.
fn in_savepoint(session: &mut Session, job: &mut dyn Job) -> Result<(), StoreError> {
    session.connection.begin("SAVEPOINT")?;
    let keep = job.run(session);
    // A job that panicked may have left savepoints of its own open.
    while session.connection.depth().is_some_and(|depth| depth > 2) {
        session.connection.rollback()?;
    }
    match session.connection.depth() {
        Some(2) if keep => session.connection.commit(),
        Some(2) => session.connection.rollback(),
        _ => Err(StoreError::Unavailable("the transaction was lost".to_owned())),
    }
}

/// What `PRAGMA wal_checkpoint` answers, in pages of the log.
#[derive(diesel::QueryableByName)]
struct Checkpoint {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    log: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    checkpointed: i64,
}
