//! Who waits for what there is little of, and that nobody takes it all: a queue in which callers take turns ([`Lines`]), and
//! so much at a time for each ([`Shares`]).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whose work it is: those that are one here share what one may have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The service itself.
    Service,
    /// A program that acts by itself, or a person: the issuer, and its name for it. All who use one program are not one.
    Known(String, String),
    /// Where the request came from; of IPv6 the network, which is one customer's.
    Address(IpAddr),
    Unknown,
}

/// A queue of lines, one for each key: they take turns, so that who waits with much keeps nobody waiting who waits with little.
#[derive(Debug)]
pub(super) struct Lines<K, T> {
    lines: HashMap<K, VecDeque<T>>,
    /// Those that have something waiting, in the order of their turns.
    turns: VecDeque<K>,
    /// Whose turn was last. It gets its next behind those that have come meanwhile.
    had: Option<K>,
    len: usize,
    bound: usize,
}

impl<K: Clone + Eq + Hash, T> Lines<K, T> {
    /// With room for so many.
    pub fn new(bound: usize) -> Lines<K, T> {
        Lines {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            had: None,
            len: 0,
            bound,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts it last in its line; gives it back when there is no room. A line takes half of the room that the others leave, so
    /// that there is some for the next to come.
    pub fn push(&mut self, key: K, item: T) -> Result<(), T> {
        let free = self.bound.saturating_sub(self.len);
        let own = self.lines.get(&key).map_or(0, VecDeque::len);
        if free == 0 || own > free {
            return Err(item);
        }
        if own == 0 && self.had.as_ref() != Some(&key) {
            self.turns.push_back(key.clone());
        }
        self.lines.entry(key).or_default().push_back(item);
        self.len += 1;
        Ok(())
    }

    /// Whose turn it is.
    pub fn next(&mut self) -> Option<&K> {
        if let Some(had) = self.had.take() {
            match self.lines.get(&had).is_some_and(|line| !line.is_empty()) {
                true => self.turns.push_back(had),
                false => drop(self.lines.remove(&had)),
            }
        }
        self.turns.front()
    }

    /// Takes what is first in the line whose turn it is.
    pub fn pop(&mut self) -> Option<(K, T)> {
        self.next()?;
        let key = self.turns.pop_front()?;
        let item = self.lines.get_mut(&key)?.pop_front()?;
        self.len -= 1;
        self.had = Some(key.clone());
        Some((key, item))
    }

    /// All that waits.
    pub fn drain(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.pop().map(|(_, item)| item)).collect()
    }
}

/// So much at a time for each party, and for all together; more waits for its turn.
#[derive(Debug)]
pub struct Shares {
    each: usize,
    all: Arc<Semaphore>,
    /// Those who have something.
    taken: Mutex<HashMap<Party, Weak<Semaphore>>>,
}

/// What a party has, until it is dropped.
#[derive(Debug)]
pub struct Share {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_own: Option<OwnedSemaphorePermit>,
    /// The party is remembered as long as it has, or waits for, something.
    _own: Arc<Semaphore>,
}

impl Shares {
    pub fn new(each: usize, all: usize) -> Shares {
        Shares {
            each: each.max(1),
            all: Arc::new(Semaphore::new(all.max(1))),
            taken: Mutex::default(),
        }
    }

    /// Waits until the party may have one more. Its own turn comes first, so that of one party no more than its share waits
    /// beside the others.
    pub async fn take(&self, party: Party) -> Share {
        let own = self.own(party);
        // Neither is ever closed.
        let of_own = own.clone().acquire_owned().await.ok();
        Share {
            _of_all: self.all.clone().acquire_owned().await.ok(),
            _of_own: of_own,
            _own: own,
        }
    }

