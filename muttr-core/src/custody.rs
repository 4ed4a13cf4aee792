//! What is stored where, who signed for it, how it is found again.
//!
//! Custody is a machine inside two others, the seed and the pod. It contains [`crate::routing`],
//! and with it all links to other seeds. Its parent hands it `Linked`, `Unlinked` and `Frame` of
//! [`Link::Seed`], and of `Kept` and `Recalled` those whose number it [owns](Custody::owns).
//!
//! - A *store* forwards the record over an open link toward its key, over another if that is not
//!   enough, and waits for the receipts of its holders. For what is then missing it looks up the
//!   seeds closest to the key and asks them itself, the next closest in the place of each that says
//!   no or nothing ([`Command::Store`]).
//! - A *fetch* asks our own record store, the pods, over two open links toward the key and pods of
//!   other places, over more such links, then the closest seeds ([`Command::Fetch`]).
//! - A *forwarder* passes on what others store and fetch, and at the end of the way places it or
//!   looks for it among its neighbours.
//! - A *count* asks over two open links toward the key who holds a record now, and believes it
//!   once one of those named has handed it over ([`Command::Count`]).
//! - A *release* tells holders that a record may go: who it was for has it ([`Command::Release`]).
//! - A *stamp* goes with each record that is stored, and stays beside each copy; what comes without
//!   one is neither kept nor passed on.
//! - *Repair* makes copies of what has become rare among linked neighbours.
//! - A *holder* signs a receipt only for what is durable, once for each time it is asked.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::fmt;

mod count;
mod door;
mod fetch;
mod forward;
mod placement;
pub mod receipt;
mod record_store;
mod release;
mod repair;
mod stamping;

use count::Counts;
pub use count::is_released_by;
pub use door::{Command, Config, Contact, Event, Stats, Tally};
use fetch::Fetch;
use forward::Forward;
use placement::Placement;
use record_store::{Done, RecordStore, Waiter};
use release::Releasing;
use repair::Repair;
use stamping::Mill;

pub use crate::routing::Listed;
use crate::{
    limit,
    machine::{Frame, Input, Link, Machine, Output, Protocol},
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::{Found, Routing, Told},
    time::{Time, earliest},
    wire::{
        self,
        store::{StoreAnswer, StoreAsk},
    },
};

/// The machine. See the module's documentation.
pub struct Custody {
    space: u8,
    me: SeedId,
    here: Position,
    routing: Routing,
    records: RecordStore,
    pods: BTreeSet<SeedId>,
    jobs_begun: u64,
    stores_max: usize,
    mill: Mill,
    placements: BTreeMap<u64, Placement>,
    fetches: BTreeMap<u64, Fetch>,
    forwards: BTreeMap<u64, Forward>,
    releases: BTreeMap<u64, Releasing>,
    counts: Counts,
    /// What is held here is beside the copies of seeds, not one of them.
    is_pod: bool,
    repair: Repair,
    forwards_max: usize,
    /// See [`Config::around`].
    around: (usize, usize),
    /// See [`Config::doubts`].
    doubts: bool,
    /// Something about what is held has changed and was not reported yet.
    changed: bool,
    outputs: VecDeque<Output<Event>>,
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custody")
            .field("me", &self.me)
            .field("stats", &self.stats())
            .finish()
    }
}

