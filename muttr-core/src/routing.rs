//! Kademlia: buckets, lookups, and FIND_NODE on the wire format of libp2p-kad.
//!
//! The key space has 256 bits, a seed's place is the SHA-256 of its binary peer id, distance is
//! XOR: all as in libp2p-kad, so that its peers route with us and we with them. What differs is
//! that a lookup waits for links instead of assuming them, that a link which goes is no death,
//! and that nothing here reads a clock or throws dice of its own.

use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::{convert::Infallible, fmt};

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{
    limit,
    machine::{Address, Output, Protocol},
    name::{Distance, Position, SeedId},
    time::{Time, earliest},
};

mod answer;
mod avoid;
mod bucket;
mod link;
mod lookup;
mod upkeep;
pub mod wire;

use avoid::Avoided;
use bucket::{Buckets, Entry};
pub(crate) use link::Silence;
use link::{Links, Purpose, Reply};
use lookup::Lookup;
use wire::Message;

/// A seed and where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub seed: SeedId,
    /// Binary multiaddrs; may be empty when only a shell knows the way.
    pub addresses: Vec<Address>,
}

impl Contact {
    /// Adds what someone else tells; half of the room is left to each.
    fn merge(&mut self, addresses: Vec<Address>) {
        self.addresses.truncate(limit::ADDRESSES_PER_SEED_MAX / 2);
        for address in addresses
            .into_iter()
            .take(limit::ADDRESSES_PER_SEED_MAX / 2)
        {
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }
}

/// A seed in the routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Who, and where it says it can be reached.
    pub contact: Contact,
    /// A link to it is up.
    pub linked: bool,
    /// It keeps records for others.
    pub stores: bool,
}

/// A lookup of our own: of our place, or of a far part of the key space.
#[derive(Clone, Copy, Debug)]
struct Upkeep {
    is_place: bool,
    /// How many of the closest are looked for, and linked to.
    width: usize,
}

/// What a lookup found: the closest seeds that answered or still may, closest first.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) lookup: u64,
    pub(crate) seeds: Vec<Contact>,
}

/// How a question of [`Routing::ask_store`] ended.
#[derive(Debug)]
pub(crate) struct Told {
    /// The number given with the question.
    pub(crate) about: u64,
    pub(crate) seed: SeedId,
    pub(crate) outcome: Result<Vec<u8>, Silence>,
}

/// The part of a seed that knows the way to others.
pub(crate) struct Routing {
    me: SeedId,
    /// A link that breaks under us takes its seed's good name with it.
    direct: bool,
    links: Links,
    table: Buckets,
    /// Through whom we joined; tried whenever the table knows too few.
    anchors: BTreeMap<SeedId, Vec<Address>>,
    /// Heard of and never linked; tried likewise.
    heard: BTreeMap<SeedId, Vec<Address>>,
    /// Pods of other places.
    pods: BTreeMap<SeedId, Vec<Address>>,
    avoided: Avoided,
    lookups: BTreeMap<u64, Lookup>,
    waiting: VecDeque<(u64, Vec<u8>)>,
    lookups_begun: u64,
    /// Lookups of our own, for upkeep.
    upkeep: BTreeMap<u64, Upkeep>,
    /// Those closest to us that were heard of last, linked or not, closest first.
    around: Vec<SeedId>,
    found: VecDeque<Found>,
    told: VecDeque<Told>,
    refresh_at_ms: Option<u64>,
    /// When to look into far parts of the key space that no link leads into any more.
    far_at_ms: Option<u64>,
    refreshes: u32,
    /// Refreshes in a row that did not bring enough links.
    restless: u32,
    /// Refreshes since the last anchor was linked.
    tries: u32,
    rng: ChaCha20Rng,
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing")
            .field("me", &self.me)
            .field("seeds", &self.table.iter().count())
            .field("lookups", &self.lookups.len())
            .finish_non_exhaustive()
    }
}

