//! The renewal of what is kept for the work lists. It takes the queue of written versions, those whom the day makes due,
//! and, when the policies or the catalogue have changed, everybody; checks the persons concerned on one state of the
//! database, and writes the differences in a short transaction of its own. Nothing else writes those tables.
//!
//! It runs beside the service at a bounded rate, and a request catches up itself when little is left to do, so that a
//! caller finds in the list what the caller wrote. Several servers may renew one database: a round that another one came
//! before is thrown away and made again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use actix_web::rt;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use tokio::sync::{Mutex, Notify};

use super::Door;
use super::kvar::{Bedomare, day_number};
use super::underlag::OppenTransaktion;
use super::understood::Understood;
use crate::clock::stockholm;
use crate::fhir::search::page;
use crate::riktlinje::{Policies, catalogue};
use crate::store::{Koad, Kvar, Party, Session, StoreError, StoreFigures};

/// Counts the rounds that were written: a round counts only if none came between its reading and its writing.
const ROUNDS: &str = "kontroll-rounds";
/// Where the renewal of everybody stands: see [`Helhet`].
const PROGRESS: &str = "kontroll-progress";
/// Raised when what is kept, or how it is arranged, is made otherwise.
const KEPT_VERSION: &str = "2";

/// Patients renewed in one round beside the service: the writer is held for some milliseconds.
const ROUND: usize = 50;
/// Patients that a request renews before it is answered.
pub const AT_ONCE: usize = 200;
/// How long a patient may be checked, who else would keep those of the round waiting: a hundred times what is usual.
const A_PATIENT: Duration = Duration::from_secs(2);
/// How long the renewal rests when there is nothing to do; it is not told of writes, since other servers write too.
const IDLE: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What the renewals of one server share. Cheap to clone.
#[derive(Clone)]
pub struct Fornyelse {
    /// How long a patient may be checked; only tests set it otherwise.
    pub a_patient: Duration,
    /// One round at a time.
    turn: Arc<Mutex<()>>,
    /// Apart from the writers': a walk through everybody must not push out what they need.
    understood: Understood,
    fingerprint: Arc<OnceLock<u64>>,
}

impl Default for Fornyelse {
    fn default() -> Fornyelse {
        Fornyelse {
            a_patient: A_PATIENT,
            turn: Arc::default(),
            understood: Understood::default(),
            fingerprint: Arc::default(),
        }
    }
}

/// The renewal that runs beside the service.
pub struct Bakgrund {
    stop: Arc<Notify>,
    task: rt::task::JoinHandle<()>,
}

/// As of when the lists hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lage {
    /// Now.
    Nu,
    /// What happened later is not yet taken in.
    Fornyas(Timestamp),
    /// They are being made for the first time and are not whole.
    Gors,
}

/// How much a round may take on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Omfang {
    /// Whatever there is room for.
    Allt,
    /// The queue's new rows, if there is room for all of them; the rest only if there is room for the whole of it.
    DetSomRyms,
}

/// Where the renewal of everybody stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Helhet {
    /// Of the policies and the catalogue that it goes by.
    fingerprint: u64,
    /// The last Patient resource that is done; `None`: all are.
    efter: Option<i64>,
    /// When it began, in microseconds; `None`: the lists were not whole before it.
    began: Option<i64>,
}

/// A round: what is to be renewed and what is then done with.
#[derive(Default)]
struct Omgang {
    rounds: Option<String>,
    patienter: BTreeSet<i64>,
    /// Rows to take out of the queue.
    klara: Vec<(i64, i64)>,
    /// Rows of which some that lean on them are left.
    halvvags: Vec<Koad>,
    helhet: Option<Helhet>,
    /// New rows of the queue are left.
    nya_kvar: bool,
    /// Something else is left.
    mer: bool,
}

impl Omgang {
    fn is_empty(&self) -> bool {
        self.patienter.is_empty() && self.klara.is_empty() && self.halvvags.is_empty() && self.helhet.is_none()
    }
}

impl Helhet {
    fn read(text: &str) -> Option<Helhet> {
        let mut words = text.split(' ');
        let fingerprint = u64::from_str_radix(words.next()?, 16).ok()?;
        let number = |word: &str| match word {
            "-" => Some(None),
            number => number.parse().ok().map(Some),
        };
        Some(Helhet {
            fingerprint,
            efter: number(words.next()?)?,
            began: number(words.next()?)?,
        })
    }

    fn write(&self) -> String {
        let word = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        format!("{:x} {} {}", self.fingerprint, word(self.efter), word(self.began))
    }

