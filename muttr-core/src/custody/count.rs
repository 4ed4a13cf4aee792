//! Counting: who holds a record is asked over links toward its key, and pods are asked
//! themselves.
//!
//! What comes back is hearsay: a forwarder can name seeds that never were. So whoever counts
//! chooses one of those named by chance and has it hand the record over. Where that fails, the
//! answer is worth nothing, and whoever gave it is remembered for it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use serde_bytes::ByteBuf;

use super::{
    Custody,
    door::{Event, Tally},
    forward::Asker,
    record_store::{self, Waiter},
};
use crate::{
    envelope::record,
    limit,
    machine::Address,
    name::{RecordKey, SeedId},
    rejection::Rejection,
    routing::{Contact, Silence},
    time::Time,
    wire::{
        self,
        store::{Count, Get, Holder, StoreAnswer, StoreAsk, Tombstone},
    },
};

/// Our own counts under way.
#[derive(Debug, Default)]
pub(super) struct Counts {
    jobs: BTreeMap<u64, Counting>,
    /// Questions under way: of which count, and for what.
    asked: BTreeMap<u64, Asked>,
    /// Lookups under way, each of somebody who is to be read back; whether they did not answer
    /// where they were said to be.
    lookups: BTreeMap<u64, (u64, SeedId, bool)>,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    job: u64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Who holds it.
    Way,
    /// Whether this pod does.
    Pod,
    /// To hand it over; whether it had to be looked up.
    Sample(bool),
}

#[derive(Debug)]
struct Counting {
    id: u64,
    key: RecordKey,
    deletion_hash: [u8; 32],
    /// Never counted as seeds.
    pods: BTreeSet<SeedId>,
    /// Over whose links the question was forwarded.
    ways: BTreeSet<SeedId>,
    /// Answers that name somebody and are not confirmed yet.
    claims: Vec<Claim>,
    tally: Tally,
    /// Questions and lookups that have not ended.
    open: usize,
    end_at_ms: u64,
}

/// What was said, by whom, and who of those named is to prove it.
#[derive(Debug)]
struct Claim {
    by: Vec<SeedId>,
    named: Vec<SeedId>,
    sample: SeedId,
}

/// Somebody as it is named in an answer.
pub(super) fn holder(seed: SeedId, addresses: &[Address]) -> Holder {
    let addresses = addresses.iter().take(limit::COUNTED_ADDRESSES_MAX);
    let addresses = addresses.cloned().map(Into::into).collect();
    Holder { seed, addresses }
}

/// Nobody knows where they can be reached themselves; whoever is linked to them does.
pub(super) fn add_addresses(answer: &mut StoreAnswer, seed: &SeedId, addresses: &[Address]) {
    let StoreAnswer::Counted(named) = answer else {
        return;
    };
    for it in named {
        if it.seed == *seed && it.addresses.is_empty() {
            *it = holder(*seed, addresses);
        }
    }
}

/// Whether an answer to a count is one, and about this record.
pub(super) fn is_about(key: &RecordKey, answer: &StoreAnswer) -> bool {
    match answer {
        StoreAnswer::Counted(named) => {
            let each: BTreeSet<&SeedId> = named.iter().map(|it| &it.seed).collect();
            let in_bounds = |it: &Holder| {
                let short = |address: &ByteBuf| address.len() <= limit::ADDRESS_BYTES_MAX;
                it.addresses.len() <= limit::COUNTED_ADDRESSES_MAX && it.addresses.iter().all(short)
            };
            named.len() <= limit::COUNTED_MAX
                && each.len() == named.len()
                && named.iter().all(in_bounds)
        }
        StoreAnswer::Gone(tombstone) => tombstone.key == *key,
        _ => false,
    }
}

/// Whether a tombstone shows that the record with this key and deletion hash was released.
#[must_use]
pub fn is_released_by(tombstone: &Tombstone, key: &RecordKey, deletion_hash: &[u8; 32]) -> bool {
    record_store::is_of(tombstone, key, deletion_hash)
}

impl Counts {
    /// What a question was for, if it was one of ours.
    pub(super) fn take_asked(&mut self, about: u64) -> Option<Asked> {
        self.asked.remove(&about)
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.jobs.values().map(|count| count.end_at_ms).min()
    }
}

impl Custody {
    /// Somebody wants to know who holds a record.
    pub(super) fn take_count(&mut self, now: Time, (link, id): Asker, count: &Count) {
        if let Some(tombstone) = self.records.tombstone_at(&count.key) {
            self.answer(link, id, &StoreAnswer::Gone(tombstone));
        } else if self.records.is_loaded() && self.may_forward(&link) {
            self.forward_count(now, (link, id), count.key, count.hops);
        } else {
            self.answer(link, id, &StoreAnswer::Rejected(Rejection::Busy));
        }
    }

