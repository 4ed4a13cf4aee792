//! Storing: the closest willing seeds are found and asked, until enough of them promised.

use alloc::{collections::VecDeque, vec::Vec};

use super::{Custody, door::Event, receipt};
use crate::{
    envelope::record::Record,
    limit,
    name::{RecordKey, SeedId},
    rejection::Rejection,
    routing::{Contact, Silence},
    time::{Time, earliest},
    wire::{
        self,
        store::{Put, StoreAnswer, StoreAsk},
    },
};

/// A store under way.
#[derive(Debug)]
pub(super) struct Placement {
    id: u64,
    key: RecordKey,
    expires_h: u32,
    /// The encoded [`Put`], the same for everyone.
    question: Vec<u8>,
    copies: usize,
    receipts: usize,
    /// The lookup that looks for candidates.
    lookup: Option<u64>,
    candidates: VecDeque<Contact>,
    in_flight: usize,
    /// When the lookup has to do with what it found.
    cut_at_ms: Option<u64>,
    /// When to report what there is; `None` once reported.
    report_at_ms: Option<u64>,
    end_at_ms: u64,
}

impl Placement {
    pub(super) const fn awaits(&self, lookup: u64) -> bool {
        matches!(self.lookup, Some(own) if own == lookup)
    }

    pub(super) fn wake_ms(&self) -> Option<u64> {
        earliest(
            earliest(self.cut_at_ms, self.report_at_ms),
            Some(self.end_at_ms),
        )
    }
}

impl Custody {
    /// Begins a store.
    pub(super) fn store(&mut self, now: Time, id: u64, record: Record, copies: usize) {
        if self.placements.len() >= self.stores_max || copies == 0 {
            return self.report(Event::Stored { id, receipts: 0 });
        }
        let (key, expires_h) = (record.key(), record.expires_h());
        let put = Put {
            record: record.into_bytes(),
            stamp: Vec::new(),
            hops: 0,
            spread: 0,
        };
        let lookup = self.routing.find(now, &key.0);
        let placement = Placement {
            id,
            key,
            expires_h,
            question: wire::encode(&StoreAsk::Put(put)),
            copies,
            receipts: 0,
            lookup: Some(lookup),
            candidates: VecDeque::new(),
            in_flight: 0,
            cut_at_ms: Some(now.after(limit::STORE_LOOKUP_MS)),
            report_at_ms: Some(now.after(limit::STORE_MS_MAX)),
            end_at_ms: now.after(limit::STORE_MS_MAX.saturating_add(limit::STORE_TAIL_MS)),
        };
        let job = self.job_number();
        self.placements.insert(job, placement);
    }

    /// The lookup of a store ended.
    pub(super) fn place(&mut self, now: Time, job: u64, seeds: Vec<Contact>) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        placement.lookup = None;
        placement.cut_at_ms = None;
        placement.candidates = seeds.into();
        self.place_more(now, job);
    }

    /// Asks as many more as are still missing, and ends the store when there is nobody left.
    fn place_more(&mut self, now: Time, job: u64) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        while placement.receipts.saturating_add(placement.in_flight) < placement.copies {
            let Some(contact) = placement.candidates.pop_front() else {
                break;
            };
            let seed = contact.seed;
            let unfit = seed == self.me || self.pods.contains(&seed);
            if !unfit && self.routing.stores(&seed) != Some(false) {
                placement.in_flight = placement.in_flight.saturating_add(1);
                self.routing
                    .ask_store(now, &contact, placement.question.clone(), job);
            }
        }
        if placement.in_flight == 0 && placement.lookup.is_none() {
            self.end_placement(job);
        }
    }

    fn end_placement(&mut self, job: u64) {
        if let Some(placement) = self.placements.remove(&job)
            && placement.report_at_ms.is_some()
        {
            self.report(Event::Stored {
                id: placement.id,
                receipts: placement.receipts,
            });
        }
    }

    /// One of those asked to keep the record has answered, or has not.
    pub(super) fn placed(
        &mut self,
        now: Time,
        job: u64,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        placement.in_flight = placement.in_flight.saturating_sub(1);
        if let Ok(bytes) = outcome {
            let answer = wire::decode::<StoreAnswer>(&bytes, limit::STORE_BYTES_MAX);
            match answer.and_then(|answer| placement.promise(&seed, answer)) {
                Ok(Some(receipt)) => {
                    placement.receipts = placement.receipts.saturating_add(1);
                    let id = placement.id;
                    self.report(Event::Receipt { id, receipt });
                }
                Ok(None) => {}
                Err(_) => self.routing.blame(now, seed),
            }
        }
        self.place_more(now, job);
    }

    /// Does what time asks for in a store.
    pub(super) fn tick_placement(&mut self, now: Time, job: u64) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        let is_due = |at_ms: u64| at_ms <= now.mono_ms;
        if placement.cut_at_ms.is_some_and(is_due) {
            placement.cut_at_ms = None;
            if let Some(lookup) = placement.lookup {
                self.routing.cut(now, lookup);
            }
        }
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        if placement.report_at_ms.is_some_and(is_due) {
            placement.report_at_ms = None;
            let (id, receipts) = (placement.id, placement.receipts);
            self.report(Event::Stored { id, receipts });
        }
        if self
            .placements
            .get(&job)
            .is_some_and(|placement| is_due(placement.end_at_ms))
        {
            self.end_placement(job);
        }
    }
}

impl Placement {
    /// The promise in an answer, if that is what it is. A polite no is `None`.
    ///
    /// Copies are not spread onward yet, so exactly one promise is due, the answerer's own.
    fn promise(
        &self,
        seed: &SeedId,
        answer: StoreAnswer,
    ) -> Result<Option<wire::store::Receipt>, Rejection> {
        match answer {
            StoreAnswer::Rejected(_) => Ok(None),
            StoreAnswer::Kept(receipts) => {
                let [receipt] = receipts.try_into().map_err(|_| Rejection::Malformed)?;
                receipt::check(&receipt, &self.key, self.expires_h, seed)?;
                Ok(Some(receipt))
            }
            StoreAnswer::Record(_) | StoreAnswer::Have(_) => Err(Rejection::Malformed),
        }
    }
}
