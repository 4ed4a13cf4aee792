//! Storing: the record is forwarded toward its key, and its holders' receipts come back. For what
//! is missing the closest willing seeds are looked up and asked, until enough of them promised.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

use super::{Custody, door::Event, receipt, record_store};
use crate::{
    envelope::{record::Record, stamp::Stamp},
    limit,
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::{Contact, Silence},
    time::{Time, earliest},
    wire::{
        self,
        store::{Put, Receipt, StoreAnswer, StoreAsk},
    },
};

/// Marks a question that was forwarded, beside the number of its job: the same seed may be asked
/// to keep the record itself as well.
pub(super) const FORWARDED: u64 = 1 << 63;

/// A store under way.
#[derive(Debug)]
pub(super) struct Placement {
    id: u64,
    key: RecordKey,
    expires_h: u32,
    deletion_hash: [u8; 32],
    /// The encoded [`Put`] that asks for one copy, the same for everyone.
    question: Vec<u8>,
    copies: usize,
    /// Who promised.
    holders: BTreeSet<SeedId>,
    /// The encoded [`Put`] that asks for all of them.
    forward: Vec<u8>,
    /// First hops that have not answered yet.
    forwarding: BTreeSet<SeedId>,
    /// All first hops so far.
    forwarded: BTreeSet<SeedId>,
    /// When it is forwarded another way as well, unless there are enough by then.
    again_at_ms: Option<u64>,
    /// When holders are looked up, unless there are enough by then.
    direct_at_ms: Option<u64>,
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
        let next = earliest(
            self.again_at_ms,
            earliest(self.direct_at_ms, self.cut_at_ms),
        );
        earliest(earliest(next, self.report_at_ms), Some(self.end_at_ms))
    }

    fn is_enough(&self) -> bool {
        self.holders.len() >= self.copies
    }
}

impl Custody {
    /// Begins a store for which there is room.
    pub(super) fn store(
        &mut self,
        now: Time,
        id: u64,
        (record, stamp): (Record, Stamp),
        copies: usize,
    ) {
        let (key, expires_h) = (record.key(), record.expires_h());
        let deletion_hash = *record.deletion_hash();
        let put = Put {
            record: record.into_bytes(),
            stamp: stamp.to_bytes(),
            hops: self.feigned_hops(),
            spread: u8::try_from(copies.min(limit::HOLDERS).saturating_sub(1)).unwrap_or(0),
        };
        let first = usize::from(put.spread > 0);
        let forward = wire::encode(&StoreAsk::Put(put.clone()));
        let put = Put { spread: 0, ..put };
        let placement = Placement {
            id,
            key,
            expires_h,
            deletion_hash,
            question: wire::encode(&StoreAsk::Put(put)),
            copies,
            holders: BTreeSet::new(),
            forward,
            forwarding: BTreeSet::new(),
            forwarded: BTreeSet::new(),
            again_at_ms: (first > 0).then(|| now.after(limit::FORWARD_AGAIN_MS)),
            direct_at_ms: Some(now.after(limit::FORWARD_PATIENCE_MS)),
            lookup: None,
            candidates: VecDeque::new(),
            in_flight: 0,
            cut_at_ms: None,
            report_at_ms: Some(now.after(limit::STORE_MS_MAX)),
            end_at_ms: now.after(limit::STORE_MS_MAX.saturating_add(limit::STORE_TAIL_MS)),
        };
        let job = self.job_number();
        self.placements.insert(job, placement);
        self.forward_store(now, job, first);
        self.settle_placement(now, job);
    }

    /// Over which links a question of ours is forwarded: those of the closest to the key.
    pub(super) fn first_hops(
        &self,
        key: &RecordKey,
        count: usize,
        fit: impl Fn(&SeedId) -> bool,
    ) -> Vec<SeedId> {
        let target = Position::of(&key.0);
        let first = self.routing.closest_holders(&target, count, fit);
        first.into_iter().map(|(_, seed)| seed).collect()
    }