    /// Begins a count.
    pub(super) fn begin_count(
        &mut self,
        now: Time,
        id: u64,
        (key, deletion_hash): (RecordKey, [u8; 32]),
        pods: &[SeedId],
    ) {
        if self.counts.jobs.len() >= limit::COUNTS_MAX {
            let result = Err(Rejection::Busy);
            return self.report(Event::Counted { id, result });
        }
        let mut pods: BTreeSet<SeedId> = pods.iter().chain(&self.pods).copied().collect();
        pods.remove(&self.me);
        let job = self.job_number();
        let counting = Counting {
            id,
            key,
            deletion_hash,
            pods: pods.clone(),
            ways: BTreeSet::new(),
            claims: Vec::new(),
            tally: Tally {
                gone: self.records.tombstone_at(&key),
                ..Tally::default()
            },
            open: 0,
            end_at_ms: now.after(limit::COUNT_MS_MAX),
        };
        let over = counting.tally.gone.is_some();
        self.counts.jobs.insert(job, counting);
        if over {
            return self.end_count(job);
        }
        let question = StoreAsk::Have([key].into());
        for pod in pods {
            self.count_ask(now, job, What::Pod, pod, &question);
        }
        self.count_ways(now, job, limit::FORWARDS);
        self.settle_count(job);
    }

    /// Forwards the question over so many links more.
    fn count_ways(&mut self, now: Time, job: u64, count: usize) {
        let hops = self.feigned_hops();
        let Some(counting) = self.counts.jobs.get(&job) else {
            return;
        };
        let key = counting.key;
        let room = limit::FORWARDS_MAX.saturating_sub(counting.ways.len());
        let fit = |seed: &SeedId| !counting.ways.contains(seed);
        let ways = self.first_hops(&key, count.min(room), fit);
        if let Some(counting) = self.counts.jobs.get_mut(&job) {
            counting.ways.extend(&ways);
        }
        let question = StoreAsk::Count(Count { key, hops });
        for seed in ways {
            self.count_ask(now, job, What::Way, seed, &question);
        }
    }

    /// Asks somebody over a link that is up, or else is not answered.
    fn count_ask(&mut self, now: Time, job: u64, what: What, seed: SeedId, question: &StoreAsk) {
        let about = self.note_count_ask(job, what);
        self.routing
            .ask_linked(now, seed, wire::encode(question), about);
    }

    fn note_count_ask(&mut self, job: u64, what: What) -> u64 {
        let about = self.job_number();
        if let Some(counting) = self.counts.jobs.get_mut(&job) {
            counting.open = counting.open.saturating_add(1);
            self.counts.asked.insert(about, Asked { job, what });
        }
        about
    }

    /// One of those asked has answered, or has not.
    pub(super) fn count_heard(
        &mut self,
        now: Time,
        asked: Asked,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let Asked { job, what } = asked;
        let Some(counting) = self.counts.jobs.get_mut(&job) else {
            return;
        };
        counting.open = counting.open.saturating_sub(1);
        let answer = outcome.map(|bytes| {
            let answer = wire::decode::<StoreAnswer>(&bytes, limit::STORE_BYTES_MAX);
            // Something that answers no question of a count.
            answer.unwrap_or(StoreAnswer::Released)
        });
        match (what, answer) {
            (What::Way, Ok(answer)) => self.take_claim(now, job, seed, answer),
            (What::Pod, Ok(StoreAnswer::Have(have))) if have.len() == 1 => {
                if have.iter().any(|has| *has) {
                    counting.tally.pods.push(seed);
                }
            }
            (What::Pod, Ok(StoreAnswer::Rejected(_))) | (What::Way | What::Pod, Err(_)) => {}
            (What::Pod, Ok(_)) => self.routing.blame(now, seed),
            (What::Sample(false), Err(_)) => self.look_up(now, job, seed, true),
            (What::Sample(_), answer) => self.sampled(now, job, seed, answer),
        }
        self.settle_count(job);
    }

    /// Somebody says who holds the record.
    fn take_claim(&mut self, now: Time, job: u64, by: SeedId, answer: StoreAnswer) {
        let Some(counting) = self.counts.jobs.get_mut(&job) else {
            return;
        };
        let is_about = is_about(&counting.key, &answer);
        match answer {
            StoreAnswer::Rejected(Rejection::TooFar) => self.count_ways(now, job, 1),
            StoreAnswer::Rejected(_) => {}
            StoreAnswer::Gone(tombstone)
                if record_store::is_of(&tombstone, &counting.key, &counting.deletion_hash) =>
            {
                // What we hold ourselves is not needed either.
                self.records.give_up(now, &tombstone, Waiter::Forward(0));
                counting.tally.gone = Some(tombstone);
            }
            StoreAnswer::Counted(mut holders) if is_about => {
                let is_pod =
                    |it: &Holder| counting.pods.contains(&it.seed) || self.routing.is_pod(&it.seed);
                holders.retain(|it| it.seed != self.me && !is_pod(it));
                holders.sort_unstable_by_key(|it| it.seed);
                let named: Vec<SeedId> = holders.iter().map(|it| it.seed).collect();
                let same = |claim: &&mut Claim| claim.named == named;
                if let Some(claim) = counting.claims.iter_mut().find(same) {
                    return claim.by.push(by);
                }
                let bound = u64::try_from(named.len()).unwrap_or_default();
                let chosen = usize::try_from(self.routing.chance(bound)).unwrap_or_default();
                if chosen < holders.len() {
                    let Holder { seed, addresses } = holders.swap_remove(chosen);
                    let (by, sample) = ([by].into(), seed);
                    counting.claims.push(Claim { by, named, sample });
                    let addresses = addresses.into_iter().map(ByteBuf::into_vec).collect();
                    self.ask_sample(now, job, &Contact { seed, addresses });
                }
            }
            _ => self.routing.blame(now, by),
        }
    }

