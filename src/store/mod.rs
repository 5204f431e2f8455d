//! The store: resources, history, index, outbox and audit, on SQLite or PostgreSQL behind one interface. It knows no
//! rule and no HTTP. The door does all its work in [`Store::read`] and [`Store::write`]; what can be asked and written
//! there stands in [`Session`].

mod arbetslista;
mod audit;
mod audit_chain;
mod audit_read;
mod connection;
mod deadline;
mod error;
mod everything;
mod history;
mod horizon;
mod index;
mod insert;
mod kept;
mod kind;
mod ko;
mod logger;
mod open;
mod owners;
mod parties;
mod put;
pub mod schema;
mod search;
mod secret;
mod session;
mod sikt;
mod statement;
mod writer;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use r2d2::Pool;
use tokio::sync::Semaphore;

use connection::{Complaints, Customizer, Manager, POOL_TIMEOUT, Place, Role};
use logger::Logger;
use writer::{Figures, Writer, gone};

pub use arbetslista::{Kvar, Lakarrad, ListQuery, Listrad, Overlista, Rad};
pub use audit::{Named, Record, Recorded};
pub use audit_chain::{Break, Head, Verified};
pub use audit_read::LogQuery;
pub use connection::{Connection, Synchronous};
pub use error::{Failure, StoreError};
pub use everything::{EverythingEnd, EverythingQuery};
pub use history::{HistoryEnd, HistoryQuery, Past, Scope};
pub use index::{name_key, system_key, text_key};
pub use kept::{Hallare, Hallarnyckel, Keeping, Kept, KeptVersion, Ratt, Slag};
pub use ko::{Koad, kalla, kalla_for_identifierare};
pub use owners::Owners;
pub use parties::{Party, Share, Shares};
pub use put::NewVersion;
pub use search::{Included, Page, Referred, is_brief, looks_ahead};
pub use session::{Session, Stored};
pub use sikt::{Om, Sikt, Villkor};

/// How the store uses the machine.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Connections for reads (SQLite), for everything (PostgreSQL).
    pub pool_size: u32,
    /// Writes and records that may wait for SQLite's writer; more are refused with [`StoreError::QueueFull`]. Of one party half
    /// of what the others leave.
    pub queue_bound: usize,
    /// Most writes in one SQLite transaction.
    pub batch_bound: usize,
    /// How long a lock is waited for: another process's under SQLite, another transaction's under PostgreSQL.
    pub busy_timeout: Duration,
    /// How long a free connection of the pool is waited for.
    pub pool_timeout: Duration,
    /// How long one read may take; longer ones fail with [`StoreError::TooCostly`]. Under PostgreSQL each of its statements.
    pub read_time: Duration,
    /// SQLite only.
    pub synchronous: Synchronous,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            pool_size: connections_for_this_machine(),
            queue_bound: 1024,
            batch_bound: 128,
            busy_timeout: Duration::from_secs(5),
            pool_timeout: POOL_TIMEOUT,
            read_time: READ_TIME,
            synchronous: Synchronous::Full,
        }
    }
}

impl StoreOptions {
    /// For an operator's work on all that is stored: it takes as long as it takes.
    pub fn unhurried() -> StoreOptions {
        StoreOptions {
            read_time: Duration::from_secs(7 * 24 * 3600),
            ..StoreOptions::default()
        }
    }
}

/// A page of an indexed search takes milliseconds; this is for those that meet no index.
const READ_TIME: Duration = Duration::from_secs(20);

/// How many times a transaction that was given up for another is done again. Each time the other one has gone on, so the
/// second is rarely needed; a caller who gets 503 may still try again.
const DEADLOCKS: usize = 2;

/// Two for each processor, since one may wait for the disk while the other works; and two for those who need one for a moment
/// while all these are taken.
fn connections_for_this_machine() -> u32 {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(2 * processors + 2).unwrap_or(u32::MAX).clamp(6, 64)
}

/// What takes long, and how many connections it may hold. A quarter of the pool, one at least, is left to short reads: by id, of
/// what decides about a request, and for the log. A pool of one or two leaves less.
struct Long {
    /// Costly reads: of a pool that writes share (PostgreSQL) they leave an eighth, one at least, to these.
    reads: Shares,
    /// Those, and writes where they share the pool.
    all: Shares,
}

impl Long {
    fn of(pool: usize, writes_share_it: bool) -> Long {
        let all = pool.saturating_sub((pool / 4).max(1));
        let reads = all.saturating_sub(if writes_share_it { (pool / 8).max(1) } else { 0 });
        // One party leaves the half to others.
        let shared = |all: usize| Shares::new(all.div_ceil(2), all);
        Long {
            reads: shared(reads),
            all: shared(all),
        }
    }
}