    /// Forwards a record over so many links more.
    fn forward_store(&mut self, now: Time, job: u64, count: usize) {
        let Some(placement) = self.placements.get(&job) else {
            return;
        };
        let room = limit::FORWARDS_MAX.saturating_sub(placement.forwarded.len());
        let fit = |seed: &SeedId| !placement.forwarded.contains(seed);
        let first = self.first_hops(&placement.key, count.min(room), fit);
        for seed in first {
            if let Some(placement) = self.placements.get_mut(&job) {
                placement.forwarding.insert(seed);
                placement.forwarded.insert(seed);
                let question = placement.forward.clone();
                self.routing
                    .ask_linked(now, seed, question, job | FORWARDED);
            }
        }
    }

    /// Forwarders that a question of ours claims to have passed.
    pub(super) fn feigned_hops(&mut self) -> u8 {
        let hops = self.routing.chance(limit::FORWARD_HOPS_FEIGNED.into());
        u8::try_from(hops).unwrap_or(0)
    }

    /// The lookup of a store ended.
    pub(super) fn place(&mut self, now: Time, job: u64, seeds: Vec<Contact>) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        placement.lookup = None;
        placement.cut_at_ms = None;
        // A first hop that said nothing so far is asked for itself when there is nobody else.
        let silent = |contact: &Contact| placement.forwarding.contains(&contact.seed);
        let (silent, others): (Vec<_>, Vec<_>) = seeds.into_iter().partition(silent);
        placement.candidates = others.into_iter().chain(silent).collect();
        self.settle_placement(now, job);
    }

    /// Takes the next step of a store: reports it once there are enough, looks for holders when
    /// forwarding has not found them, and ends it when there is nobody left.
    fn settle_placement(&mut self, now: Time, job: u64) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        if placement.is_enough() {
            placement.again_at_ms = None;
            placement.direct_at_ms = None;
            if placement.report_at_ms.take().is_some() {
                let (id, receipts) = (placement.id, placement.holders.len());
                self.report(Event::Stored { id, receipts });
            }
        } else if placement.direct_at_ms.is_some() && placement.forwarding.is_empty() {
            self.begin_direct(now, job);
        }
        self.place_more(now, job);
        let Some(placement) = self.placements.get(&job) else {
            return;
        };
        let outstanding = placement.in_flight > 0 || !placement.forwarding.is_empty();
        let undone = placement.direct_at_ms.is_some() || placement.lookup.is_some();
        if !outstanding && !undone {
            self.end_placement(job);
        }
    }

    /// Looks holders up: forwarding has not found enough.
    fn begin_direct(&mut self, now: Time, job: u64) {
        if let Some(placement) = self.placements.get_mut(&job) {
            placement.direct_at_ms = None;
            placement.cut_at_ms = Some(now.after(limit::STORE_LOOKUP_MS));
            placement.lookup = Some(self.routing.find(now, &placement.key.0));
        }
    }

    /// Asks as many more as are still missing.
    fn place_more(&mut self, now: Time, job: u64) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        while placement.holders.len().saturating_add(placement.in_flight) < placement.copies {
            let Some(contact) = placement.candidates.pop_front() else {
                break;
            };
            let seed = contact.seed;
            let known = placement.holders.contains(&seed) || seed == self.me;
            let unfit = known || self.pods.contains(&seed);
            if !unfit && self.routing.stores(&seed) != Some(false) {
                placement.in_flight = placement.in_flight.saturating_add(1);
                self.routing
                    .ask_store(now, &contact, placement.question.clone(), job);
            }
        }
    }

    fn end_placement(&mut self, job: u64) {
        if let Some(placement) = self.placements.remove(&job)
            && placement.report_at_ms.is_some()
        {
            self.report(Event::Stored {
                id: placement.id,
                receipts: placement.holders.len(),
            });
        }
    }

    /// One of those asked has answered, or has not.
    pub(super) fn placed(
        &mut self,
        now: Time,
        about: u64,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let (job, forwarded) = (about & !FORWARDED, about & FORWARDED != 0);
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        if forwarded {
            placement.forwarding.remove(&seed);
        } else {
            placement.in_flight = placement.in_flight.saturating_sub(1);
        }
        if let Ok(bytes) = outcome {
            let answer = wire::decode::<StoreAnswer>(&bytes, limit::STORE_BYTES_MAX);
            if let Ok(StoreAnswer::Gone(tombstone)) = &answer
                && record_store::is_of(tombstone, &placement.key, &placement.deletion_hash)
            {
                // Whoever it was for has it: nobody needs to keep it any more.
                placement.copies = placement.holders.len();
            }
            let is_too_far = matches!(answer, Ok(StoreAnswer::Rejected(Rejection::TooFar)));
            match answer.and_then(|answer| placement.promises(&seed, answer, forwarded)) {
                // Another link may lead there, and costs no dial.
                Ok(_) if forwarded && is_too_far => self.forward_store(now, job, 1),
                Ok(receipts) => self.promised(job, receipts),
                Err(_) => self.routing.blame(now, seed),
            }
        }
        self.settle_placement(now, job);
    }

    /// These have promised. What we or a pod of ours promise is no news, nor is it twice the same.
    fn promised(&mut self, job: u64, receipts: Vec<Receipt>) {
        for receipt in receipts {
            let Some(placement) = self.placements.get_mut(&job) else {
                return;
            };
            let seed = receipt.seed;
            if seed != self.me && !self.pods.contains(&seed) && placement.holders.insert(seed) {
                let id = placement.id;
                self.report(Event::Receipt { id, receipt });
            }
        }
    }

    /// Does what time asks for in a store.
    pub(super) fn tick_placement(&mut self, now: Time, job: u64) {
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
        let is_due = |at_ms: u64| at_ms <= now.mono_ms;
        let again = placement.again_at_ms.is_some_and(is_due);
        let direct = placement.direct_at_ms.is_some_and(is_due);
        if again {
            placement.again_at_ms = None;
            self.forward_store(now, job, limit::FORWARDS.saturating_sub(1));
        }
        if direct {
            self.begin_direct(now, job);
        }
        let Some(placement) = self.placements.get_mut(&job) else {
            return;
        };
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
            let (id, receipts) = (placement.id, placement.holders.len());
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
    /// The promises in an answer that hold. A polite no is none.
    ///
    /// Whoever was asked for one copy promises for itself. Whoever forwarded passes on what
    /// others signed: those that do not hold are not its fault, its own is.
    fn promises(
        &self,
        seed: &SeedId,
        answer: StoreAnswer,
        forwarded: bool,
    ) -> Result<Vec<Receipt>, Rejection> {
        let receipts = match answer {
            StoreAnswer::Rejected(_) | StoreAnswer::Gone(_) => return Ok(Vec::new()),
            StoreAnswer::Kept(receipts) => receipts,
            _ => return Err(Rejection::Malformed),
        };
        let most = if forwarded { limit::HOLDERS } else { 1 };
        let own = |receipt: &Receipt| forwarded || receipt.seed == *seed;
        if receipts.is_empty() || receipts.len() > most || !receipts.iter().all(own) {
            return Err(Rejection::Malformed);
        }
        let mut good = Vec::new();
        for receipt in receipts {
            let holder = receipt.seed;
            // Both ways as a rule lead to the same holders, and checking has a price.
            if self.holders.contains(&holder) {
                continue;
            }
            match receipt::check(&receipt, &self.key, self.expires_h, &holder) {
                Ok(()) => good.push(receipt),
                Err(why) if holder == *seed => return Err(why),
                Err(_) => {}
            }
        }
        Ok(good)
    }
}
