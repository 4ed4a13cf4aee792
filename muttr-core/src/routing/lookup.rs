//! One iterative lookup: ask the closest seeds known for closer ones until there are none
//! (Maymounkov and Mazières, "Kademlia", 2002, section 2.3).

use alloc::{collections::BTreeMap, vec::Vec};

use super::Contact;
use crate::{
    limit,
    name::{Distance, Position, SeedId},
    time::{Time, earliest},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Heard,
    Asked { since_ms: u64 },
    Answered,
    Failed,
}

impl State {
    /// Asked so long ago that the others should not be kept waiting.
    fn is_slow(self, now: Time) -> bool {
        let Self::Asked { since_ms } = self else {
            return false;
        };
        now.mono_ms.saturating_sub(since_ms) >= limit::LOOKUP_SLOW_MS
    }
}

#[derive(Debug)]
struct Candidate {
    contact: Contact,
    state: State,
}

#[derive(Debug)]
pub(crate) struct Lookup {
    /// What the target is the hash of; what others are asked for.
    pub(crate) key: Vec<u8>,
    target: Position,
    /// How many of the closest are looked for.
    width: usize,
    /// Of how many of the closest at most: those who fail count as well.
    patience: usize,
    /// In order of distance to the target.
    seeds: BTreeMap<Distance, Candidate>,
    /// To be asked wherever they are.
    required: BTreeMap<SeedId, Candidate>,
    deadline_ms: u64,
    /// When the next question becomes slow.
    slow_at_ms: Option<u64>,
}

impl Lookup {
    /// Looks for the `width` seeds closest to the position of `key`, among the `patience` closest.
    pub(crate) fn new(now: Time, key: Vec<u8>, width: usize, patience: usize) -> Self {
        let target = Position::of(&key);
        let deadline_ms = now.after(limit::LOOKUP_MS_MAX);
        Self {
            key,
            target,
            width,
            patience,
            seeds: BTreeMap::new(),
            required: BTreeMap::new(),
            deadline_ms,
            slow_at_ms: None,
        }
    }

    pub(crate) const fn target(&self) -> Position {
        self.target
    }

    fn distance(&self, seed: &SeedId) -> Distance {
        seed.position().distance(&self.target)
    }

    /// Someone told of a seed. Until it is asked, what others tell of it counts as well, so
    /// that whoever tells first cannot send everyone to a wrong address.
    pub(crate) fn hear(&mut self, contact: Contact) {
        let distance = self.distance(&contact.seed);
        match self.seeds.get_mut(&distance) {
            Some(known) if known.state == State::Heard => known.contact.merge(contact.addresses),
            Some(_) => {}
            None => {
                let state = State::Heard;
                self.seeds.insert(distance, Candidate { contact, state });
            }
        }
        if self.seeds.len() > limit::LOOKUP_SEEDS_MAX {
            self.seeds.pop_last();
        }
    }

    /// Asks somebody who need not be close, before the others.
    pub(crate) fn require(&mut self, contact: Contact) {
        let state = State::Heard;
        self.required
            .insert(contact.seed, Candidate { contact, state });
    }

    pub(crate) fn answered(&mut self, seed: &SeedId) {
        self.set(seed, State::Answered);
    }

    pub(crate) fn failed(&mut self, seed: &SeedId) {
        self.set(seed, State::Failed);
    }

    fn set(&mut self, seed: &SeedId, state: State) {
        let distance = self.distance(seed);
        if let Some(candidate) = self.seeds.get_mut(&distance) {
            candidate.state = state;
        }
        if let Some(candidate) = self.required.get_mut(seed) {
            candidate.state = state;
        }
    }

    /// Everyone who is in view.
    fn all(&self) -> impl Iterator<Item = &Candidate> {
        self.seeds.values().chain(self.required.values())
    }

    /// How many were asked and hold the others up; whoever is required and close counts once.
    fn in_flight(&self, now: Time) -> usize {
        let asked = |candidate: &&Candidate| {
            matches!(candidate.state, State::Asked { .. }) && !candidate.state.is_slow(now)
        };
        let close = self.seeds.values().filter(asked).count();
        let required = self.required.values().filter(asked);
        let far = required.filter(|it| {
            let distance = self.distance(&it.contact.seed);
            !self.seeds.get(&distance).is_some_and(|it| asked(&it))
        });
        close.saturating_add(far.count())
    }

    /// Notes that somebody is being asked, wherever they stand.
    fn ask(&mut self, now: Time, seed: SeedId) {
        let since_ms = now.mono_ms;
        self.set(&seed, State::Asked { since_ms });
    }

