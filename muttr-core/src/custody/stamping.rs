//! Stamps: looked for beside what we store ourselves, and asked for of whatever others put.
//!
//! Searching is work for a processor and nothing else, so it is done in slices, one each time
//! custody is called, while everything else goes on. Whoever passes a record on passes on the stamp
//! it came with, and never searches for another.

use alloc::collections::VecDeque;

use super::{Custody, door::Event, record_store::Waiter};
use crate::{
    envelope::{
        record::Record,
        stamp::{self, Search, Stamp},
    },
    limit,
    machine::Link,
    name::RecordKey,
    rejection::Rejection,
    time::Time,
    wire::store::{Put, StoreAnswer},
};

/// The searches that are wanted: one is under way at a time, in the order they came.
#[derive(Debug)]
pub(super) struct Mill {
    bits: u8,
    waiting: VecDeque<(RecordKey, What)>,
    /// For the first of them.
    search: Option<Search>,
    /// When the last slice was done.
    ground_ms: u64,
}

/// What a stamp is for.
#[derive(Debug)]
enum What {
    /// Whoever asked under this number.
    Told(u64),
    /// A store that waits for it.
    Store {
        id: u64,
        record: Record,
        copies: usize,
    },
}

impl Mill {
    pub(super) const fn new(bits: u8) -> Self {
        Self {
            bits,
            waiting: VecDeque::new(),
            search: None,
            ground_ms: 0,
        }
    }

    /// Soon again, as long as there is something to search for.
    pub(super) fn deadline(&self) -> Option<u64> {
        let soon_ms = self.ground_ms.saturating_add(limit::STAMP_PAUSE_MS);
        (!self.waiting.is_empty()).then_some(soon_ms)
    }

    /// Stores that wait for a stamp.
    pub(super) fn stores(&self) -> usize {
        let stores = self.waiting.iter();
        stores
            .filter(|(_, what)| matches!(what, What::Store { .. }))
            .count()
    }

    fn begin(&mut self, now: Time, key: RecordKey, what: What) {
        if self.waiting.is_empty() {
            self.ground_ms = now.mono_ms;
        }
        self.waiting.push_back((key, what));
    }

    /// Takes a stamp that was found, within so many tries.
    fn grind(&mut self, tries: &mut u32) -> Option<(Stamp, What)> {
        let (key, _) = self.waiting.front()?;
        let bits = self.bits;
        let search = self.search.get_or_insert_with(|| Search::new(bits, key));
        let before = search.tried();
        let stamp = search.go_on(*tries);
        let tried = search.tried().saturating_sub(before);
        *tries = tries.saturating_sub(u32::try_from(tried).unwrap_or(u32::MAX));
        let stamp = stamp?;
        self.search = None;
        let (_, what) = self.waiting.pop_front()?;
        Some((stamp, what))
    }
}

impl Custody {
    /// The stamp that came with a record which we hold; none for one that was taken in before
    /// there were stamps.
    #[must_use]
    pub fn stamp(&self, key: &RecordKey) -> Option<Stamp> {
        self.records.stamp(key)
    }

    /// Somebody here needs a stamp for a record of their own.
    pub(super) fn begin_stamp(&mut self, now: Time, id: u64, key: RecordKey) {
        if self.mill.waiting.len() >= limit::STAMPS_WAITING_MAX {
            let result = Err(Rejection::Busy);
            return self.report(Event::Stamped { id, result });
        }
        self.mill.begin(now, key, What::Told(id));
    }

    /// Begins a store, once there is a stamp.
    pub(super) fn begin_store(
        &mut self,
        now: Time,
        id: u64,
        record: Record,
        stamp: Option<Stamp>,
        copies: usize,
    ) {
        let stores = self.placements.len().saturating_add(self.mill.stores());
        if stores >= self.stores_max || copies == 0 {
            return self.report(Event::Stored { id, receipts: 0 });
        }
        if let Some(stamp) = stamp {
            return self.store(now, id, (record, stamp), copies);
        }
        let key = record.key();
        let what = What::Store { id, record, copies };
        self.mill.begin(now, key, what);
    }

    /// Goes on searching, for a slice.
    pub(super) fn grind(&mut self, now: Time) {
        if self.mill.waiting.is_empty() {
            return;
        }
        let passed_ms = now.mono_ms.saturating_sub(self.mill.ground_ms);
        let is_rare = passed_ms >= limit::STAMP_RARE_MS;
        let mut tries = if is_rare {
            limit::STAMP_TRIES_RARE
        } else {
            limit::STAMP_TRIES
        };
        self.mill.ground_ms = now.mono_ms;
        while let Some((stamp, what)) = self.mill.grind(&mut tries) {
            match what {
                What::Told(id) => self.report(Event::Stamped {
                    id,
                    result: Ok(stamp),
                }),
                What::Store { id, record, copies } => {
                    self.store(now, id, (record, stamp), copies);
                }
            }
        }
    }

    /// Somebody puts a record. Before anything is done about it that costs more than a hash, its
    /// stamp is looked at: who has none is told so, as whoever is older than stamps are.
    pub(super) fn take_put(
        &mut self,
        now: Time,
        (link, id): (Link, u64),
        put: &Put,
    ) -> Result<(), Rejection> {
        if usize::from(put.spread) >= limit::HOLDERS {
            return Err(Rejection::Malformed);
        }
        let record = Record::parse(&put.record)?;
        let stamp = match stamp::check(self.mill.bits, &record.key(), &put.stamp) {
            Ok(stamp) => stamp,
            Err(Rejection::NoStamp) => {
                self.answer(link, id, &StoreAnswer::Rejected(Rejection::NoStamp));
                return Ok(());
            }
            Err(why) => return Err(why),
        };
        if let Some(tombstone) = self.records.tombstone_of(&record) {
            self.answer(link, id, &StoreAnswer::Gone(tombstone));
        } else if put.spread == 0 {
            let waiter = Waiter::Peer(link, id);
            self.records.keep(now, record, Some(stamp), waiter);
        } else if self.records.is_loaded() && self.may_forward(&link) {
            let (hops, spread) = (put.hops, put.spread);
            self.forward_put(now, (link, id), (record, stamp), hops, spread);
        } else {
            self.answer(link, id, &StoreAnswer::Rejected(Rejection::Busy));
        }
        Ok(())
    }
}
