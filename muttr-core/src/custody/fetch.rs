//! Fetching: our own record store first, then the pods, then over links toward the key and the pods
//! of other places, then the seeds closest to it.
//!
//! Whoever wants a record gone can have ids closer to it than all its holders, which say that there
//! is nothing. So a no ends nothing while there is somebody else to ask, the cheapest first: a pod
//! is linked to many seeds, and other links lead to other neighbours. To dial those who are said to
//! be closest comes last, for there the attacker is.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec::Vec,
};

use super::{Custody, door::Event, record_store::Waiter};
use crate::{
    envelope::record::{self, Record},
    limit,
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::{Contact, Silence},
    time::Time,
    wire::{
        self,
        store::{Get, StoreAnswer, StoreAsk},
    },
};

/// A fetch under way.
#[derive(Debug)]
pub(super) struct Fetch {
    id: u64,
    key: RecordKey,
    /// Our own disk is still being asked.
    reading: bool,
    /// The question was forwarded over open links.
    forwarded: bool,
    /// Over how many, so far.
    ways: usize,
    lookup: Option<u64>,
    looked_up: bool,
    candidates: VecDeque<Contact>,
    asked: BTreeSet<SeedId>,
    in_flight: usize,
    /// How many may be asked at once; grows while they are silent.
    parallel: usize,
    patience_ends_ms: u64,
    deadline_ms: u64,
}

impl Fetch {
    pub(super) const fn awaits(&self, lookup: u64) -> bool {
        matches!(self.lookup, Some(own) if own == lookup)
    }

    pub(super) fn wake_ms(&self) -> Option<u64> {
        Some(self.patience_ends_ms.min(self.deadline_ms))
    }
}

impl Custody {
    /// Begins a fetch.
    pub(super) fn fetch(&mut self, now: Time, id: u64, key: RecordKey) {
        if self.fetches.len() >= limit::CUSTODY_FETCHES_MAX {
            return self.report(Event::Fetched {
                id,
                result: Err(Rejection::Busy),
            });
        }
        let job = self.job_number();
        let fetch = Fetch {
            id,
            key,
            reading: true,
            forwarded: false,
            ways: 0,
            lookup: None,
            looked_up: false,
            candidates: VecDeque::new(),
            asked: BTreeSet::new(),
            in_flight: 0,
            parallel: limit::FETCH_PARALLEL,
            patience_ends_ms: now.after(limit::FETCH_PODS_MS),
            deadline_ms: now.after(limit::FETCH_MS_MAX),
        };
        self.fetches.insert(job, fetch);
        self.records.get(now, key, Waiter::Local(job));
    }

    /// Our own record store has it, or has it not.
    pub(super) fn fetched_here(&mut self, now: Time, job: u64, result: Result<Record, Rejection>) {
        let Some(fetch) = self.fetches.get_mut(&job) else {
            return;
        };
        if result.is_ok() {
            return self.end_fetch(job, result);
        }
        // A disk that was slow enough to be passed over has nothing to add.
        if !core::mem::take(&mut fetch.reading) {
            return;
        }
        let pods = self.pods.iter().filter(|pod| **pod != self.me);
        let contact = |seed: &SeedId| Contact {
            seed: *seed,
            addresses: Vec::new(),
        };
        fetch.candidates = pods.map(contact).collect();
        self.fetch_more(now, job);
    }

    /// The lookup of a fetch ended.
    pub(super) fn fetch_from(&mut self, now: Time, job: u64, seeds: Vec<Contact>) {
        let Some(fetch) = self.fetches.get_mut(&job) else {
            return;
        };
        fetch.lookup = None;
        let seeds = seeds.into_iter().take(limit::BUCKET_SEEDS_MAX);
        fetch.candidates.extend(seeds);
        self.fetch_more(now, job);
    }

    /// Asks whoever is next, forwards the question when the pods have said no, looks seeds up when
    /// that led nowhere, and ends the fetch when there is nobody left.
    fn fetch_more(&mut self, now: Time, job: u64) {
        let feigned = self.feigned_hops();
        let Some(fetch) = self.fetches.get_mut(&job) else {
            return;
        };
        if fetch.reading {
            return;
        }
        // Before seeds are looked up, those asked are pods, which look further by themselves.
        let hops = match (fetch.looked_up, fetch.forwarded) {
            (true, _) => limit::HOPS_MAX,
            (false, true) => feigned,
            (false, false) => 0,
        };
        while fetch.in_flight < fetch.parallel {
            let Some(contact) = fetch.candidates.pop_front() else {
                break;
            };
            let seed = contact.seed;
            if self.routing.stores(&seed) != Some(false) && fetch.asked.insert(seed) {
                fetch.in_flight = fetch.in_flight.saturating_add(1);
                let key = fetch.key;
                let question = wire::encode(&StoreAsk::Get(Get { key, hops }));
                self.routing.ask_store(now, &contact, question, job);
            }
        }
        if fetch.in_flight > 0 || fetch.lookup.is_some() {
            return;
        }
        if !fetch.forwarded {
            return self.forward_fetch(now, job);
        }
        let looked_up = fetch.looked_up;
        if !looked_up && self.doubts && self.forward_on(now, job, limit::FORWARDS) {
            return;
        }
        if looked_up {
            self.end_fetch(job, Err(Rejection::NoRecord));
        } else {
            self.begin_lookup(now, job);
        }
    }

