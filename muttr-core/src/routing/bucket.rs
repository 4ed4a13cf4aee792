//! The routing table: for each length of shared prefix, a bucket of the seeds known longest.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{Contact, wire};
use crate::{
    limit,
    machine::Address,
    name::{Position, SeedId},
};

/// A seed that was once linked and answers questions about the way.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) contact: Contact,
    pub(crate) position: Position,
    /// A link is up.
    pub(crate) linked: bool,
    /// It said that it keeps records.
    pub(crate) stores: bool,
    /// When it last gave a sign of life; meaningless while linked.
    pub(crate) seen_ms: u64,
    /// Failures since.
    failures: u8,
}

impl Entry {
    pub(crate) fn new(contact: Contact, stores: bool, now_ms: u64) -> Self {
        let position = contact.seed.position();
        let addresses = wire::bounded(&contact.addresses);
        let contact = Contact {
            addresses,
            ..contact
        };
        Self {
            contact,
            position,
            linked: true,
            stores,
            seen_ms: now_ms,
            failures: 0,
        }
    }

    /// What is forwarded gets on through it: it is linked and keeps records.
    const fn passes_on(&self) -> bool {
        self.linked && self.stores
    }

    /// It failed since it last gave a sign of life.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.failures > 0
    }
}

#[derive(Debug, Default)]
struct Bucket {
    entries: Vec<Entry>,
    /// Live seeds that found the bucket full, the latest last.
    spares: Vec<Entry>,
}

impl Bucket {
    /// A seed known already is renewed; a new one takes a free place, then that of a seed that
    /// failed, and otherwise waits: the longer a seed has been there, the longer it will be.
    fn admit(&mut self, entry: Entry) {
        let seed = entry.contact.seed;
        if let Some(known) = self
            .entries
            .iter_mut()
            .find(|known| known.contact.seed == seed)
        {
            *known = entry;
        } else if self.entries.len() < limit::BUCKET_SEEDS_MAX {
            self.entries.push(entry);
        } else if let Some(failed) = self
            .entries
            .iter_mut()
            .find(|old| old.failures > 0 && !old.linked)
        {
            *failed = entry;
        } else {
            self.spares.retain(|spare| spare.contact.seed != seed);
            if self.spares.len() >= limit::BUCKET_SPARES_MAX {
                self.spares.remove(0);
            }
            self.spares.push(entry);
        }
    }

    fn remove(&mut self, seed: &SeedId) {
        self.spares.retain(|spare| spare.contact.seed != *seed);
        let before = self.entries.len();
        self.entries.retain(|entry| entry.contact.seed != *seed);
        if self.entries.len() < before
            && let Some(spare) = self.spares.pop()
        {
            self.entries.push(spare);
        }
    }
}

/// All buckets. The key of one is the number of leading bits its seeds share with us.
#[derive(Debug)]
pub(crate) struct Buckets {
    here: Position,
    buckets: BTreeMap<u32, Bucket>,
}

impl Buckets {
    pub(crate) const fn new(here: Position) -> Self {
        Self {
            here,
            buckets: BTreeMap::new(),
        }
    }

    /// How many leading bits a seed shares with us.
    pub(crate) fn number(&self, seed: &SeedId) -> u32 {
        seed.position().distance(&self.here).leading_zeros()
    }

    /// A seed is linked and routes, or gave another sign of life.
    pub(crate) fn admit(&mut self, entry: Entry) {
        let number = entry.position.distance(&self.here).leading_zeros();
        // 256 shared bits are our own.
        if number < 256 {
            self.buckets.entry(number).or_default().admit(entry);
        }
    }

    pub(crate) fn remove(&mut self, seed: &SeedId) {
        let number = self.number(seed);
        if let Some(bucket) = self.buckets.get_mut(&number) {
            bucket.remove(seed);
            if bucket.entries.is_empty() {
                self.buckets.remove(&number);
            }
        }
    }