    /// The standing for this fingerprint: as it is, or from the beginning.
    fn now(stored: Option<&str>, fingerprint: u64, now: Timestamp) -> Helhet {
        match stored.and_then(Helhet::read) {
            Some(same) if same.fingerprint == fingerprint => same,
            earlier => Helhet {
                fingerprint,
                efter: Some(0),
                began: earlier.and_then(|earlier| match earlier.efter {
                    None => Some(now.as_microsecond()),
                    Some(_) => earlier.began,
                }),
            },
        }
    }
}

/// Of all that a finding may depend on beside the data: the policies, the catalogue and this program.
fn fingerprint(policies: &Policies) -> u64 {
    let policies = format!("{policies:?}");
    let rules: Vec<String> = catalogue::all()
        .map(|rule| {
            format!(
                "{} {:?} {} {} {}",
                rule.id,
                rule.severity,
                rule.is_checked(),
                rule.sv,
                rule.en
            )
        })
        .collect();
    let parts = [KEPT_VERSION, env!("CARGO_PKG_VERSION"), &policies];
    page::fingerprint(parts.into_iter().chain(rules.iter().map(String::as_str)))
}

impl Fornyelse {
    /// Renews beside the service until it is stopped. Must be called on a runtime.
    pub fn start(door: Door) -> Bakgrund {
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let task = rt::spawn(async move {
            let mut rest = Duration::ZERO;
            let mut written = transactions(&door.store.figures());
            while rt::time::timeout(rest, stopped.notified()).await.is_err() {
                rest = door.one_round(written).await;
                written = transactions(&door.store.figures());
            }
        });
        Bakgrund { stop, task }
    }
}

impl Bakgrund {
    /// Waits until the round under way is done.
    pub async fn stop(self) {
        self.stop.notify_one();
        if self.task.await.is_err() {
            tracing::error!("the renewal of the work lists panicked");
        }
    }
}

/// How many transactions the one writer has carried out (SQLite).
fn transactions(figures: &StoreFigures) -> u64 {
    figures.batches.iter().map(|(_, count)| count).sum()
}

impl Door {
    /// What the writers and the renewal have understood lately.
    pub(super) fn all_understood(&self) -> [&Understood; 2] {
        [&self.understood, &self.fornyelse.understood]
    }

    /// One round beside the service; returns how long to rest after it. Half the time it works, and a tenth when others
    /// write: when more came since the round before, whose end saw so many transactions, than this round's own.
    async fn one_round(&self, written: u64) -> Duration {
        let began = Instant::now();
        match self.fornya(ROUND, Omfang::Allt).await {
            Ok(true) => {
                let figures = self.store.figures();
                let others_write = figures.writes_waiting > 0 || transactions(&figures) > written + 1;
                began.elapsed() * if others_write { 9 } else { 1 }
            }
            Ok(false) => IDLE,
            Err(StoreError::Conflict) => IDLE / 4,
            Err(error) => {
                tracing::warn!(%error, "the work lists could not be renewed");
                AFTER_FAILURE
            }
        }
    }