impl Routing {
    pub(crate) fn new(
        space: u8,
        me: SeedId,
        links_max: usize,
        direct: bool,
        random: [u8; 32],
    ) -> Self {
        Self {
            me,
            direct,
            links: Links::new(space, links_max),
            table: Buckets::new(me.position()),
            anchors: BTreeMap::new(),
            heard: BTreeMap::new(),
            pods: BTreeMap::new(),
            avoided: Avoided::default(),
            lookups: BTreeMap::new(),
            waiting: VecDeque::new(),
            lookups_begun: 0,
            upkeep: BTreeMap::new(),
            around: Vec::new(),
            found: VecDeque::new(),
            told: VecDeque::new(),
            refresh_at_ms: None,
            far_at_ms: None,
            refreshes: 0,
            restless: 0,
            tries: 0,
            rng: ChaCha20Rng::from_seed(random),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output<Infallible>> {
        self.links.poll()
    }

    pub(crate) fn poll_found(&mut self) -> Option<Found> {
        self.found.pop_front()
    }

    pub(crate) fn poll_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    pub(crate) fn seeds_len(&self) -> usize {
        self.table.iter().count()
    }

    pub(crate) fn links_up(&self) -> usize {
        self.links.up()
    }

    pub(crate) fn lookups_len(&self) -> usize {
        self.lookups.len().saturating_add(self.waiting.len())
    }

    /// The routing table, closest to us first.
    pub(crate) fn seeds(&self) -> Vec<Listed> {
        let entries = self.table.closest(&self.me.position(), usize::MAX);
        let listed = |entry: &Entry| Listed {
            contact: entry.contact.clone(),
            linked: entry.linked,
            stores: entry.stores,
        };
        entries.into_iter().map(listed).collect()
    }

    /// Whether a seed is linked, or was when it was last heard of, and keeps records.
    /// `None` when nothing is known.
    pub(crate) fn stores(&self, seed: &SeedId) -> Option<bool> {
        let linked = self.links.traits(seed).map(|traits| traits.stores);
        linked.or_else(|| self.table.entry(seed).map(|entry| entry.stores))
    }

    /// Whether a seed is a pod of another place.
    pub(crate) fn is_pod(&self, seed: &SeedId) -> bool {
        self.pods.contains_key(seed)
    }

    /// Where a seed says it can be reached, as far as is known.
    pub(crate) fn addresses(&self, seed: &SeedId) -> &[Address] {
        let linked = self.links.traits(seed);
        linked.map_or_else(|| self.table.addresses(seed), |traits| &traits.addresses)
    }

    /// Never close the link to this seed from here.
    pub(crate) fn pin(&mut self, seed: SeedId) {
        self.links.pin(seed);
    }

    /// Begins to look for the seeds closest to the position of `key`; comes out of
    /// [`Self::poll_found`] under the number returned.
    pub(crate) fn find(&mut self, now: Time, key: &[u8]) -> u64 {
        self.lookups_begun = self.lookups_begun.saturating_add(1);
        let lookup = self.lookups_begun;
        if self.lookups.len() < limit::LOOKUPS_MAX {
            self.begin(now, lookup, key.to_vec());
        } else if self.waiting.len() < limit::LOOKUPS_WAITING_MAX {
            self.waiting.push_back((lookup, key.to_vec()));
        } else {
            self.conclude(lookup, Vec::new());
        }
        lookup
    }

    fn begin(&mut self, now: Time, number: u64, key: Vec<u8>) {
        let upkeep = self.upkeep.get(&number);
        let width = upkeep.map_or(limit::LOOKUP_WIDTH, |upkeep| upkeep.width);
        // Some are behind networks that let nobody through to us.
        let patience = upkeep.map_or(usize::MAX, |upkeep| upkeep.width.saturating_mul(3) / 2);
        let patience = patience.max(limit::LOOKUP_WIDTH);
        let mut lookup = Lookup::new(now, key, width, patience);
        // In upkeep others tell who is there: whoever is not linked is worth a dial only then.
        let worth_asking = |entry: &&Entry| {
            let reachable = !self.avoided.contains(&entry.contact.seed) && !entry.is_doubtful();
            let fit = self.is_fit(number, &entry.contact.seed);
            fit && (entry.linked || (upkeep.is_none() && reachable))
        };
        let target = lookup.target();
        let known = self.table.by_distance(&target);
        let known = known.filter(worth_asking).take(limit::BUCKET_SEEDS_MAX);
        let mut count = 0_usize;
        for entry in known {
            lookup.hear(entry.contact.clone());
            count = count.saturating_add(1);
        }
        if count == 0 || (upkeep.is_none() && count < limit::BUCKET_SEEDS_MAX) {
            for (seed, addresses) in self.anchors.iter().chain(&self.heard) {
                if !self.avoided.contains(seed) {
                    lookup.hear(Contact {
                        seed: *seed,
                        addresses: addresses.clone(),
                    });
                }
            }
        }
        self.ask_elsewhere(number, &mut lookup);
        self.lookups.insert(number, lookup);
        self.advance(now, number);
    }

    /// Those we joined through are asked first: as a rule they are linked to many. And a few pods of
    /// other places are asked whatever they are close to, so that each seed comes to know those
    /// closest to it wherever they joined; for our own place that is worth a dial.
    fn ask_elsewhere(&self, number: u64, lookup: &mut Lookup) {
        let upkeep = self.upkeep.get(&number);
        let is_place = upkeep.is_some_and(|upkeep| upkeep.is_place);
        let target = lookup.target();
        let open = |seed: &SeedId| {
            let dials = is_place && !self.avoided.contains(seed);
            dials || self.links.traits(seed).is_some()
        };
        let anchors = self.anchors.iter().filter(|(seed, _)| open(seed));
        let anchors = anchors.take(limit::LOOKUP_PODS);
        let mut pods: Vec<_> = self.pods.iter().filter(|(seed, _)| open(seed)).collect();
        // Others for each target.
        pods.sort_by_cached_key(|(seed, _)| seed.position().distance(&target));
        let pods = pods.into_iter().take(limit::LOOKUP_PODS);
        for (seed, addresses) in anchors.chain(pods) {
            lookup.require(Contact {
                seed: *seed,
                addresses: addresses.clone(),
            });
        }
    }

    /// Asks whom a lookup wants asked next, or ends it.
    fn advance(&mut self, now: Time, number: u64) {
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        let question = Message::find_node(&lookup.key).encode();
        while let Some(contact) = lookup.next(now, |seed| self.links.traits(seed).is_some()) {
            let Contact { seed, addresses } = contact;
            let purpose = Purpose::Lookup(number);
            self.links.ask(
                now,
                seed,
                &addresses,
                Protocol::Routing,
                question.clone(),
                purpose,
            );
        }
        if lookup.is_done(now) {
            self.end(now, number);
        } else {
            lookup.rest(now);
        }
    }

    /// Ends a lookup with what it has found so far.
    pub(crate) fn cut(&mut self, now: Time, number: u64) {
        if self.lookups.contains_key(&number) {
            self.end(now, number);
        } else if self.waiting.iter().any(|(waiting, _)| *waiting == number) {
            self.waiting.retain(|(waiting, _)| *waiting != number);
            self.conclude(number, Vec::new());
        }
    }

    fn end(&mut self, now: Time, number: u64) {
        if let Some(lookup) = self.lookups.remove(&number) {
            if self
                .upkeep
                .get(&number)
                .is_some_and(|upkeep| upkeep.is_place)
            {
                self.around = lookup.around(limit::NEIGHBOURHOOD_CLOSE).copied().collect();
            }
            self.conclude(number, lookup.found());
        }
        if let Some((number, key)) = self.waiting.pop_front() {
            self.begin(now, number, key);
        }
    }

    fn conclude(&mut self, lookup: u64, seeds: Vec<Contact>) {
        if self.upkeep.remove(&lookup).is_some() {
            self.mark_neighbourhood();
        } else {
            self.found.push_back(Found { lookup, seeds });
        }
    }

    /// Asks a seed on the store protocol; comes out of [`Self::poll_told`] with `about`.
    pub(crate) fn ask_store(&mut self, now: Time, contact: &Contact, bytes: Vec<u8>, about: u64) {
        let known = self.table.addresses(&contact.seed);
        let anchor = self
            .anchors
            .get(&contact.seed)
            .map_or(&[][..], Vec::as_slice);
        let ways = [known, &contact.addresses, anchor];
        let addresses = ways
            .into_iter()
            .find(|way| !way.is_empty())
            .unwrap_or_default()
            .to_vec();
        let purpose = Purpose::Outside(about);
        self.links.ask(
            now,
            contact.seed,
            &addresses,
            Protocol::Store,
            bytes,
            purpose,
        );
    }

    /// A few pods of other places, others for each target.
    pub(crate) fn pods_elsewhere(&self, target: &Position) -> Vec<Contact> {
        let pods = self.pods.iter();
        let pods = pods.filter(|(seed, _)| !self.avoided.contains(seed));
        let mut pods: Vec<_> = pods.collect();
        pods.sort_by_cached_key(|(seed, _)| seed.position().distance(target));
        let pods = pods.into_iter().take(limit::LOOKUP_PODS);
        pods.map(|(seed, addresses)| Contact {
            seed: *seed,
            addresses: addresses.clone(),
        })
        .collect()
    }

    /// A number below `bound`, by chance.
    pub(crate) fn chance(&mut self, bound: u64) -> u64 {
        u64::from(self.rng.next_u32()).saturating_mul(bound) >> 32
    }

    /// Asks a linked seed on the store protocol, without ever opening a link for it; comes out of
    /// [`Self::poll_told`] with `about`.
    pub(crate) fn ask_linked(&mut self, now: Time, seed: SeedId, bytes: Vec<u8>, about: u64) {
        let purpose = Purpose::Outside(about);
        self.links.ask_linked(now, seed, bytes, purpose);
    }

    /// Up to `count` linked seeds that keep records and are `fit`, closest to `target` first.
    pub(crate) fn closest_holders(
        &self,
        target: &Position,
        count: usize,
        fit: impl Fn(&SeedId) -> bool,
    ) -> Vec<(Distance, SeedId)> {
        let fit = |seed: &SeedId| !self.avoided.contains(seed) && fit(seed);
        self.links.closest_holders(target, count, fit)
    }

    pub(crate) fn answer(&mut self, now: Time, seed: &SeedId, id: u64, bytes: Vec<u8>) {
        self.links.answer(now, seed, id, bytes);
    }

    pub(crate) fn no_answer(&mut self, now: Time, seed: &SeedId, id: u64) {
        self.links.no_answer(now, seed, id);
    }

    /// A link was used by the far end, which is therefore alive.
    pub(crate) fn touch(&mut self, now: Time, seed: SeedId) {
        self.links.touch(now, &seed);
        self.table.seen(&seed, now.mono_ms);
        if self.table.entry(&seed).is_none()
            && self.links.is_faultless(&seed)
            && let Some(traits) = self.links.traits(&seed)
            && traits.routes
        {
            let contact = Contact {
                seed,
                addresses: traits.addresses.clone(),
            };
            self.table
                .admit(Entry::new(contact, traits.stores, now.mono_ms));
        }
    }

    /// A seed broke the protocol. Once in a while that is forgiven.
    pub(crate) fn blame(&mut self, now: Time, seed: SeedId) {
        self.table.failed(&seed);
        if self.links.fault(now, seed) {
            self.table.remove(&seed);
            if !self.anchors.contains_key(&seed) {
                self.avoided.banish(now, seed);
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        let lookups = self.lookups.values().filter_map(Lookup::wake_ms).min();
        let upkeep = earliest(self.refresh_at_ms, self.far_at_ms);
        earliest(earliest(self.links.deadline(), upkeep), lookups)
    }

    /// Takes in replies, and does what time asks for.
    pub(crate) fn tick(&mut self, now: Time) {
        self.avoided.set_time(now);
        self.links.tick(now);
        if self.far_at_ms.is_some_and(|at_ms| at_ms <= now.mono_ms) {
            self.look_far(now);
        }
        if self.refresh_at_ms.is_some_and(|at_ms| at_ms <= now.mono_ms) {
            self.refresh(now);
        }
        let awake = |(_, lookup): &(&u64, &Lookup)| {
            lookup
                .wake_ms()
                .is_some_and(|wake_ms| wake_ms <= now.mono_ms)
        };
        let awake: Vec<u64> = self
            .lookups
            .iter()
            .filter(awake)
            .map(|(number, _)| *number)
            .collect();
        for number in awake {
            self.advance(now, number);
        }
        while let Some(reply) = self.links.poll_reply() {
            self.take_reply(now, reply);
        }
    }

    fn take_reply(&mut self, now: Time, reply: Reply) {
        let Reply {
            purpose,
            seed,
            outcome,
        } = reply;
        match outcome {
            Ok(_) => self.table.seen(&seed, now.mono_ms),
            Err(Silence::Unasked | Silence::Gone) => {}
            Err(Silence::Unlinked | Silence::NoAnswer) => {
                self.table.failed(&seed);
                self.heard.remove(&seed);
                // Those we joined through we cannot do without.
                if !self.anchors.contains_key(&seed) {
                    let calm = self.is_calm();
                    self.avoided.failed(now, seed, calm);
                }
            }
        }
        match purpose {
            Purpose::Outside(about) => self.told.push_back(Told {
                about,
                seed,
                outcome,
            }),
            Purpose::Probe => {}
            Purpose::Lookup(number) => {
                match outcome.map(|bytes| Message::decode(&bytes)) {
                    Ok(Ok(answer)) => self.learn(number, &seed, &answer),
                    Ok(Err(_)) => {
                        self.blame(now, seed);
                        self.fail(number, &seed);
                    }
                    Err(_) => self.fail(number, &seed),
                }
                self.advance(now, number);
            }
        }
    }

    /// Whether somebody may be what a lookup looks for: in far parts, whoever passes on what is
    /// forwarded.
    fn is_fit(&self, number: u64, seed: &SeedId) -> bool {
        let upkeep = self.upkeep.get(&number);
        let is_far = upkeep.is_some_and(|upkeep| !upkeep.is_place);
        !is_far || self.stores(seed) != Some(false)
    }

    fn fail(&mut self, number: u64, seed: &SeedId) {
        if let Some(lookup) = self.lookups.get_mut(&number) {
            lookup.failed(seed);
        }
    }

    /// Takes what one answer of a lookup tells.
    fn learn(&mut self, number: u64, seed: &SeedId, answer: &Message) {
        let worth_hearing = |contact: &Contact| {
            let known = contact.seed == self.me || self.avoided.contains(&contact.seed);
            !known && self.is_fit(number, &contact.seed)
        };
        let contacts = answer.contacts().into_iter().filter(worth_hearing);
        let contacts: Vec<Contact> = contacts.collect();
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        lookup.answered(seed);
        for contact in contacts {
            // What a seed says of itself goes before what others say of it.
            let addresses = match self.table.addresses(&contact.seed) {
                [] => contact.addresses,
                known => known.to_vec(),
            };
            lookup.hear(Contact {
                addresses,
                ..contact
            });
        }
    }
}
