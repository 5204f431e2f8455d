//! The access log under PostgreSQL: a thread that writes the records that wait together, in one transaction, and makes the
//! chain's links of them and of those that writes left in their own transactions, under one lock a batch. `Store::log` hands
//! the records in. Under SQLite the one writer does this (writer.rs).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use r2d2::Pool;
use tokio::sync::oneshot;

use super::StoreOptions;
use super::audit::Record;
use super::audit_chain::Head;
use super::connection::Manager;
use super::error::StoreError;
use super::session::Session;
use super::writer::gone;

/// How often the end of the chain is told in the program's log, at the most.
const TELL: Duration = Duration::from_secs(600);
/// How long rows that writes have left wait for their links when nothing else is logged.
const LINK: Duration = Duration::from_millis(250);

/// Tells the end of the chain now and then. Who keeps it elsewhere can show that nothing before it was changed.
#[derive(Default)]
pub(super) struct LogHead {
    told: Option<Instant>,
}

impl LogHead {
    pub fn is_due(&self) -> bool {
        self.told.is_none_or(|told| told.elapsed() >= TELL)
    }

    pub fn tell(&mut self, head: &Head) {
        if head.n > 0 && self.is_due() {
            self.told = Some(Instant::now());
            tracing::info!(link = head.n, hash = %head.hash, "the end of the access log's chain");
        }
    }
}

struct Waiting {
    record: Record,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

/// The way to the thread; it ends when this is dropped, after all that waits.
pub(super) struct Logger {
    queue: SyncSender<Waiting>,
    /// A write was committed: its rows have no links yet.
    waits: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Logger {
    pub fn start(pool: Pool<Manager>, options: &StoreOptions) -> Result<Logger, StoreError> {
        let (queue, records) = sync_channel(options.queue_bound);
        let waits = Arc::new(AtomicBool::new(true));
        let work = Thread {
            records,
            pool,
            waits: waits.clone(),
            batch_bound: options.batch_bound,
            head: LogHead::default(),
        };
        let thread = std::thread::Builder::new()
            .name("store-logger".to_owned())
            .spawn(move || work.run())
            .map_err(|error| StoreError::Unavailable(format!("the logger thread cannot start: {error}")))?;
        Ok(Logger { queue, waits, thread })
    }

    pub fn log(&self, record: Record) -> Result<oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.queue
            .try_send(Waiting { record, reply })
            .map_err(|refused| match refused {
                TrySendError::Full(_) => StoreError::QueueFull,
                TrySendError::Disconnected(_) => gone(),
            })?;
        Ok(answer)
    }

    /// A write was committed.
    pub fn something_waits(&self) {
        self.waits.store(true, Ordering::Relaxed);
    }

    /// Waits until everything that was handed in is written and the thread has ended.
    pub fn finish(self) {
        let Logger { queue, thread, .. } = self;
        drop(queue);
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the logger thread panicked");
        }
    }
}

struct Thread {
    records: Receiver<Waiting>,
    pool: Pool<Manager>,
    waits: Arc<AtomicBool>,
    batch_bound: usize,
    head: LogHead,
}

impl Thread {
    fn run(mut self) {
        loop {
            match self.records.recv_timeout(LINK) {
                Ok(first) => {
                    let mut batch = vec![first];
                    while batch.len() < self.batch_bound
                        && let Ok(next) = self.records.try_recv()
                    {
                        batch.push(next);
                    }
                    self.write(batch);
                }
                Err(RecvTimeoutError::Timeout) => self.link(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.link();
    }

    /// Writes a batch; when it cannot be written together, each by itself.
    fn write(&mut self, batch: Vec<Waiting>) {
        let records: Vec<&Record> = batch.iter().map(|waiting| &waiting.record).collect();
        match self.together(&records) {
            Ok(()) => {
                for waiting in batch {
                    let _ = waiting.reply.send(Ok(()));
                }
            }
            Err(error) if batch.len() == 1 => {
                tracing::error!(%error, "a record of the access log could not be written");
                for waiting in batch {
                    let _ = waiting.reply.send(Err(error.clone()));
                }
            }
            Err(_) => {
                for waiting in batch {
                    let outcome = self.together(&[&waiting.record]);
                    let _ = waiting.reply.send(outcome);
                }
            }
        }
    }

    fn together(&mut self, records: &[&Record]) -> Result<(), StoreError> {
        self.waits.store(false, Ordering::Relaxed);
        let head = self.transaction(|session| {
            session.record_all(records)?;
            session.link_audit()
        })?;
        if let Some(head) = head {
            self.head.tell(&head);
        }
        Ok(())
    }

    /// Links what writes have left.
    fn link(&mut self) {
        while self.waits.swap(false, Ordering::Relaxed) {
            match self.transaction(Session::link_audit) {
                Ok(Some(head)) => {
                    self.head.tell(&head);
                    // There may be more than fits in one go.
                    self.waits.store(true, Ordering::Relaxed);
                }
                Ok(None) => {}
                // Before the first migration there is no table; otherwise the next write brings another try.
                Err(error) => tracing::debug!(%error, "the access log's links could not be made"),
            }
        }
    }

    fn transaction<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut session = self
            .pool
            .get()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let outcome = session.transaction("BEGIN", work);
        if outcome.is_err() {
            session.examine();
        }
        outcome
    }
}