    /// Renews until nothing is left; returns the number of rounds. For tools and tests; a service renews by itself.
    pub async fn fornya_allt(&self) -> Result<usize, StoreError> {
        let mut rounds = 1;
        loop {
            match self.fornya(AT_ONCE, Omfang::Allt).await {
                Ok(true) => rounds += 1,
                Ok(false) => return Ok(rounds),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in what was written lately, if it is little enough to be done at once.
    pub(super) async fn hinn_ikapp(&self) {
        let door = self.clone();
        let little = self.store.read_for(Party::Service, move |session| {
            session.snapshot(|session| {
                Ok::<_, StoreError>(!door.planera(session, AT_ONCE, Omfang::DetSomRyms)?.is_empty())
            })
        });
        let done = match little.await {
            Ok(false) => return,
            Ok(true) => self.fornya(AT_ONCE, Omfang::DetSomRyms).await.map(drop),
            Err(error) => Err(error),
        };
        match done {
            // Another renewed meanwhile: what it has not taken in, the answer says.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(error) => tracing::warn!(%error, "a work list is answered as it was kept"),
        }
    }

    /// One round of at most so many patients; tells whether something is left to do.
    async fn fornya(&self, most: usize, omfang: Omfang) -> Result<bool, StoreError> {
        let _turn = self.fornyelse.turn.lock().await;
        let door = self.clone();
        let (omgang, bilder) = self
            .store
            .read_for(Party::Service, move |session| {
                session.snapshot(|session| {
                    let omgang = door.planera(session, most, omfang)?;
                    let bilder = door.bedom(session, &omgang.patienter)?;
                    Ok::<_, StoreError>((omgang, bilder))
                })
            })
            .await?;
        if omgang.is_empty() {
            return Ok(false);
        }
        let left = omgang.nya_kvar || omgang.mer;
        self.store
            .write(Party::Service, move |session| verkstall(session, &omgang, &bilder))
            .await?;
        Ok(left)
    }

    /// What a round of at most so many patients takes on; nothing, when it may only be what there is room for and that
    /// is too much.
    fn planera(&self, session: &mut Session, most: usize, omfang: Omfang) -> Result<Omgang, StoreError> {
        let all = self.planera_allt(session, most)?;
        if omfang == Omfang::Allt || !(all.nya_kvar || all.mer) {
            return Ok(all);
        }
        let new = self.planera_nya(session, most)?;
        Ok(if new.nya_kvar { Omgang::default() } else { new })
    }

    fn planera_allt(&self, session: &mut Session, most: usize) -> Result<Omgang, StoreError> {
        let mut omgang = self.planera_nya(session, most)?;
        if omgang.nya_kvar {
            return Ok(omgang);
        }
        for row in session.half_done(100)? {
            if !omgang.klara.contains(&(row.seq, row.patient)) {
                omgang.go_on(session, row, most)?;
            }
        }
        let today = day_number(self.clock.today());
        let room = most.saturating_sub(omgang.patienter.len());
        let due = session.due(today, limit(room))?;
        omgang.mer |= due.len() > room;
        omgang
            .patienter
            .extend(due.iter().take(room).map(|(_, patient)| patient));
        self.planera_helhet(session, &mut omgang, most)?;
        Ok(omgang)
    }

    /// The queue's new rows.
    fn planera_nya(&self, session: &mut Session, most: usize) -> Result<Omgang, StoreError> {
        let mut omgang = Omgang {
            rounds: session.meta(ROUNDS)?,
            ..Omgang::default()
        };
        let rows = session.untouched(limit(most))?;
        // Those who lean on a resource are renewed once for all its versions.
        let newest: HashMap<i64, (i64, i64)> = rows.iter().map(|row| (row.resource, (row.seq, row.patient))).collect();
        for (number, row) in rows.into_iter().enumerate() {
            if number == most || omgang.patienter.len() >= most {
                omgang.nya_kvar = true;
                break;
            }
            if row.patient != 0 {
                omgang.patienter.insert(row.patient);
            }
            if newest.get(&row.resource) == Some(&(row.seq, row.patient)) {
                omgang.lean_on(session, row, most)?;
            } else {
                omgang.klara.push((row.seq, row.patient));
            }
        }
        // A newer version begins anew what an older one had begun.
        if !newest.is_empty() {
            let begun = session.half_done(100)?;
            let overtaken = begun.iter().filter(|row| newest.contains_key(&row.resource));
            omgang.klara.extend(overtaken.map(|row| (row.seq, row.patient)));
        }
        Ok(omgang)
    }

    /// Everybody, when the policies or the catalogue are not those that the lists were made by.
    fn planera_helhet(&self, session: &mut Session, omgang: &mut Omgang, most: usize) -> Result<(), StoreError> {
        let stored = session.meta(PROGRESS)?;
        let mut helhet = Helhet::now(stored.as_deref(), self.fingerprint(), self.clock.now());
        let Some(efter) = helhet.efter else { return Ok(()) };
        let room = most.saturating_sub(omgang.patienter.len());
        let next = session.patients_after(efter, limit(room))?;
        omgang
            .patienter
            .extend(next.iter().take(room).map(|(_, patient)| patient));
        if next.len() > room {
            omgang.mer = true;
            helhet.efter = next
                .get(room.wrapping_sub(1))
                .map_or(Some(efter), |(resource, _)| Some(*resource));
        } else {
            helhet.efter = None;
            tracing::info!("the work lists are made by the present policies and catalogue");
        }
        omgang.helhet = Some(helhet);
        Ok(())
    }

    fn fingerprint(&self) -> u64 {
        *self.fornyelse.fingerprint.get_or_init(|| fingerprint(&self.policies))
    }

    /// Checks the persons; what is kept of each before and after.
    fn bedom(&self, session: &mut Session, patienter: &BTreeSet<i64>) -> Result<Vec<(i64, Kvar, Kvar)>, StoreError> {
        let today = self.clock.today();
        let underlag = OppenTransaktion::new(session, &self.fornyelse.understood);
        let mut bedomare = Bedomare::new(underlag, &self.policies, today);
        let mut new: BTreeMap<i64, Kvar> = BTreeMap::new();
        let mut failed = Vec::new();
        for patient in patienter {
            if new.contains_key(patient) {
                continue;
            }
            bedomare.underlag.give_anew(self.fornyelse.a_patient);
            match catch_unwind(AssertUnwindSafe(|| bedomare.bedom(*patient))) {
                Ok(Ok(kept)) => new.extend(kept),
                // What is kept stands, and nobody else has to wait for it.
                Ok(Err(StoreError::TooCostly)) | Err(_) => failed.push(*patient),
                Ok(Err(error)) => return Err(error),
            }
        }
        let session = bedomare.underlag.session;
        let mut all = Vec::with_capacity(new.len());
        for (patient, new) in new {
            all.push((patient, session.kept(patient)?, new));
        }
        for patient in failed {
            tracing::error!("a patient could not be checked for the work lists; another try is made tomorrow");
            let old = session.kept(patient)?;
            let new = Kvar {
                omprovas: Some(day_number(today) + 1),
                ..old.clone()
            };
            all.push((patient, old, new));
        }
        all.retain(|(_, old, new)| old != new);
        Ok(all)
    }

    /// As of when the lists hold, on this state of the database.
    pub(super) fn lage(&self, session: &mut Session) -> Result<Lage, StoreError> {
        let stored = session.meta(PROGRESS)?;
        let helhet = Helhet::now(stored.as_deref(), self.fingerprint(), self.clock.now());
        let mut oldest: Option<Timestamp> = session.queued_since()?;
        let mut at = |instant: Timestamp| oldest = Some(oldest.map_or(instant, |oldest| oldest.min(instant)));
        if helhet.efter.is_some() {
            match helhet.began.map(Timestamp::from_microsecond) {
                Some(Ok(began)) => at(began),
                _ => return Ok(Lage::Gors),
            }
        }
        let today = self.clock.today();
        if let Some((dag, _)) = session.due(day_number(today), 1)?.first() {
            at(beginning_of(today, *dag));
        }
        Ok(oldest.map_or(Lage::Nu, Lage::Fornyas))
    }
}

impl Omgang {
    /// Takes on all who lean on a new row's resource, or none when there is no room for all of them: they must not keep
    /// the rows behind it waiting.
    fn lean_on(&mut self, session: &mut Session, row: Koad, most: usize) -> Result<(), StoreError> {
        let room = most.saturating_sub(self.patienter.len());
        let kallor = session.kallor_of(row.resource)?;
        let leaning = session.leaning_on(&kallor, 0, limit(room))?;
        if leaning.len() <= room {
            self.patienter.extend(leaning);
            self.klara.push((row.seq, row.patient));
        } else {
            self.mer = true;
            self.halvvags.push(Koad { efter: 0, ..row });
        }
        Ok(())
    }

    /// Takes on the next of those who lean on the resource of a row that was begun, as many as there is room for.
    fn go_on(&mut self, session: &mut Session, row: Koad, most: usize) -> Result<(), StoreError> {
        let room = most.saturating_sub(self.patienter.len());
        let kallor = session.kallor_of(row.resource)?;
        let leaning = session.leaning_on(&kallor, row.efter, limit(room))?;
        self.patienter.extend(leaning.iter().take(room));
        if leaning.len() <= room {
            self.klara.push((row.seq, row.patient));
            return Ok(());
        }
        self.mer = true;
        if let Some(last) = room.checked_sub(1).and_then(|last| leaning.get(last)) {
            self.halvvags.push(Koad { efter: *last, ..row });
        }
        Ok(())
    }
}

/// Writes a round, unless another came between.
fn verkstall(session: &mut Session, omgang: &Omgang, bilder: &[(i64, Kvar, Kvar)]) -> Result<(), StoreError> {
    let before: u64 = omgang
        .rounds
        .as_deref()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(0);
    if !session.swap_meta(ROUNDS, omgang.rounds.as_deref(), &(before + 1).to_string())? {
        return Err(StoreError::Conflict);
    }
    for (patient, old, new) in bilder {
        session.keep(*patient, old, new)?;
    }
    session.take_from_queue(&omgang.klara)?;
    for row in &omgang.halvvags {
        session.set_half_done(row)?;
    }
    if let Some(helhet) = &omgang.helhet {
        session.set_meta(PROGRESS, &helhet.write())?;
    }
    Ok(())
}

/// One more than there is room for, to know whether something is left.
fn limit(room: usize) -> i64 {
    i64::try_from(room + 1).unwrap_or(i64::MAX)
}

/// The instant at which a day began in Sweden; `dag` in days since 1970, today or earlier.
fn beginning_of(today: Date, dag: i64) -> Timestamp {
    let day = today
        .checked_sub((day_number(today) - dag).max(0).days())
        .unwrap_or(today);
    day.to_zoned(stockholm())
        .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}