    fn entry_mut(&mut self, seed: &SeedId) -> Option<&mut Entry> {
        let bucket = self.buckets.get_mut(&self.number(seed))?;
        let mut all = bucket.entries.iter_mut().chain(bucket.spares.iter_mut());
        all.find(|entry| entry.contact.seed == *seed)
    }

    pub(crate) fn entry(&self, seed: &SeedId) -> Option<&Entry> {
        let bucket = self.buckets.get(&self.number(seed))?;
        bucket
            .entries
            .iter()
            .find(|entry| entry.contact.seed == *seed)
    }

    /// It answered.
    pub(crate) fn seen(&mut self, seed: &SeedId, now_ms: u64) {
        if let Some(entry) = self.entry_mut(seed) {
            entry.failures = 0;
            entry.seen_ms = now_ms;
        }
    }

    /// Its link went. That is no death: idle links are closed to make room.
    pub(crate) fn unlinked(&mut self, seed: &SeedId, now_ms: u64) {
        if let Some(entry) = self.entry_mut(seed) {
            entry.linked = false;
            entry.seen_ms = now_ms;
        }
    }

    /// It could not be reached or did not answer; after a few times in a row it is dropped.
    pub(crate) fn failed(&mut self, seed: &SeedId) {
        let Some(entry) = self.entry_mut(seed) else {
            return;
        };
        entry.failures = entry.failures.saturating_add(1);
        if entry.failures >= limit::FAILURES_MAX {
            self.remove(seed);
        }
    }