/// A database that is open. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    options: StoreOptions,
    pool: Pool<Manager>,
    /// One turn for each connection of the pool. Who waits for a turn holds no thread; without this a crowd of readers
    /// would each take a thread only to wait for a connection there.
    turns: Arc<Semaphore>,
    /// What may hold them for long.
    long: Long,
    /// SQLite only; empty when closed.
    writer: RwLock<Option<Writer>>,
    /// PostgreSQL only; empty when closed.
    logger: RwLock<Option<Logger>>,
    /// SQLite only.
    figures: Option<Arc<Figures>>,
}

/// What the store tells of itself, for metrics and benchmarks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFigures {
    /// Writes that wait for SQLite's writer.
    pub writes_waiting: usize,
    /// (size, number of transactions of that size), smallest first; SQLite only.
    pub batches: Vec<(usize, u64)>,
    /// Connections of the pool, and how many of them are idle.
    pub connections: u32,
    pub idle_connections: u32,
}

impl Store {
    /// Opens `sqlite://PATH` or `postgres://…`. The schema is not touched: see [`Store::migrate`].
    pub fn open(url: &str, options: &StoreOptions) -> Result<Store, StoreError> {
        let place = Place::parse(url)?;
        let options = StoreOptions {
            pool_size: options.pool_size.max(1),
            queue_bound: options.queue_bound.max(1),
            batch_bound: options.batch_bound.max(1),
            ..options.clone()
        };
        deadline::heed();
        let first = open::open(&place, &options)?;
        let builder = Pool::builder()
            .max_size(options.pool_size)
            .min_idle(Some(options.pool_size.min(2)))
            .connection_timeout(options.pool_timeout)
            .test_on_check_out(false)
            .error_handler(Box::new(Complaints))
            .connection_customizer(Box::new(Customizer(options.clone())));
        let builder = match &place {
            // A local file does not go stale.
            Place::Sqlite(_) => builder.idle_timeout(None).max_lifetime(None),
            Place::Postgres(_) => builder,
        };
        let pool = builder
            .build(Manager(place.clone()))
            .map_err(|error| StoreError::Unavailable(format!("{place}: {error}")))?;
        let writer = match &first {
            Connection::Sqlite(_) => Some(Writer::start(
                Session::new(first, Role::Writer),
                place.clone(),
                &options,
            )?),
            Connection::Postgres(_) => None,
        };
        let logger = match &place {
            Place::Sqlite(_) => None,
            Place::Postgres(_) => Some(Logger::start(pool.clone(), &options)?),
        };
        let figures = writer.as_ref().map(|writer| writer.figures().clone());
        Ok(Store {
            inner: Arc::new(Inner {
                turns: Arc::new(Semaphore::new(options.pool_size as usize)),
                long: Long::of(options.pool_size as usize, matches!(place, Place::Postgres(_))),
                place,
                options,
                logger: RwLock::new(logger),
                pool,
                writer: RwLock::new(writer),
                figures,
            }),
        })
    }