    fn own(&self, party: Party) -> Arc<Semaphore> {
        // A poisoned lock would mean a panic between two changes; what it guards is whole all the same.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get(&party).and_then(Weak::upgrade) {
            return own;
        }
        // As many as have something, or wait for it.
        taken.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.each));
        taken.insert(party, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_comes_with_one_waits_for_one_of_another_s_many() {
        let mut lines = Lines::new(100);
        for number in 0..10 {
            lines.push("many", number).expect("room");
        }
        assert_eq!(lines.pop(), Some(("many", 0)));
        // While that one is carried out.
        lines.push("one", 0).expect("room");
        lines.push("other", 0).expect("room");
        assert_eq!(lines.next(), Some(&"one"));
        assert_eq!(lines.pop(), Some(("one", 0)));
        assert_eq!(lines.pop(), Some(("other", 0)));
        assert_eq!(lines.pop(), Some(("many", 1)));
        assert_eq!(lines.pop(), Some(("many", 2)));
    }

    #[test]
    fn no_line_takes_all_the_room() {
        let mut lines = Lines::new(8);
        let mut fill = |key: &str| (0..20).take_while(|_| lines.push(key.to_owned(), ()).is_ok()).count();
        assert_eq!(["many", "more", "one", "one"].map(&mut fill), [5, 2, 1, 0]);
    }

    proptest! {
        /// Each line in its own order, nothing lost, and nobody has two turns while another waits with none.
        #[test]
        fn lines_take_turns(asked in prop::collection::vec(prop::option::of(0..4_u8), 0..60)) {
            let mut lines = Lines::new(1000);
            let (mut put, mut taken) = (Vec::new(), Vec::new());
            let mut waits: HashMap<u8, usize> = HashMap::new();
            for (number, asked) in asked.iter().enumerate() {
                match asked {
                    Some(key) => {
                        lines.push(*key, number).expect("room");
                        put.push((*key, number));
                    }
                    None => if let Some((key, number)) = lines.pop() {
                        taken.push((key, number));
                        waits.remove(&key);
                        let waiting: std::collections::BTreeSet<u8> =
                            put.iter().filter(|it| it.0 != key && !taken.contains(it)).map(|it| it.0).collect();
                        for other in waiting {
                            let turns = waits.entry(other).or_default();
                            *turns += 1;
                            prop_assert!(*turns <= 4, "{other} waits while others have had {turns} turns");
                        }
                    }
                }
            }
            taken.extend(std::iter::from_fn(|| lines.pop()));
            prop_assert!(lines.is_empty());
            for key in 0..4 {
                let of = |all: &[(u8, usize)]| all.iter().filter(|it| it.0 == key).copied().collect::<Vec<_>>();
                prop_assert_eq!(of(&put), of(&taken));
            }
        }
    }

    #[tokio::test]
    async fn a_party_has_its_share_and_no_other_waits_for_it() {
        let shares = Shares::new(4, 10);
        let party = |name: &str| Party::Known("issuer".to_owned(), name.to_owned());
        let mut own = Vec::new();
        for _ in 0..4 {
            own.push(shares.take(party("one")).await);
        }
        let short = Duration::from_millis(20);
        let more = shares.take(party("one"));
        assert!(tokio::time::timeout(short, more).await.is_err(), "it waits");
        let _another = shares.take(party("another")).await;
        own.pop();
        let next = shares.take(party("one")).await;
        drop((own, next));
        // Who has none is forgotten when another comes.
        let _third = shares.take(party("third")).await;
        assert_eq!(shares.taken.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn all_parties_together_have_no_more_than_all() {
        let shares = Shares::new(2, 3);
        let party = |name: &str| Party::Known("issuer".to_owned(), name.to_owned());
        let mut taken = Vec::new();
        for name in ["one", "one", "another"] {
            taken.push(shares.take(party(name)).await);
        }
        let mut third = std::pin::pin!(shares.take(party("third")));
        assert!((&mut third).now_or_never().is_none(), "all have been given");
        taken.pop();
        assert!(third.now_or_never().is_some());
    }
}