    /// Has somebody who was named hand the record over. Of whom nobody knows where they are is
    /// looked up first.
    fn ask_sample(&mut self, now: Time, job: u64, sample: &Contact) {
        let known = !self.routing.addresses(&sample.seed).is_empty();
        if known || !sample.addresses.is_empty() {
            self.ask_back(now, job, sample, false);
        } else {
            self.look_up(now, job, sample.seed, false);
        }
    }

    fn look_up(&mut self, now: Time, job: u64, sample: SeedId, silent: bool) {
        let lookup = self.routing.find(now, &sample.to_peer_id());
        if let Some(counting) = self.counts.jobs.get_mut(&job) {
            counting.open = counting.open.saturating_add(1);
            self.counts.lookups.insert(lookup, (job, sample, silent));
        }
    }

    fn ask_back(&mut self, now: Time, job: u64, contact: &Contact, looked_up: bool) {
        let Some(counting) = self.counts.jobs.get(&job) else {
            return;
        };
        let key = counting.key;
        let hops = limit::HOPS_MAX;
        let question = wire::encode(&StoreAsk::Get(Get { key, hops }));
        let about = self.note_count_ask(job, What::Sample(looked_up));
        self.routing.ask_store(now, contact, question, about);
    }

    /// The lookup of somebody who is to be read back ended.
    pub(super) fn sample_found(&mut self, now: Time, lookup: u64, seeds: &[Contact]) {
        let Some((job, sample, silent)) = self.counts.lookups.remove(&lookup) else {
            return;
        };
        if let Some(counting) = self.counts.jobs.get_mut(&job) {
            counting.open = counting.open.saturating_sub(1);
        }
        match seeds.iter().find(|contact| contact.seed == sample) {
            // There is such a seed, and we do not reach it.
            Some(_) if silent => self.sampled(now, job, sample, Err(Silence::Unlinked)),
            Some(contact) => self.ask_back(now, job, contact, true),
            // Those who were asked a moment ago are there. Who is nowhere was made up.
            None => self.sampled(now, job, sample, Ok(StoreAnswer::Released)),
        }
        self.settle_count(job);
    }

    /// Somebody who was named has handed the record over, or has not.
    fn sampled(
        &mut self,
        now: Time,
        job: u64,
        sample: SeedId,
        answer: Result<StoreAnswer, Silence>,
    ) {
        let Some(counting) = self.counts.jobs.get_mut(&job) else {
            return;
        };
        let key = counting.key;
        let read = answer.map(|answer| match answer {
            StoreAnswer::Record(bytes) => record::parse_as(&key, &bytes).ok(),
            _ => None,
        });
        let claims = core::mem::take(&mut counting.claims);
        let (proved, rest): (Vec<_>, Vec<_>) =
            claims.into_iter().partition(|it| it.sample == sample);
        counting.claims = rest;
        match read {
            Ok(Some(record)) => {
                let named = proved.into_iter().flat_map(|claim| claim.named);
                counting.tally.seeds.extend(named);
                counting.tally.record = Some(record);
            }
            Ok(None) => {
                for seed in proved.into_iter().flat_map(|claim| claim.by) {
                    self.routing.blame(now, seed);
                }
            }
            // Who cannot be reached proves nothing, one way or the other.
            Err(_) => {}
        }
    }

    fn settle_count(&mut self, job: u64) {
        let is_over = |it: &Counting| it.open == 0 || it.tally.gone.is_some();
        if self.counts.jobs.get(&job).is_some_and(is_over) {
            self.end_count(job);
        }
    }

    fn end_count(&mut self, job: u64) {
        let Some(counting) = self.counts.jobs.remove(&job) else {
            return;
        };
        let mut tally = counting.tally;
        tally.seeds.sort_unstable();
        tally.seeds.dedup();
        let (id, result) = (counting.id, Ok(tally));
        self.report(Event::Counted { id, result });
    }

    /// Ends counts that took too long, with what was confirmed.
    pub(super) fn tick_counts(&mut self, now: Time) {
        let late = self.counts.jobs.iter();
        let late = late.filter(|(_, it)| it.end_at_ms <= now.mono_ms);
        let late: Vec<u64> = late.map(|(job, _)| *job).collect();
        for job in late {
            self.end_count(job);
        }
    }
}