    /// The closest seeds that may still turn out to be the answer.
    fn window(&self, now: Time) -> impl Iterator<Item = (&Distance, &Candidate)> {
        let open = move |candidate: &Candidate| {
            candidate.state != State::Failed && !candidate.state.is_slow(now)
        };
        let closest = self.seeds.iter().take(self.patience);
        let open = closest.filter(move |(_, candidate)| open(candidate));
        open.take(self.width)
    }

    /// Whom to ask next, if anyone is to be asked now. Those who are linked come first: asking
    /// them costs no dial, and what they tell may make a dial unnecessary.
    pub(crate) fn next(
        &mut self,
        now: Time,
        is_linked: impl Fn(&SeedId) -> bool,
    ) -> Option<Contact> {
        if self.in_flight(now) >= limit::LOOKUP_PARALLEL || now.mono_ms >= self.deadline_ms {
            return None;
        }
        let required = self.required.values();
        let required = required.filter(|candidate| candidate.state == State::Heard);
        if let Some(contact) = required.map(|candidate| candidate.contact.clone()).next() {
            self.ask(now, contact.seed);
            return Some(contact);
        }
        let heard = |(_, candidate): &(&Distance, &Candidate)| candidate.state == State::Heard;
        let linked = self
            .window(now)
            .filter(heard)
            .find(|(_, candidate)| is_linked(&candidate.contact.seed));
        let chosen = linked.or_else(|| self.window(now).find(heard));
        let contact = chosen.map(|(_, candidate)| candidate.contact.clone())?;
        self.ask(now, contact.seed);
        Some(contact)
    }

    /// Everyone worth asking has answered, or time is up. With nobody's answer, slow ones are
    /// waited for.
    pub(crate) fn is_done(&self, now: Time) -> bool {
        if now.mono_ms >= self.deadline_ms {
            return true;
        }
        let open = |candidate: &Candidate| match candidate.state {
            State::Heard => true,
            State::Asked { .. } => !candidate.state.is_slow(now),
            State::Answered | State::Failed => false,
        };
        if self.required.values().any(open) {
            return false;
        }
        let mut window = self.window(now).peekable();
        if window.peek().is_none() {
            return !self
                .seeds
                .values()
                .any(|candidate| candidate.state.is_slow(now));
        }
        window.all(|(_, candidate)| candidate.state == State::Answered)
    }

    /// The `count` closest that were heard of, whatever became of them, closest first.
    pub(crate) fn around(&self, count: usize) -> impl Iterator<Item = &SeedId> {
        let seeds = self.seeds.values().take(count);
        seeds.map(|candidate| &candidate.contact.seed)
    }

    /// The closest seeds that answered, closest first, then those that may still, then those
    /// only heard of: twice as many as an answer names, so that there are some to fall back on.
    pub(crate) fn found(self) -> Vec<Contact> {
        let rank = |candidate: &Candidate| match candidate.state {
            State::Answered => Some(0_u8),
            State::Asked { .. } => Some(1),
            State::Heard => Some(2),
            State::Failed => None,
        };
        let seeds = self.seeds.into_values();
        let mut ranked: Vec<(u8, Contact)> = seeds
            .filter_map(|seed| Some((rank(&seed)?, seed.contact)))
            .collect();
        // A stable sort: the order of distance stands within each rank.
        ranked.sort_by_key(|(rank, _)| *rank);
        let found = ranked.into_iter().map(|(_, contact)| contact);
        found
            .take(limit::BUCKET_SEEDS_MAX.saturating_mul(2))
            .collect()
    }

    /// When to look again if nothing is heard.
    pub(crate) fn wake_ms(&self) -> Option<u64> {
        earliest(self.slow_at_ms, Some(self.deadline_ms))
    }

