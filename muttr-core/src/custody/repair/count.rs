//! Who guards what, and how many of those around hold it.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Neighbour, Place, place_of};
use crate::{custody::Custody, limit, name::SeedId, time::Time};

/// A record that we are a guardian of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded {
    place: Place,
    /// 0 for the closest guardian.
    rank: usize,
}

/// Those who may be guardians, as one of them sees it.
struct Guardians {
    here: Place,
    /// Ourselves without a name.
    all: Vec<(Place, Option<SeedId>)>,
    /// What shares fewer leading bits with us has somebody closer to it than we are.
    bits: u32,
    /// We are linked to most of those around us. Others know better how many hold what.
    is_fit: bool,
}

impl Guardians {
    /// Who guards a place, the closest first.
    fn of(&self, place: Place) -> [Option<Option<SeedId>>; 2] {
        two_closest(&self.all, place)
    }

    /// Whether nobody who is linked to us, nor we, can be a guardian of a place.
    fn misses(&self, place: Place) -> bool {
        let near = |(at, _): &(Place, Option<SeedId>)| (at ^ place).leading_zeros() >= self.bits;
        !self.all.iter().any(near)
    }

    /// Whether we guard a place: 0 as its closest.
    fn rank(&self, place: Place) -> Option<usize> {
        let near = self.is_fit && (self.here ^ place).leading_zeros() >= self.bits;
        let all = if near { self.of(place) } else { [None; 2] };
        all.iter().position(|it| *it == Some(None))
    }
}

impl Custody {
    fn guardians(&self) -> Guardians {
        let here = place_of(&self.here);
        let part = self.repair.neighbours.iter().filter(|(_, it)| !it.mute);
        let part = part.map(|(seed, it)| (it.at, Some(*seed)));
        let all: Vec<_> = part.chain([(here, None)]).collect();
        let bits = self.routing.shared_bits();
        let close = all
            .iter()
            .filter(|(at, _)| (at ^ here).leading_zeros() >= bits);
        // Ourselves included.
        let is_fit = close.count() > limit::NEIGHBOURHOOD_CLOSE / 2 || bits == 0;
        Guardians {
            here,
            all,
            bits,
            is_fit,
        }
    }

    /// Notes for each neighbour which of our records it is a guardian of; those that are ours to
    /// guard are given back.
    pub(super) fn share_out(&mut self, now: Time) -> Vec<Guarded> {
        let guardians = self.guardians();
        let mut lists: BTreeMap<SeedId, Vec<Place>> = BTreeMap::new();
        let mut mine = Vec::new();
        let mut strays = Vec::new();
        for place in self.records.lasting(now) {
            if guardians.misses(place) && !self.repair.homed.contains(&place) {
                strays.push(place);
            }
            for (rank, guardian) in guardians.of(place).into_iter().enumerate() {
                match guardian {
                    Some(Some(seed)) => lists.entry(seed).or_default().push(place),
                    Some(None) if guardians.rank(place).is_some() => {
                        mine.push(Guarded { place, rank });
                    }
                    Some(None) | None => {}
                }
            }
        }
        // In order, because what is held comes in the order of its places.
        for (seed, neighbour) in &mut self.repair.neighbours {
            neighbour.news = lists.remove(seed).unwrap_or_default();
            neighbour.news.truncate(limit::DIGEST_KEYS_PER_LINK_MAX);
        }
        self.send_home(&strays);
        mine
    }

    /// One of the records of which no guardian is linked to us is forwarded now and then, as its
    /// author did: it may have been placed where nobody looks for it. As a rule it was not, and
    /// where it was, everyone who holds it will do the same.
    fn send_home(&mut self, strays: &[Place]) {
        if strays.is_empty() {
            return;
        }
        self.repair.disturb();
        let count = u64::try_from(strays.len()).unwrap_or(u64::MAX);
        let any = usize::try_from(self.routing.chance(count)).unwrap_or(0);
        let place = strays.get(any).copied();
        let now_and_then = self.routing.chance(limit::REPAIR_STRAY_ROUNDS) == 0;
        if let Some(key) = place.and_then(|place| self.records.at_place(place))
            && now_and_then
        {
            let spread = u8::try_from(limit::REPAIR_BELOW.saturating_sub(1)).unwrap_or(0);
            let first = self.first_hops(&key, 1, |_| true);
            self.repair.enqueue(key, first, spread);
        }
    }

