//! What one caller, and all callers together, may ask of the service: how often, and how much memory their bodies take.
//! Together with the bounds on a body, a Bundle and a search (config.rs) they keep the service's memory bounded, whatever
//! is sent.

use std::net::SocketAddr;
use std::num::{NonZero, NonZeroU32};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::access::Caller;
use crate::door::problem::Problem;
use crate::fhir::json::BYTES_OF_A_VALUE;
use crate::store::{Party, Share, Shares};

/// One permit of the room for bodies, in bytes.
const UNIT: usize = 1024;

/// A body that is read takes many times its length: each value, its schema, the form it is stored in.
const BODY_IS_READ_IN: usize = 16;

/// And so many bytes a value, when it is nothing but small values.
const VALUE_IS_READ_IN: usize = 448;

/// How many times its length the largest body takes at the most.
pub const MOST_FOR_A_BODY: usize = VALUE_IS_READ_IN / BYTES_OF_A_VALUE;

/// Batches that one caller may have under way; more wait for their turn. Their answers stand in memory until they are whole.
const BATCHES_OF_ONE: usize = 4;

/// And all callers together.
const BATCHES: usize = 32;

/// Callers that are remembered before those who have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

/// How often they are forgotten, at the most.
const FORGET: Duration = Duration::from_secs(1);

/// Counts requests and the bytes of bodies.
pub struct Limits {
    rate: Option<Arc<DefaultKeyedRateLimiter<Party>>>,
    /// When the quiet callers were forgotten last.
    forgot: Mutex<Instant>,
    clock: DefaultClock,
    room: Arc<Semaphore>,
    batches: Shares,
    /// The entries of all batches that read at the same time: they leave processors and connections to single requests.
    reading: Semaphore,
}

impl Limits {
    /// `per_second`: requests of one caller, twice as many at once; 0 = without bound. `bytes`: of memory for all bodies at once.
    pub fn new(per_second: u32, bytes: usize) -> Limits {
        Limits {
            rate: NonZeroU32::new(per_second).map(|rate| {
                let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(1));
                Arc::new(RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)))
            }),
            forgot: Mutex::new(Instant::now()),
            clock: DefaultClock::default(),
            room: Arc::new(Semaphore::new((bytes / UNIT).min(Semaphore::MAX_PERMITS))),
            // Without a bound on requests there is none on one caller's batches.
            batches: Shares::new(if per_second == 0 { BATCHES } else { BATCHES_OF_ONE }, BATCHES),
            reading: Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)),
        }
    }

    /// Waits until the caller may carry out another batch.
    pub async fn batch(&self, caller: &Caller, peer: Option<SocketAddr>) -> Share {
        self.batches.take(caller.party(peer.map(|peer| peer.ip()))).await
    }

    /// Waits until an entry of a batch may read.
    pub async fn entry_reads(&self) -> Option<SemaphorePermit<'_>> {
        self.reading.acquire().await.ok()
    }

    /// 429 for a caller who asks more often than one may.
    pub fn admit(&self, caller: &Caller, peer: Option<SocketAddr>) -> Result<(), Problem> {
        let Some(rate) = &self.rate else { return Ok(()) };
        if rate.len() > REMEMBERED && self.may_forget() {
            let rate = rate.clone();
            // Each caller that is remembered is looked at: not while this one waits.
            drop(tokio::task::spawn_blocking(move || {
                rate.retain_recent();
                rate.shrink_to_fit();
            }));
        }
        rate.check_key(&caller.party(peer.map(|peer| peer.ip())))
            .map_err(|refused| Problem::TooMany {
                seconds: refused.wait_time_from(self.clock.now()).as_secs() + 1,
            })
    }

    /// Whether it is time to forget those who have been quiet; true once in [`FORGET`].
    fn may_forget(&self) -> bool {
        // Who does not get the lock need not: another is asking the same.
        let Ok(mut forgot) = self.forgot.try_lock() else {
            return false;
        };
        let due = forgot.elapsed() >= FORGET;
        if due {
            *forgot = Instant::now();
        }
        due
    }
}

