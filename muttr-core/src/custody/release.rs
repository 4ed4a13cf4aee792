//! Releasing: pods, and over links toward the key its holders, are told that a record may go.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{Custody, door::Event, record_store::Waiter};
use crate::{
    limit,
    name::{RecordKey, SeedId},
    rejection::Rejection,
    routing::{Contact, Silence},
    time::Time,
    wire::{
        self,
        store::{Release, StoreAnswer, StoreAsk, Tombstone},
    },
};

/// A release of ours under way.
#[derive(Debug)]
pub(super) struct Releasing {
    id: u64,
    key: RecordKey,
    question: Vec<u8>,
    asked: BTreeSet<SeedId>,
    in_flight: usize,
    heard: usize,
}

impl Custody {
    /// Tells everyone who may hold a record that it may go.
    pub(super) fn begin_release(&mut self, now: Time, id: u64, tombstone: Tombstone) {
        let job = self.job_number();
        self.records.give_up(now, &tombstone, Waiter::Forward(job));
        if self.releases.len() >= limit::RELEASES_MAX {
            return self.report(Event::Released { id, heard: 0 });
        }
        let key = tombstone.key;
        let question = StoreAsk::Release(Release {
            tombstone,
            hops: self.feigned_hops(),
        });
        let question = wire::encode(&question);
        let pods = self.pods.clone();
        let releasing = Releasing {
            id,
            key,
            question: question.clone(),
            asked: pods.clone(),
            in_flight: pods.len(),
            heard: 0,
        };
        self.releases.insert(job, releasing);
        for seed in pods {
            let contact = Contact {
                seed,
                addresses: Vec::new(),
            };
            self.routing.ask_store(now, &contact, question.clone(), job);
        }
        self.release_ways(now, job, limit::FORWARDS);
        self.settle_release(job);
    }

    /// Forwards a release over so many links more.
    fn release_ways(&mut self, now: Time, job: u64, count: usize) {
        let Some(releasing) = self.releases.get(&job) else {
            return;
        };
        let most = self.pods.len().saturating_add(limit::FORWARDS_MAX);
        let room = most.saturating_sub(releasing.asked.len());
        let fit = |seed: &SeedId| !releasing.asked.contains(seed);
        let ways = self.first_hops(&releasing.key, count.min(room), fit);
        for seed in ways {
            let Some(releasing) = self.releases.get_mut(&job) else {
                return;
            };
            releasing.asked.insert(seed);
            releasing.in_flight = releasing.in_flight.saturating_add(1);
            let question = releasing.question.clone();
            self.routing.ask_linked(now, seed, question, job);
        }
    }

    /// One of those told has answered, or has not.
    pub(super) fn release_heard(
        &mut self,
        now: Time,
        job: u64,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let Some(releasing) = self.releases.get_mut(&job) else {
            return;
        };
        releasing.in_flight = releasing.in_flight.saturating_sub(1);
        let answer = outcome.map(|bytes| wire::decode(&bytes, limit::STORE_BYTES_MAX));
        match answer {
            Ok(Ok(StoreAnswer::Released)) => releasing.heard = releasing.heard.saturating_add(1),
            Ok(Ok(StoreAnswer::Rejected(Rejection::TooFar))) => self.release_ways(now, job, 1),
            Ok(Ok(StoreAnswer::Rejected(_))) | Err(_) => {}
            Ok(Ok(_) | Err(_)) => self.routing.blame(now, seed),
        }
        self.settle_release(job);
    }

    fn settle_release(&mut self, job: u64) {
        let is_over = |releasing: &Releasing| releasing.in_flight == 0;
        if self.releases.get(&job).is_some_and(is_over)
            && let Some(Releasing { id, heard, .. }) = self.releases.remove(&job)
        {
            self.report(Event::Released { id, heard });
        }
    }
}