    /// Every entry, spares excepted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.buckets
            .values()
            .flat_map(|bucket| bucket.entries.iter())
    }

    /// The `count` entries closest to `target`, closest first.
    pub(crate) fn closest(&self, target: &Position, count: usize) -> Vec<&Entry> {
        self.by_distance(target).take(count).collect()
    }

    /// Every entry, spares excepted, closest to `target` first. No bucket is sorted before its
    /// turn comes, so a few entries cost a few buckets.
    pub(crate) fn by_distance(&self, target: &Position) -> impl Iterator<Item = &Entry> {
        let way = target.distance(&self.here);
        // Where we and the target differ, the seeds that part from us at that bit are on the
        // target's side of it, and closer than all that share more bits with us; where we do not
        // differ, they are farther than those.
        let toward = self
            .buckets
            .iter()
            .filter(move |(number, _)| way.has_bit(**number));
        let away = self
            .buckets
            .iter()
            .rev()
            .filter(move |(number, _)| !way.has_bit(**number));
        toward.chain(away).flat_map(move |(_, bucket)| {
            let mut entries: Vec<&Entry> = bucket.entries.iter().collect();
            entries.sort_by_cached_key(|entry| entry.position.distance(target));
            entries
        })
    }

    /// Of each bucket one or two that are linked, keep records and are not among those given, those
    /// known longest first; at most `count` in all, or one of each.
    pub(crate) fn far(&self, near: &BTreeSet<SeedId>, count: usize) -> Vec<SeedId> {
        let far = |entry: &&Entry| entry.passes_on() && !near.contains(&entry.contact.seed);
        let buckets = self.buckets.values();
        let buckets = buckets.map(|bucket| bucket.entries.iter().filter(far));
        let buckets: Vec<Vec<&Entry>> = buckets.map(Iterator::collect).collect();
        let filled = buckets.iter().filter(|others| !others.is_empty()).count();
        let each = count.checked_div(filled).unwrap_or(0).clamp(1, 2);
        let far = buckets.into_iter().flat_map(|it| it.into_iter().take(each));
        far.map(|entry| entry.contact.seed).collect()
    }

    /// Whether somebody linked, who keeps records, shares exactly so many leading bits with us.
    pub(crate) fn reaches(&self, number: u32) -> bool {
        let bucket = self.buckets.get(&number);
        bucket.is_some_and(|bucket| bucket.entries.iter().any(Entry::passes_on))
    }

    /// Drops everyone who is not linked and gave no sign of life since `before_ms`.
    pub(crate) fn drop_silent(&mut self, before_ms: u64) {
        let silent = self.stale(before_ms, usize::MAX);
        for seed in silent {
            self.remove(&seed);
        }
    }

    /// Unlinked entries without a sign of life since `before_ms`, the most silent first.
    pub(crate) fn stale(&self, before_ms: u64, count: usize) -> Vec<SeedId> {
        let silent = |entry: &&Entry| !entry.linked && entry.seen_ms < before_ms;
        let mut all: Vec<&Entry> = self.iter().filter(silent).collect();
        all.sort_by_key(|entry| entry.seen_ms);
        all.into_iter()
            .take(count)
            .map(|entry| entry.contact.seed)
            .collect()
    }

    /// Where a seed in the table says it can be reached.
    pub(crate) fn addresses(&self, seed: &SeedId) -> &[Address] {
        self.entry(seed)
            .map_or(&[], |entry| &entry.contact.addresses)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::name::Distance;

    /// Seeds that all fall into the bucket of those that share no bit with us.
    fn far_seeds(count: usize) -> Vec<SeedId> {
        let here = Position([0; 32]);
        let all = (0_u32..).map(|number| {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            SeedId(id)
        });
        all.filter(|seed| seed.position().distance(&here).leading_zeros() == 0)
            .take(count)
            .collect()
    }

    fn entry(seed: SeedId, now_ms: u64) -> Entry {
        Entry::new(
            Contact {
                seed,
                addresses: vec![vec![1]],
            },
            true,
            now_ms,
        )
    }

    fn full() -> (Buckets, Vec<SeedId>) {
        let mut buckets = Buckets::new(Position([0; 32]));
        let seeds = far_seeds(limit::BUCKET_SEEDS_MAX + 6);
        for (at, seed) in seeds.iter().enumerate() {
            buckets.admit(entry(*seed, at as u64));
        }
        (buckets, seeds)
    }

    #[test]
    fn old_live_seeds_keep_their_places() {
        let (buckets, seeds) = full();
        let kept: Vec<SeedId> = buckets.iter().map(|entry| entry.contact.seed).collect();
        assert_eq!(kept, seeds[..limit::BUCKET_SEEDS_MAX]);
    }

    #[test]
    fn a_seed_that_fails_twice_makes_room_for_the_latest_spare() {
        let (mut buckets, seeds) = full();
        buckets.unlinked(&seeds[3], 100);
        buckets.failed(&seeds[3]);
        assert!(buckets.entry(&seeds[3]).is_some());
        buckets.seen(&seeds[3], 100);
        buckets.failed(&seeds[3]);
        assert!(
            buckets.entry(&seeds[3]).is_some(),
            "an answer in between forgives"
        );
        buckets.failed(&seeds[3]);
        assert!(buckets.entry(&seeds[3]).is_none());
        assert!(buckets.entry(seeds.last().unwrap()).is_some());
        assert_eq!(buckets.iter().count(), limit::BUCKET_SEEDS_MAX);
    }

    #[test]
    fn a_newcomer_takes_the_place_of_one_that_failed() {
        let (mut buckets, seeds) = full();
        buckets.unlinked(&seeds[0], 5);
        buckets.failed(&seeds[0]);
        buckets.admit(entry(*seeds.last().unwrap(), 200));
        assert!(buckets.entry(&seeds[0]).is_none());
        assert!(buckets.entry(seeds.last().unwrap()).is_some());
    }

    #[test]
    fn the_closest_come_first() {
        let (buckets, _) = full();
        let target = Position([0x5a; 32]);
        let closest = buckets.closest(&target, 5);
        let distances: Vec<Distance> = closest
            .iter()
            .map(|entry| entry.position.distance(&target))
            .collect();
        assert!(distances.is_sorted());
        let farther = buckets
            .iter()
            .filter(|entry| entry.position.distance(&target) > distances[4]);
        assert_eq!(farther.count(), limit::BUCKET_SEEDS_MAX - 5);
    }

    #[test]
    fn all_buckets_together_are_in_order() {
        let here = SeedId([7; 32]).position();
        let mut buckets = Buckets::new(here);
        for number in 0..2_000_u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            buckets.admit(entry(SeedId(id), 0));
        }
        assert!(buckets.buckets.len() > 5);
        let elsewhere = (0..64_u8).map(|number| Position::of(&[number]));
        for target in elsewhere.chain([here]) {
            let entries = buckets.by_distance(&target);
            let distances: Vec<Distance> = entries
                .map(|entry| entry.position.distance(&target))
                .collect();
            assert_eq!(distances.len(), buckets.iter().count());
            assert!(distances.is_sorted());
        }
    }

    #[test]
    fn every_far_part_of_the_key_space_has_somebody_in_it() {
        let here = SeedId([1; 32]);
        let mut buckets = Buckets::new(here.position());
        for number in 0_u32..2_000 {
            let mut id = [9; 32];
            id[..4].copy_from_slice(&number.to_be_bytes());
            buckets.admit(entry(SeedId(id), 0));
        }
        let near = buckets.closest(&here.position(), limit::NEIGHBOURHOOD);
        let near: BTreeSet<SeedId> = near.iter().map(|entry| entry.contact.seed).collect();
        let seeds: Vec<SeedId> = buckets.iter().map(|entry| entry.contact.seed).collect();
        let of_bucket = |number: u32| -> Vec<SeedId> {
            let all = seeds.iter().copied();
            all.filter(|seed| buckets.number(seed) == number).collect()
        };
        let (lost, mut gone) = (of_bucket(3), of_bucket(2));
        let kept = gone.remove(7);
        for seed in lost.iter().chain(&gone) {
            buckets.unlinked(seed, 5);
        }
        let far = buckets.far(&near, limit::FAR_LINKS);
        assert!(far.iter().all(|seed| !near.contains(seed)));
        assert!(far.contains(&kept));
        let numbers: BTreeSet<u32> = far.iter().map(|seed| buckets.number(seed)).collect();
        // 2,000 seeds fill the buckets of 0 to 6 shared bits beyond the neighbourhood.
        for number in 0..=5 {
            assert_eq!(numbers.contains(&number), number != 3, "{numbers:?}");
            assert_eq!(buckets.reaches(number), number != 3);
        }
        assert!(far.len() <= limit::FAR_LINKS.max(numbers.len()));
    }

    #[test]
    fn nothing_gets_on_through_those_who_keep_nothing() {
        let here = Position([0; 32]);
        let mut buckets = Buckets::new(here);
        let all = far_seeds(3);
        for seed in &all[..2] {
            let stores = false;
            buckets.admit(Entry {
                stores,
                ..entry(*seed, 0)
            });
        }
        assert!(!buckets.reaches(0));
        assert!(buckets.far(&BTreeSet::new(), limit::FAR_LINKS).is_empty());
        buckets.admit(entry(all[2], 0));
        assert!(buckets.reaches(0));
        assert_eq!(buckets.far(&BTreeSet::new(), limit::FAR_LINKS), [all[2]]);
    }

    #[test]
    fn who_was_silent_for_long_is_dropped_unless_linked() {
        let (mut buckets, seeds) = full();
        buckets.unlinked(&seeds[1], 30);
        buckets.unlinked(&seeds[2], 70);
        buckets.drop_silent(50);
        assert!(buckets.entry(&seeds[1]).is_none());
        assert!(buckets.entry(&seeds[2]).is_some() && buckets.entry(&seeds[3]).is_some());
    }

    #[test]
    fn we_are_not_in_our_own_table() {
        let me = SeedId([1; 32]);
        let mut buckets = Buckets::new(me.position());
        buckets.admit(entry(me, 0));
        assert_eq!(buckets.iter().count(), 0);
    }

    #[test]
    fn silent_seeds_are_found_the_most_silent_first() {
        let (mut buckets, seeds) = full();
        buckets.unlinked(&seeds[1], 30);
        buckets.unlinked(&seeds[2], 20);
        buckets.unlinked(&seeds[4], 99);
        assert_eq!(buckets.stale(50, 9), [seeds[2], seeds[1]]);
        assert_eq!(buckets.addresses(&seeds[1]), [vec![1]]);
    }
}