/// The room that one request's body takes, given back when the request has been answered.
#[derive(Clone, Default)]
pub struct Room(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Room {
    /// Takes the room for a whole body that is to be read now; `longest`: a body's bytes at the most, by which its values are
    /// bounded.
    pub fn read(&self, limits: &Limits, body: &[u8], longest: usize) -> Result<(), Problem> {
        // Each value but a first comes after a comma. (Commas in texts count too: better too much room than too little.)
        let values = body.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
        let values = values.min(longest / BYTES_OF_A_VALUE);
        let bytes = body.len().saturating_mul(BODY_IS_READ_IN);
        self.grow(limits, bytes.max(values.saturating_mul(VALUE_IS_READ_IN)))
    }

    /// Takes room for a body that has grown to so many bytes; 503 when there is none: the caller may try again, and no
    /// body waits for another.
    pub fn grow(&self, limits: &Limits, bytes: usize) -> Result<(), Problem> {
        // A poisoned lock would mean a panic while a permit was moved; what it guards is whole all the same.
        let mut taken = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let there = taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(there)).unwrap_or(u32::MAX);
        if wanted == 0 {
            return Ok(());
        }
        let more = limits
            .room
            .clone()
            .try_acquire_many_owned(wanted)
            .map_err(|_| Problem::Busy)?;
        match taken.as_mut() {
            Some(taken) => taken.merge(more),
            None => *taken = Some(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn a_caller_who_asks_too_often_is_told_when_to_try_again_and_no_other_is() {
        let limits = Limits::new(1, 0);
        let peer = |text: &str| Some(SocketAddr::new(text.parse().unwrap(), 1));
        let one = peer("2001:db8::1");
        assert!(limits.admit(&Caller::Anonymous, one).is_ok());
        assert!(limits.admit(&Caller::Anonymous, one).is_ok(), "twice as many at once");
        // The same customer's network.
        let refused = limits.admit(&Caller::Anonymous, peer("2001:db8::2"));
        assert!(matches!(refused, Err(Problem::TooMany { seconds: 1 })), "{refused:?}");
        assert!(limits.admit(&Caller::Anonymous, peer("2001:db8:0:1::1")).is_ok());
        assert!(limits.admit(&Caller::Anonymous, peer("192.0.2.1")).is_ok());
        assert!(Limits::new(0, 0).admit(&Caller::Anonymous, one).is_ok());
    }

    #[test]
    fn the_quiet_are_forgotten_once_in_a_while_whoever_asks() {
        let limits = Limits::new(1, 0);
        *limits.forgot.lock().unwrap() = Instant::now().checked_sub(FORGET).unwrap();
        let due = (0..1000).filter(|_| limits.may_forget()).count();
        assert_eq!(due, 1);
    }

    #[tokio::test]
    async fn a_crowd_is_forgotten_when_it_is_quiet() {
        let limits = Limits::new(1_000_000, 0);
        for number in 0..20_000_u32 {
            let address = SocketAddr::new(IpAddr::V4(number.into()), 1);
            limits.admit(&Caller::Anonymous, Some(address)).unwrap();
        }
        let rate = limits.rate.as_ref().unwrap();
        for _ in 0..500 {
            if rate.len() <= REMEMBERED {
                return;
            }
            *limits.forgot.lock().unwrap() = Instant::now().checked_sub(FORGET).unwrap();
            limits.admit(&Caller::Anonymous, None).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} are remembered", rate.len());
    }

    #[test]
    fn bodies_share_their_room_and_give_it_back() {
        let limits = Limits::new(0, 3 * UNIT);
        let first = Room::default();
        first.grow(&limits, 1).unwrap();
        first.grow(&limits, UNIT + 1).unwrap();
        let second = Room::default();
        second.grow(&limits, UNIT).unwrap();
        assert!(matches!(second.grow(&limits, UNIT + 1), Err(Problem::Busy)));
        drop(first);
        second.grow(&limits, 3 * UNIT).unwrap();
        assert!(matches!(Room::default().grow(&limits, 1), Err(Problem::Busy)));
    }
}