    /// Works out [`Self::wake_ms`] anew, after questions were asked or time has passed.
    pub(crate) fn rest(&mut self, now: Time) {
        let slow = self.all().filter_map(|candidate| match candidate.state {
            State::Asked { since_ms } if !candidate.state.is_slow(now) => {
                Some(since_ms.saturating_add(limit::LOOKUP_SLOW_MS))
            }
            _ => None,
        });
        self.slow_at_ms = slow.min();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const KEY: &[u8] = b"where to";

    fn at(mono_ms: u64) -> Time {
        Time {
            mono_ms,
            wall_ms: 0,
        }
    }

    fn contact(number: u8) -> Contact {
        Contact {
            seed: SeedId([number; 32]),
            addresses: Vec::new(),
        }
    }

    fn lookup(count: u8) -> Lookup {
        let mut lookup = Lookup::new(at(0), KEY.to_vec(), limit::BUCKET_SEEDS_MAX, usize::MAX);
        for number in 0..count {
            lookup.hear(contact(number));
        }
        lookup
    }

    fn nobody(_: &SeedId) -> bool {
        false
    }

    #[test]
    fn those_who_are_linked_are_asked_first_if_they_are_close_enough() {
        let mut lookup = lookup(40);
        let in_order: Vec<SeedId> = lookup.seeds.values().map(|it| it.contact.seed).collect();
        let (near, far) = (in_order[limit::BUCKET_SEEDS_MAX - 1], in_order[30]);
        let is_linked = |seed: &SeedId| *seed == near || *seed == far;
        let first = lookup.next(at(0), is_linked).unwrap().seed;
        let second = lookup.next(at(0), is_linked).unwrap().seed;
        assert_eq!(first, near, "linked, and among the closest");
        assert_eq!(
            second, in_order[0],
            "the closest, for a link to a far one leads nowhere"
        );
    }

    #[test]
    fn it_asks_the_closest_a_few_at_a_time() {
        let mut lookup = lookup(40);
        let mut asked = Vec::new();
        while let Some(contact) = lookup.next(at(0), nobody) {
            asked.push(contact.seed.position().distance(&Position::of(KEY)));
        }
        assert_eq!(asked.len(), limit::LOOKUP_PARALLEL);
        assert!(asked.is_sorted());
        let closer = (0..40).filter(|number| {
            contact(*number)
                .seed
                .position()
                .distance(&Position::of(KEY))
                < asked[3]
        });
        assert_eq!(closer.count(), 3);
    }

    #[test]
    fn it_ends_when_the_closest_twenty_answered() {
        let mut lookup = lookup(40);
        let mut asked = 0;
        while let Some(contact) = lookup.next(at(0), nobody) {
            assert!(!lookup.is_done(at(0)));
            lookup.answered(&contact.seed);
            asked += 1;
        }
        assert!(lookup.is_done(at(0)));
        assert_eq!(asked, limit::BUCKET_SEEDS_MAX);
        let distances: Vec<Distance> = lookup.seeds.keys().copied().collect();
        let target = lookup.target();
        let found = lookup.found().into_iter();
        let found: Vec<Distance> = found
            .map(|it| it.seed.position().distance(&target))
            .collect();
        assert_eq!(
            found, distances,
            "those that answered are the closest; the others follow"
        );
    }

    #[test]
    fn a_slow_seed_keeps_nobody_waiting_but_may_still_be_one() {
        let mut lookup = lookup(5);
        let slow = lookup.next(at(0), nobody).unwrap().seed;
        while let Some(contact) = lookup.next(at(0), nobody) {
            lookup.answered(&contact.seed);
        }
        assert!(!lookup.is_done(at(999)));
        lookup.rest(at(0));
        assert_eq!(lookup.wake_ms(), Some(limit::LOOKUP_SLOW_MS));
        assert!(lookup.is_done(at(limit::LOOKUP_SLOW_MS)));
        let found = lookup.found();
        assert_eq!(found.len(), 5);
        assert_eq!(found[4].seed, slow, "the closest, and yet last");
    }

    #[test]
    fn alone_with_a_slow_seed_it_waits() {
        let mut lookup = lookup(1);
        let slow = lookup.next(at(0), nobody).unwrap().seed;
        assert!(!lookup.is_done(at(2_000)));
        lookup.failed(&slow);
        assert!(lookup.is_done(at(2_000)));
        assert!(lookup.found().is_empty());
    }

    #[test]
    fn it_ends_in_time_whatever_happens() {
        let mut lookup = lookup(1);
        assert!(lookup.next(at(0), nobody).is_some());
        assert!(lookup.is_done(at(limit::LOOKUP_MS_MAX)));
        assert!(lookup.next(at(limit::LOOKUP_MS_MAX), nobody).is_none());
    }

    #[test]
    fn a_wrong_address_told_first_does_not_hide_the_right_one() {
        let mut lookup = Lookup::new(at(0), KEY.to_vec(), limit::BUCKET_SEEDS_MAX, usize::MAX);
        let wrong = (0..8).map(|number| vec![number]).collect();
        lookup.hear(Contact {
            addresses: wrong,
            ..contact(1)
        });
        lookup.hear(Contact {
            addresses: vec![vec![99], vec![0]],
            ..contact(1)
        });
        let told = lookup.next(at(0), nobody).unwrap().addresses;
        assert_eq!(told, [vec![0], vec![1], vec![2], vec![3], vec![99]]);
    }

    #[test]
    fn what_others_tell_is_bounded() {
        let mut lookup = Lookup::new(at(0), KEY.to_vec(), limit::BUCKET_SEEDS_MAX, usize::MAX);
        for number in 0..2_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            lookup.hear(Contact {
                seed: SeedId(id),
                addresses: Vec::new(),
            });
        }
        assert_eq!(lookup.seeds.len(), limit::LOOKUP_SEEDS_MAX);
    }
}
