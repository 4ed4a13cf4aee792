//! Making copies: within a budget, a few at a time.

use alloc::vec::Vec;

use super::{Put, Repair, StoreAnswer, StoreAsk, place_of};
use crate::{
    custody::{
        Custody,
        record_store::{self, Waiter},
    },
    envelope::record::Record,
    limit,
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::Silence,
    time::Time,
    wire,
};

/// For whom copies of a record are to be made.
#[derive(Debug, Default)]
pub(super) struct Wish {
    targets: Vec<SeedId>,
    /// Copies that each is to place beside its own; 0 for neighbours who are to keep it.
    spread: u8,
}

/// A record of which copies are being made.
#[derive(Debug)]
pub(in crate::custody) struct Copying {
    key: RecordKey,
    /// The targets are taken out once they were asked.
    wish: Wish,
    deletion_hash: [u8; 32],
    in_flight: usize,
}

impl Repair {
    /// Notes copies to be made; what finds no place here is found again.
    pub(super) fn enqueue(&mut self, key: RecordKey, targets: Vec<SeedId>, spread: u8) {
        if let Some(Wish { targets: known, .. }) = self.queue.get_mut(&key) {
            for target in targets {
                if !known.contains(&target) && known.len() < limit::HOLDERS {
                    known.push(target);
                }
            }
        } else if self.queue.len() < limit::REPAIR_QUEUE_MAX {
            self.queue.insert(key, Wish { targets, spread });
        }
    }

    /// What was sent counts.
    pub(super) fn spend(&mut self, bytes: &[u8]) {
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.budget = self.budget.saturating_sub(bytes);
    }

    fn earn(&mut self, now: Time) {
        let passed_ms = now.mono_ms.saturating_sub(self.budget_ms);
        let earned = limit::REPAIR_BYTES_PER_DAY.saturating_mul(passed_ms) / limit::DAY_MS;
        self.budget_ms = now.mono_ms;
        let budget = self.budget.saturating_add(earned);
        self.budget = budget.min(limit::REPAIR_BYTES_BURST);
    }
}

impl Custody {
    /// Begins as many copies as may be made at once.
    pub(super) fn copy_more(&mut self, now: Time) {
        self.repair.earn(now);
        let largest = u64::try_from(limit::STORE_BYTES_MAX).unwrap_or(u64::MAX);
        while self.repair.copying.len() < limit::REPAIR_COPIES_MAX && self.repair.budget >= largest
        {
            let Some((key, wish)) = self.repair.queue.pop_first() else {
                return;
            };
            // What came without a stamp stays where it is: nobody would take it.
            if self.records.stamp(&key).is_none() {
                continue;
            }
            let job = self.job_number();
            let copying = Copying {
                key,
                wish,
                deletion_hash: [0; 32],
                in_flight: 0,
            };
            self.repair.copying.insert(job, copying);
            self.records.get(now, key, Waiter::Forward(job));
        }
    }

    /// The record was read, or could not be.
    pub(in crate::custody) fn copy_read(
        &mut self,
        now: Time,
        job: u64,
        result: Result<Record, Rejection>,
    ) {
        let Some(copying) = self.repair.copying.get_mut(&job) else {
            return;
        };
        let targets = core::mem::take(&mut copying.wish.targets);
        if let (Ok(record), Some(stamp)) = (result, self.records.stamp(&copying.key)) {
            copying.deletion_hash = *record.deletion_hash();
            copying.in_flight = targets.len();
            let question = wire::encode(&StoreAsk::Put(Put {
                record: record.into_bytes(),
                stamp: stamp.to_bytes(),
                hops: 0,
                spread: copying.wish.spread,
            }));
            for seed in targets {
                self.repair.spend(&question);
                self.routing.ask_linked(now, seed, question.clone(), job);
            }
        }
        self.settle_copying(now, job);
    }

    /// Somebody has taken a copy, or has not.
    pub(in crate::custody) fn copied(
        &mut self,
        now: Time,
        job: u64,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let Some(copying) = self.repair.copying.get_mut(&job) else {
            return;
        };
        copying.in_flight = copying.in_flight.saturating_sub(1);
        let (key, hash, spread) = (copying.key, copying.deletion_hash, copying.wish.spread);
        let answer = outcome.map(|bytes| wire::decode(&bytes, limit::STORE_BYTES_MAX));
        match answer {
            Err(_) | Ok(Ok(StoreAnswer::Rejected(_))) => {}
            // It is where it belongs as well. Who holds it there is not for us to count.
            Ok(Ok(StoreAnswer::Kept(receipts)))
                if spread > 0 && receipts.iter().all(|receipt| receipt.key == key) =>
            {
                self.repair.homed.insert(place_of(&Position::of(&key.0)));
            }
            Ok(Ok(StoreAnswer::Kept(receipts)))
                if receipts
                    .iter()
                    .all(|receipt| receipt.key == key && receipt.seed == seed) =>
            {
                if let Some(neighbour) = self.repair.neighbours.get_mut(&seed) {
                    neighbour.given.insert(place_of(&Position::of(&key.0)));
                }
            }
            // It was released meanwhile, and here is the proof.
            Ok(Ok(StoreAnswer::Gone(tombstone)))
                if record_store::is_of(&tombstone, &key, &hash) =>
            {
                self.records.give_up(now, &tombstone, Waiter::Forward(0));
            }
            Ok(_) => self.routing.blame(now, seed),
        }
        self.settle_copying(now, job);
    }

    fn settle_copying(&mut self, now: Time, job: u64) {
        let copying = self.repair.copying.get(&job);
        if copying.is_some_and(|copying| copying.in_flight == 0) {
            self.repair.copying.remove(&job);
            self.copy_more(now);
        }
    }
}