impl Custody {
    /// A machine that has not been started.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            space: config.space,
            me: config.me,
            here: config.me.position(),
            routing: Routing::new(
                config.space,
                config.me,
                config.links_max,
                config.direct,
                config.random,
            ),
            records: RecordStore::new(&config),
            pods: BTreeSet::new(),
            jobs_begun: 0,
            stores_max: config.stores_max,
            mill: Mill::new(config.stamp_bits),
            placements: BTreeMap::new(),
            fetches: BTreeMap::new(),
            forwards: BTreeMap::new(),
            releases: BTreeMap::new(),
            counts: Counts::default(),
            is_pod: !config.repairs,
            repair: Repair::new(config.repairs),
            forwards_max: config.forwards_max,
            around: config.around,
            doubts: config.doubts,
            changed: false,
            outputs: VecDeque::new(),
        }
    }

    /// Whether a ticket or a question bears a number issued here.
    #[must_use]
    pub const fn owns(&self, number: u64) -> bool {
        number >> 56 == self.space as u64
    }

    /// Whether we hold a record, durably.
    #[must_use]
    pub fn held(&self, key: &RecordKey) -> bool {
        self.records.holds(key)
    }

    /// Whether a record was released that we held.
    #[must_use]
    pub fn released(&self, key: &RecordKey) -> bool {
        self.records.is_released(key)
    }

    /// Expiry in hours since 1970 and length in bytes of a record that we hold, durably.
    #[must_use]
    pub fn measure(&self, key: &RecordKey) -> Option<(u32, u64)> {
        self.records.measure(key)
    }

    /// The routing table, closest to us first.
    #[must_use]
    pub fn seeds(&self) -> Vec<Listed> {
        self.routing.seeds()
    }

    /// Figures for whoever looks on.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (records, bytes) = self.records.held();
        Stats {
            records,
            bytes,
            seeds: self.routing.seeds_len(),
            links: self.routing.links_up(),
            lookups: self.routing.lookups_len(),
            jobs: self.placements.len().saturating_add(self.fetches.len()),
        }
    }

    fn report(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    const fn job_number(&mut self) -> u64 {
        self.jobs_begun = self.jobs_begun.saturating_add(1);
        self.jobs_begun
    }

    fn command(&mut self, now: Time, command: Command) {
        match command {
            Command::Start => self.records.load(),
            Command::Join(contacts) => self.routing.join(now, contacts),
            Command::Stamp { id, key } => self.begin_stamp(now, id, key),
            Command::Store {
                id,
                record,
                stamp,
                copies,
            } => self.begin_store(now, id, record, stamp, copies),
            Command::Fetch { id, key } => self.fetch(now, id, key),
            Command::Keep { id, record, stamp } => {
                self.records.keep(now, record, stamp, Waiter::Local(id));
            }
            Command::Release { id, tombstone } => self.begin_release(now, id, tombstone),
            Command::Count {
                id,
                key,
                deletion_hash,
                pods,
            } => self.begin_count(now, id, (key, deletion_hash), &pods),
            Command::Quota { bytes_max } => self.records.set_quota(now, bytes_max),
            Command::Pod(seed) => {
                if self.pods.len() < limit::REMEMBERED_SEEDS_MAX {
                    self.pods.insert(seed);
                    self.routing.pin(seed);
                }
            }
            Command::Known(contacts) => self.routing.hear(contacts),
            Command::Elsewhere(contacts) => self.routing.know_pods(contacts),
        }
    }

    // Questions of others.

    fn take_ask(&mut self, now: Time, link: Link, id: u64, protocol: Protocol, bytes: &[u8]) {
        let Link::Seed(seed) = link else {
            return self
                .outputs
                .push_back(Output::Send(link, Frame::NoAnswer(id)));
        };
        // Nobody takes our outputs: first we only say so, then not even that.
        if self.outputs.len() >= limit::OUTPUTS_MAX.saturating_mul(2) {
            return;
        }
        let is_full = self.outputs.len() >= limit::OUTPUTS_MAX;
        match protocol {
            Protocol::Routing => {
                let answer = if is_full {
                    None
                } else {
                    self.routing.answer_ask(now, seed, bytes)
                };
                let frame = answer.map_or(Frame::NoAnswer(id), |bytes| Frame::Answer(id, bytes));
                self.outputs.push_back(Output::Send(link, frame));
            }
            Protocol::Store if is_full || !self.records.has_patience(&link) => {
                self.answer(link, id, &StoreAnswer::Rejected(Rejection::Busy));
            }
            Protocol::Store => {
                self.routing.touch(now, seed);
                if let Err(rejection) = self.take_store_ask(now, link, id, bytes) {
                    // What is only newer than we are is nobody's fault.
                    if rejection != Rejection::Unsupported {
                        self.routing.blame(now, seed);
                    }
                    self.answer(link, id, &StoreAnswer::Rejected(rejection));
                }
            }
        }
    }

    /// An error here is a breach of the protocol, not a refusal.
    fn take_store_ask(
        &mut self,
        now: Time,
        link: Link,
        id: u64,
        bytes: &[u8],
    ) -> Result<(), Rejection> {
        let in_bounds = |hops: u8| {
            if hops > limit::HOPS_MAX {
                Err(Rejection::Malformed)
            } else {
                Ok(())
            }
        };
        match wire::store::read_ask(bytes)? {
            StoreAsk::Put(put) => {
                in_bounds(put.hops)?;
                self.take_put(now, (link, id), &put)?;
            }
            StoreAsk::Get(get) => {
                in_bounds(get.hops)?;
                let is_last = get.hops == limit::HOPS_MAX || !self.records.is_loaded();
                if is_last || self.records.offers(now, &get.key) {
                    self.records.get(now, get.key, Waiter::Peer(link, id));
                } else if self.records.is_released(&get.key) {
                    self.answer(link, id, &StoreAnswer::Rejected(Rejection::Released));
                } else if self.may_forward(&link) {
                    self.forward_get(now, (link, id), get.key, get.hops);
                } else {
                    self.answer(link, id, &StoreAnswer::Rejected(Rejection::Busy));
                }
            }
            StoreAsk::Release(release) => {
                in_bounds(release.hops)?;
                if release.tombstone.token.len() != limit::TOKEN_BYTES {
                    return Err(Rejection::Malformed);
                }
                if self.records.is_loaded() && self.may_forward(&link) {
                    self.forward_release(now, (link, id), release);
                } else {
                    self.answer(link, id, &StoreAnswer::Rejected(Rejection::Busy));
                }
            }
            StoreAsk::Digest(digest) => self.take_digest(now, (link, id), &digest)?,
            StoreAsk::Count(count) => {
                in_bounds(count.hops)?;
                self.take_count(now, (link, id), &count);
            }
            StoreAsk::Have(keys) if keys.len() > limit::HAVE_KEYS_MAX => {
                return Err(Rejection::Malformed);
            }
            StoreAsk::Have(keys) => {
                let answer = if self.records.is_loaded() {
                    let have = keys.iter().map(|key| self.records.offers(now, key));
                    StoreAnswer::Have(have.collect())
                } else {
                    StoreAnswer::Rejected(Rejection::Busy)
                };
                self.answer(link, id, &answer);
            }
        }
        Ok(())
    }

    fn answer(&mut self, link: Link, id: u64, answer: &StoreAnswer) {
        self.answer_bytes((link, id), wire::encode(answer));
    }

    fn answer_bytes(&mut self, (link, id): (Link, u64), answer: Vec<u8>) {
        let frame = Frame::Answer(id, answer);
        self.outputs.push_back(Output::Send(link, frame));
    }

    // What became of what was begun.

    fn take_done(&mut self, now: Time, done: Done) {
        match done {
            Done::Loaded => self.report(Event::Ready),
            Done::Changed => {
                self.changed = true;
                self.repair.disturb();
            }
            Done::Kept(Waiter::Local(id), result) => self.report(Event::Kept { id, result }),
            Done::Kept(Waiter::Forward(job), result) => self.forward_kept(now, job, result),
            Done::Released(Waiter::Forward(job), result) => {
                self.forward_gave_up(now, job, result);
            }
            Done::Got(Waiter::Forward(job), result) => self.copy_read(now, job, result),
            Done::Released(..) => {}
            Done::Kept(Waiter::Peer(link, id), result) => {
                let answer = match result {
                    Ok(receipt) => StoreAnswer::Kept([receipt].into()),
                    Err(rejection) => StoreAnswer::Rejected(rejection),
                };
                self.answer(link, id, &answer);
            }
            Done::Got(Waiter::Local(job), result) => self.fetched_here(now, job, result),
            Done::Got(Waiter::Peer(link, id), result) => {
                let answer = match result {
                    Ok(record) => StoreAnswer::Record(record.into_bytes().into()),
                    Err(rejection) => StoreAnswer::Rejected(rejection),
                };
                self.answer(link, id, &answer);
            }
        }
    }

    fn take_found(&mut self, now: Time, found: Found) {
        let Found { lookup, seeds } = found;
        let store = self
            .placements
            .iter()
            .find(|(_, placement)| placement.awaits(lookup));
        let fetch = self.fetches.iter().find(|(_, fetch)| fetch.awaits(lookup));
        match (store.map(|(job, _)| *job), fetch.map(|(job, _)| *job)) {
            (Some(job), _) => self.place(now, job, seeds),
            (None, Some(job)) => self.fetch_from(now, job, seeds),
            (None, None) => self.sample_found(now, lookup, &seeds),
        }
    }

    fn take_told(&mut self, now: Time, told: Told) {
        let Told {
            about,
            seed,
            outcome,
        } = told;
        if self
            .placements
            .contains_key(&(about & !placement::FORWARDED))
        {
            self.placed(now, about, seed, outcome);
        } else if self.forwards.contains_key(&about) {
            self.forwarded(now, about, seed, outcome);
        } else if self.releases.contains_key(&about) {
            self.release_heard(now, about, seed, outcome);
        } else if let Some(asked) = self.counts.take_asked(about) {
            self.count_heard(now, asked, seed, outcome);
        } else if self.repair.is_copying(about) {
            self.copied(now, about, seed, outcome);
        } else if self.repair.is_telling(about, &seed) {
            self.digested(now, seed, outcome);
        } else {
            self.fetched(now, about, seed, outcome);
        }
    }

    fn tick_jobs(&mut self, now: Time) {
        let due = |wake_ms: Option<u64>| wake_ms.is_some_and(|at_ms| at_ms <= now.mono_ms);
        let stores = self.placements.iter().filter(|(_, job)| due(job.wake_ms()));
        let stores: Vec<u64> = stores.map(|(number, _)| *number).collect();
        for job in stores {
            self.tick_placement(now, job);
        }
        let fetches = self.fetches.iter().filter(|(_, job)| due(job.wake_ms()));
        let fetches: Vec<u64> = fetches.map(|(number, _)| *number).collect();
        for job in fetches {
            self.tick_fetch(now, job);
        }
        let forwards = self.forwards.iter().filter(|(_, job)| due(job.wake_ms()));
        let forwards: Vec<u64> = forwards.map(|(number, _)| *number).collect();
        for job in forwards {
            self.tick_forward(now, job);
        }
        self.tick_counts(now);
    }

    /// Lets one thing lead to the next, until nothing is left to do now.
    fn settle(&mut self, now: Time) {
        self.grind(now);
        self.tick_jobs(now);
        self.tick_repair(now);
        loop {
            self.routing.tick(now);
            self.records.tick(now);
            if let Some(done) = self.records.poll_done() {
                self.take_done(now, done);
            } else if let Some(found) = self.routing.poll_found() {
                self.take_found(now, found);
            } else if let Some(told) = self.routing.poll_told() {
                self.take_told(now, told);
            } else {
                break;
            }
        }
        if core::mem::take(&mut self.changed) {
            let (records, bytes) = self.records.held();
            self.report(Event::Held { records, bytes });
        }
        while let Some(output) = self.routing.poll().or_else(|| self.records.poll()) {
            match output.lift() {
                Ok(output) => self.outputs.push_back(output),
                Err(never) => match never {},
            }
        }
    }
}

