//! Who guards what, and how many of those around hold it.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{Cut, Neighbour};
use crate::{
    custody::Custody,
    limit,
    name::{RecordKey, SeedId},
    time::Time,
};

/// A record held here that we are a guardian of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guarded {
    key: RecordKey,
    cut: Cut,
    /// Where it is: the first bytes of its position.
    at: u64,
    /// 0 for the closest guardian.
    rank: usize,
}

impl Custody {
    /// Notes for each neighbour which of our records it is a guardian of; those that are ours to
    /// guard are given back.
    pub(super) fn share_out(&mut self, now: Time) -> Vec<Guarded> {
        let here = super::cut_of(&self.here.0);
        let mut guardians: Vec<(u64, Option<SeedId>)> = [(here, None)].into();
        let part = self.repair.neighbours.iter().filter(|(_, it)| !it.mute);
        guardians.extend(part.map(|(seed, it)| (it.at, Some(*seed))));
        let mut lists: BTreeMap<SeedId, Vec<Cut>> = BTreeMap::new();
        let mut mine = Vec::new();
        for (key, at) in self.records.lasting(now) {
            let cut = super::cut_of(&key.0);
            for (rank, guardian) in two_closest(&guardians, at).into_iter().enumerate() {
                match guardian {
                    Some(Some(seed)) => lists.entry(seed).or_default().push(cut),
                    Some(None) => mine.push(Guarded { key, cut, at, rank }),
                    None => {}
                }
            }
        }
        // In order, because records are in the order of their keys.
        for (seed, neighbour) in &mut self.repair.neighbours {
            let list = lists.remove(seed).unwrap_or_default();
            neighbour.news = list;
            neighbour.news.truncate(limit::DIGEST_KEYS_PER_LINK_MAX);
        }
        mine
    }

    /// Counts who holds what, has copies made of what we hold, and wants what we do not.
    pub(super) fn count(&mut self, mine: &[Guarded]) {
        let records = &self.records;
        let mut all: Vec<Cut> = Vec::new();
        for neighbour in self.repair.neighbours.values_mut() {
            neighbour.wants.clear();
            let (given, report) = (&mut neighbour.given, &neighbour.report);
            given.retain(|cut| !report.contains(cut) && records.by_cut(*cut).is_some());
            all.extend(report.iter().chain(&*given));
        }
        all.sort_unstable();
        let mut holders: Vec<(Cut, usize)> = Vec::new();
        for cut in all {
            match holders.last_mut() {
                Some((last, count)) if *last == cut => *count = count.saturating_add(1),
                _ => holders.push((cut, 1)),
            }
        }
        for guarded in mine {
            let place = holders.binary_search_by_key(&guarded.cut, |(cut, _)| *cut);
            let others = place.ok().and_then(|at| holders.get(at));
            let have = others.map_or(1, |(_, count)| count.saturating_add(1));
            let enough = limit::REPAIR_BELOW.saturating_sub(guarded.rank);
            if have < enough {
                self.make_copies(guarded, limit::REPAIR_BELOW.saturating_sub(have));
            }
        }
        for (cut, count) in holders {
            if count < limit::REPAIR_BELOW && self.records.lacks(cut) {
                self.want(cut);
            }
        }
    }

    /// Chooses who gets copies: of the closest that have none those that are here longest.
    fn make_copies(&mut self, guarded: &Guarded, copies: usize) {
        let Guarded { key, cut, at, .. } = *guarded;
        let neighbours = self.repair.neighbours.iter();
        let without = neighbours.filter(|(_, it)| !it.mute && !it.has(cut));
        let mut without: Vec<(u64, &SeedId, &Neighbour)> =
            without.map(|(seed, it)| (it.at ^ at, seed, it)).collect();
        without.sort_unstable_by_key(|(distance, ..)| *distance);
        without.truncate(limit::REPAIR_CHOICE.max(copies));
        without.sort_by_key(|(.., it)| it.since_ms);
        let chosen = without.into_iter().take(copies);
        let chosen: Vec<SeedId> = chosen.map(|(_, seed, _)| *seed).collect();
        self.repair.disturb();
        if !chosen.is_empty() {
            self.repair.enqueue(key, chosen);
        }
    }

    /// Wants a record of whoever is here longest of those who reported it.
    fn want(&mut self, cut: Cut) {
        let neighbours = self.repair.neighbours.values_mut();
        let holder = neighbours
            .filter(|it| it.report.contains(&cut) && it.wants.len() < limit::DIGEST_WANTS_MAX)
            .min_by_key(|it| it.since_ms);
        if let Some(holder) = holder {
            holder.wants.push(cut);
            self.repair.disturb();
        }
    }
}

/// The two closest to a position, closest first.
fn two_closest(all: &[(u64, Option<SeedId>)], at: u64) -> [Option<Option<SeedId>>; 2] {
    let mut first: Option<(u64, Option<SeedId>)> = None;
    let mut second: Option<(u64, Option<SeedId>)> = None;
    for (place, who) in all {
        let distance = place ^ at;
        if first.is_none_or(|(closest, _)| distance < closest) {
            second = first;
            first = Some((distance, *who));
        } else if second.is_none_or(|(next, _)| distance < next) {
            second = Some((distance, *who));
        }
    }
    [first.map(|(_, who)| who), second.map(|(_, who)| who)]
}
