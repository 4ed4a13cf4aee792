//! Releasing: pods, and over links toward the key its holders, are told that a record may go.

use alloc::vec::Vec;

use super::{Custody, door::Event, record_store::Waiter};
use crate::{
    limit,
    name::SeedId,
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
        let pods: Vec<SeedId> = self.pods.iter().copied().collect();
        let first = self.first_hops(&tombstone.key, limit::FORWARDS, |seed| !pods.contains(seed));
        let question = StoreAsk::Release(Release {
            tombstone,
            hops: self.feigned_hops(),
        });
        let question = wire::encode(&question);
        let releasing = Releasing {
            id,
            in_flight: pods.len().saturating_add(first.len()),
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
        for seed in first {
            self.routing.ask_linked(now, seed, question.clone(), job);
        }
        self.settle_release(job);
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