    /// Forwards the question over the links that lead closest to the key, and asks pods of other
    /// places, which do the same from where they are.
    fn forward_fetch(&mut self, now: Time, job: u64) {
        if let Some(fetch) = self.fetches.get_mut(&job) {
            fetch.forwarded = true;
            if self.doubts {
                let target = Position::of(&fetch.key.0);
                let elsewhere = self.routing.pods_elsewhere(&target);
                fetch.candidates.extend(elsewhere);
            }
        }
        self.forward_on(now, job, limit::FORWARDS);
        self.fetch_more(now, job);
    }

    /// Forwards the question over so many links more, if there are any.
    fn forward_on(&mut self, now: Time, job: u64, count: usize) -> bool {
        let hops = self.feigned_hops();
        let Some(fetch) = self.fetches.get(&job) else {
            return false;
        };
        let key = fetch.key;
        let room = limit::FORWARDS_MAX.saturating_sub(fetch.ways);
        let fit = |seed: &SeedId| !fetch.asked.contains(seed);
        let first = self.first_hops(&key, count.min(room), fit);
        let question = wire::encode(&StoreAsk::Get(Get { key, hops }));
        if let Some(fetch) = self.fetches.get_mut(&job) {
            fetch.ways = fetch.ways.saturating_add(first.len());
            fetch.in_flight = fetch.in_flight.saturating_add(first.len());
            fetch.asked.extend(&first);
        }
        let any = !first.is_empty();
        for seed in first {
            self.routing.ask_linked(now, seed, question.clone(), job);
        }
        any
    }

    fn begin_lookup(&mut self, now: Time, job: u64) {
        if let Some(fetch) = self.fetches.get_mut(&job)
            && !fetch.looked_up
        {
            fetch.looked_up = true;
            fetch.lookup = Some(self.routing.find(now, &fetch.key.0));
        }
    }

    fn end_fetch(&mut self, job: u64, result: Result<Record, Rejection>) {
        if let Some(fetch) = self.fetches.remove(&job) {
            self.report(Event::Fetched {
                id: fetch.id,
                result,
            });
        }
    }

    /// One of those asked has answered, or has not.
    pub(super) fn fetched(
        &mut self,
        now: Time,
        job: u64,
        seed: SeedId,
        outcome: Result<Vec<u8>, Silence>,
    ) {
        let Some(fetch) = self.fetches.get_mut(&job) else {
            return;
        };
        fetch.in_flight = fetch.in_flight.saturating_sub(1);
        match outcome.map(|bytes| read_answer(&bytes, &fetch.key)) {
            Ok(Answer::Lies(Ok(record))) => return self.end_fetch(job, Ok(record)),
            Ok(Answer::Lies(Err(why))) => {
                // A holder looks at what it takes in; one that is newer may know more than we.
                if why != Rejection::Unsupported {
                    self.routing.blame(now, seed);
                }
                return self.end_fetch(job, Err(why));
            }
            Ok(Answer::Breach) => self.routing.blame(now, seed),
            Ok(Answer::TooFar) if !fetch.looked_up => {
                self.forward_on(now, job, 1);
            }
            Ok(Answer::No | Answer::TooFar) | Err(_) => {}
        }
        self.fetch_more(now, job);
    }

    /// Does what time asks for in a fetch.
    pub(super) fn tick_fetch(&mut self, now: Time, job: u64) {
        let Some(fetch) = self.fetches.get_mut(&job) else {
            return;
        };
        if fetch.deadline_ms <= now.mono_ms {
            return self.end_fetch(job, Err(Rejection::TimedOut));
        }
        if fetch.patience_ends_ms > now.mono_ms {
            return;
        }
        fetch.patience_ends_ms = now.after(limit::FETCH_PODS_MS);
        fetch.parallel = fetch.parallel.saturating_add(limit::FETCH_PARALLEL);
        if fetch.reading {
            return self.fetched_here(now, job, Err(Rejection::TimedOut));
        }
        if !fetch.forwarded {
            return self.forward_fetch(now, job);
        }
        if !fetch.looked_up {
            self.begin_lookup(now, job);
        }
        // Silence is no more of an answer than a no.
        if self.doubts {
            self.forward_on(now, job, limit::FORWARDS);
        }
        self.fetch_more(now, job);
    }
}

/// What an answer comes to.
enum Answer {
    /// What lies under the key: a record, or bytes that are none. Nobody can have others.
    Lies(Result<Record, Rejection>),
    /// A polite no.
    No,
    /// The way ended before it came to the key.
    TooFar,
    /// Something else than was asked for.
    Breach,
}

fn read_answer(bytes: &[u8], key: &RecordKey) -> Answer {
    match wire::decode(bytes, limit::STORE_BYTES_MAX) {
        Ok(StoreAnswer::Rejected(Rejection::TooFar)) => Answer::TooFar,
        Ok(StoreAnswer::Rejected(_)) => Answer::No,
        Ok(StoreAnswer::Record(bytes)) => match record::parse_as(key, &bytes) {
            Err(Rejection::WrongBytes) => Answer::Breach,
            lies => Answer::Lies(lies),
        },
        Ok(_) | Err(_) => Answer::Breach,
    }
}