    /// Counts who holds what, has copies made of what we hold, and wants what we do not.
    pub(super) fn count(&mut self, mine: &[Guarded]) {
        let holders = self.holders_around();
        let before = core::mem::take(&mut self.repair.rare);
        for guarded in mine {
            let found = holders.binary_search_by_key(&guarded.place, |(place, _)| *place);
            let others = found.ok().and_then(|at| holders.get(at));
            let have = others.map_or(1, |(_, count)| count.saturating_add(1));
            if have >= below(guarded.rank) {
                continue;
            }
            self.repair.rare.insert(guarded.place);
            self.repair.disturb();
            // One fewer may be somebody who is just being linked or was just closed and opened.
            if have.saturating_add(1) < below(guarded.rank) || before.contains(&guarded.place) {
                self.make_copies(guarded.place, limit::REPAIR_BELOW.saturating_sub(have));
            }
        }
        let guardians = self.guardians();
        for (place, count) in holders {
            // Who reported it to us may know fewer of those around than we do.
            let rank = guardians.rank(place);
            if rank.is_some_and(|rank| count < below(rank)) && self.records.lacks(place) {
                self.want(place);
            }
        }
    }

    /// How many neighbours hold what is held around here, as far as they or we said, in order.
    fn holders_around(&mut self) -> Vec<(Place, usize)> {
        let records = &self.records;
        let mut all: Vec<Place> = Vec::new();
        for neighbour in self.repair.neighbours.values_mut() {
            neighbour.wants.clear();
            let (given, report) = (&mut neighbour.given, &neighbour.report);
            given.retain(|place| !report.contains(place) && records.at_place(*place).is_some());
            all.extend(report.iter().chain(&*given));
        }
        all.sort_unstable();
        let same = all.chunk_by(|one, other| one == other);
        same.filter_map(|it| Some((*it.first()?, it.len())))
            .collect()
    }

    /// Chooses who gets copies: of the closest that have none those that are here longest.
    fn make_copies(&mut self, place: Place, copies: usize) {
        let neighbours = self.repair.neighbours.iter();
        let without = neighbours.filter(|(_, it)| !it.mute && !it.has(place));
        let mut without: Vec<(u64, &SeedId, &Neighbour)> = without
            .map(|(seed, it)| (it.at ^ place, seed, it))
            .collect();
        without.sort_unstable_by_key(|(distance, ..)| *distance);
        without.truncate(limit::REPAIR_CHOICE.max(copies));
        without.sort_by_key(|(.., it)| it.since_ms);
        let chosen = without.into_iter().take(copies);
        let chosen: Vec<SeedId> = chosen.map(|(_, seed, _)| *seed).collect();
        self.repair.disturb();
        if let Some(key) = self.records.at_place(place).filter(|_| !chosen.is_empty()) {
            self.repair.enqueue(key, chosen, 0);
        }
    }

    /// Wants a record of whoever is here longest of those who reported it.
    fn want(&mut self, place: Place) {
        let neighbours = self.repair.neighbours.values_mut();
        let holder = neighbours
            .filter(|it| it.report.contains(&place) && it.wants.len() < limit::DIGEST_WANTS_MAX)
            .min_by_key(|it| it.since_ms);
        if let Some(holder) = holder {
            holder.wants.push(place);
            self.repair.disturb();
        }
    }
}

/// Fewer holders than this make a guardian act: the second waits for one fewer, so that as a rule
/// only one acts.
const fn below(rank: usize) -> usize {
    limit::REPAIR_BELOW.saturating_sub(rank)
}

/// The two closest to a place, closest first.
fn two_closest(all: &[(Place, Option<SeedId>)], place: Place) -> [Option<Option<SeedId>>; 2] {
    let mut first: Option<(u64, Option<SeedId>)> = None;
    let mut second: Option<(u64, Option<SeedId>)> = None;
    for (at, who) in all {
        let distance = at ^ place;
        if first.is_none_or(|(closest, _)| distance < closest) {
            second = first;
            first = Some((distance, *who));
        } else if second.is_none_or(|(next, _)| distance < next) {
            second = Some((distance, *who));
        }
    }
    [first.map(|(_, who)| who), second.map(|(_, who)| who)]
}