    /// Brings the schema to the present, all steps or none; returns the names of the migrations that were run.
    /// Blocks; called at start.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        open::migrate(&self.inner.place, &self.inner.options)
    }

    /// Whether the database answers and has our tables.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|session| session.meta("application").map(drop)).await
    }

    /// Reads what takes a moment; what may take longer is asked by [`Store::read_for`]. Getting a connection and asking both
    /// happen on a thread that may block (trap 5).
    pub async fn read<T, E>(&self, work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let store = self.clone();
        self.inner.on_own_thread(move || store.read_blocking(work)).await
    }

    /// Looks up a few rows by key: one resource, or what [`is_brief`] tells of. Under SQLite this is done at once, on the
    /// caller's thread, when a connection is free: it costs some microseconds, a reader waits for no writer (WAL), and the
    /// way to another thread and back costs several times as much. Nothing longer may be asked here (trap 5).
    pub async fn look_up<T, E>(&self, work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        if let Place::Sqlite(_) = self.inner.place
            && let Some(mut session) = self.inner.pool.try_get()
        {
            return self.inner.look(&mut session, work);
        }
        self.read(work).await
    }

    /// [`Store::read`] of what may take long: of the connections that costly reads may hold ([`Long`]) one party has half.
    pub async fn read_for<T, E>(
        &self,
        party: Party,
        work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let read = self.inner.long.reads.take(party.clone()).await;
        let share = self.inner.long.all.take(party).await;
        self.read(move |session| {
            // They are held as long as the connection, also when nobody waits for the answer any more.
            let _shares = (share, read);
            work(session)
        })
        .await
    }

    /// [`Store::read`] for callers without a runtime; blocks.
    pub fn read_blocking<T, E>(&self, work: impl FnOnce(&mut Session) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        let mut session = self.inner.session()?;
        self.inner.look(&mut session, work)
    }

    /// Does the work in one transaction: everything it wrote is on disk when this answers, or nothing when the answer
    /// is an error. Under SQLite the one writer does it, together with what else waits; PostgreSQL may have it done
    /// again ([`StoreError::Deadlock`]). The parties take turns: under SQLite nobody waits for more than one write of another,
    /// under PostgreSQL one party has half of the connections that may be held for long ([`Long`]).
    pub async fn write<T, E>(
        &self,
        party: Party,
        mut work: impl FnMut(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure + Send + 'static,
    {
        if self.inner.figures.is_some() {
            let answer = self.inner.submit(party, move |session| work(session))?;
            return answer.await.unwrap_or_else(|_| Err(E::from(gone())));
        }
        let share = self.inner.long.all.take(party).await;
        let store = self.clone();
        self.inner
            .on_own_thread(move || {
                let _share = share;
                for _ in 0..DEADLOCKS {
                    match store.inner.write_postgres(&mut work) {
                        Err(failure) if failure.is_deadlock() => tracing::debug!("a transaction is done again"),
                        done => return done,
                    }
                }
                store.inner.write_postgres(work)
            })
            .await
    }

    /// Writes a record of the access log; it is on disk when this answers. Records that come at the same time are written
    /// together, under SQLite with the writes that wait.
    pub async fn log(&self, party: Party, record: Record) -> Result<(), StoreError> {
        let answer = self.inner.log(party, record)?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// [`Store::write`] for callers without a runtime, done once; blocks.
    pub fn write_blocking<T, E>(&self, work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        if self.inner.figures.is_some() {
            let answer = self.inner.submit(Party::Service, work)?;
            return answer.blocking_recv().unwrap_or_else(|_| Err(E::from(gone())));
        }
        self.inner.write_postgres(work)
    }

    /// What the store tells of itself.
    pub fn figures(&self) -> StoreFigures {
        use std::sync::atomic::Ordering::Relaxed;
        let state = self.inner.pool.state();
        let writer = self.inner.figures.as_ref();
        StoreFigures {
            writes_waiting: writer.map_or(0, |figures| figures.waiting.load(Relaxed)),
            batches: writer.map_or_else(Vec::new, |figures| {
                let counts = figures.batches.iter().map(|count| count.load(Relaxed)).enumerate();
                counts.filter(|(_, count)| *count > 0).collect()
            }),
            connections: state.connections,
            idle_connections: state.idle_connections,
        }
    }

    /// Waits until every write that was handed in is done; later ones are refused. Blocks.
    pub fn close_blocking(&self) {
        self.inner.close();
    }

    /// [`Store::close_blocking`] for callers on a runtime.
    pub async fn close(&self) {
        let store = self.clone();
        let closed = on_blocking_thread(move || {
            store.close_blocking();
            Ok::<(), StoreError>(())
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "the store could not be closed");
        }
    }
}

async fn on_blocking_thread<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(E::from(StoreError::Other("a piece of work panicked".to_owned()))))
}

impl Inner {
    /// Reads, as long as a read may take; a connection whose read failed is looked at before it goes back to the pool.
    fn look<T, E>(&self, session: &mut Session, work: impl FnOnce(&mut Session) -> Result<T, E>) -> Result<T, E> {
        let outcome = deadline::within(self.options.read_time, || work(session));
        if outcome.is_err() {
            session.examine();
        }
        outcome
    }

    /// Does the work on a thread that may block, when it is its turn.
    async fn on_own_thread<T, E>(&self, work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let turn = self.turns.clone().acquire_owned().await;
        // The turn lasts as long as the work does, also when nobody waits for its answer any more.
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        on_blocking_thread(work).await
    }

    fn session(&self) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
        self.pool
            .get()
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    fn submit<T, E>(
        &self,
        party: Party,
        work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<tokio::sync::oneshot::Receiver<Result<T, E>>, StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        // A poisoned lock would mean a panic between two assignments; what it guards is whole all the same.
        let writer = self.writer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        writer.as_ref().ok_or_else(gone)?.submit(party, work)
    }

    fn write_postgres<T, E: From<StoreError>>(&self, work: impl FnOnce(&mut Session) -> Result<T, E>) -> Result<T, E> {
        let written = self.session()?.transaction("BEGIN", work);
        if written.is_ok() {
            let logger = self.logger.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(logger) = logger.as_ref() {
                logger.something_waits();
            }
        }
        written
    }

    fn log(
        &self,
        party: Party,
        record: Record,
    ) -> Result<tokio::sync::oneshot::Receiver<Result<(), StoreError>>, StoreError> {
        if self.figures.is_some() {
            let writer = self.writer.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            return writer.as_ref().ok_or_else(gone)?.log(party, record);
        }
        let logger = self.logger.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        logger.as_ref().ok_or_else(gone)?.log(record)
    }

    fn close(&self) {
        let logger = self
            .logger
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(logger) = logger {
            logger.finish();
        }
        let writer = self
            .writer
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            writer.finish();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