impl Machine for Custody {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<Command>) {
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Linked(Link::Seed(seed), traits) => {
                self.repair_linked(now, seed, traits.stores);
                self.routing.linked(now, seed, traits);
            }
            Input::Unlinked(Link::Seed(seed)) => {
                self.repair_unlinked(&seed);
                self.routing.unlinked(now, &seed);
            }
            Input::Frame(link, Frame::Ask(id, protocol, bytes)) => {
                self.take_ask(now, link, id, protocol, &bytes);
            }
            Input::Frame(Link::Seed(seed), Frame::Answer(id, bytes)) => {
                self.routing.answer(now, &seed, id, bytes);
            }
            Input::Frame(Link::Seed(seed), Frame::NoAnswer(id)) => {
                self.routing.no_answer(now, &seed, id);
            }
            Input::Kept(ticket, kept) => self.records.kept(now, ticket, kept),
            Input::Recalled(ticket, rows) => self.records.recalled(now, ticket, rows),
            Input::Linked(Link::Channel(_), _)
            | Input::Unlinked(Link::Channel(_))
            | Input::Frame(..)
            | Input::Tick => {}
        }
        self.settle(now);
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<u64> {
        let stores = self
            .placements
            .values()
            .filter_map(Placement::wake_ms)
            .min();
        let fetches = self.fetches.values().filter_map(Fetch::wake_ms).min();
        let forwards = self.forwards.values().filter_map(Forward::wake_ms).min();
        let machines = earliest(self.routing.deadline(), self.records.deadline());
        let own = earliest(forwards, self.repair.deadline());
        let own = earliest(own, self.counts.deadline());
        let own = earliest(own, self.mill.deadline());
        earliest(earliest(machines, own), earliest(stores, fetches))
    }
}

#[cfg(test)]
mod tests;
