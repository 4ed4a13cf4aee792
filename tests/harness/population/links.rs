//! The network: handshakes, links that end with the tab, frames that take their time.
//!
//! Two tabs are introduced by the home pod of the one that is dialled, over its relay; then they
//! have to find a way through their NATs. A link carries streams, so nothing is lost on it: a lost
//! packet costs time.

use muttr_core::{
    limit,
    machine::{Frame, Input, Link, Protocol},
    name::SeedId,
    wire::{self, store::StoreAnswer},
};

use super::{
    custodian::{Role, SPACE, Who},
    plan::Vice,
    tally::STORING_MS,
    world::{What, World},
};

/// Ways back and forth until a WebSocket is encrypted and multiplexed.
const WAYS_TO_POD: u64 = 8;
/// And until two tabs are introduced, have tried their candidates and agreed on keys.
const WAYS_TO_TAB: u64 = 10;
/// What a browser adds to that.
const HANDSHAKE_MS: u64 = 150;
/// The part of a question's number that is the asker's own.
const OWN_BITS: u32 = 40;

/// Begins every question for a record (`PROTOCOL.md`, the store protocol).
const GET: &[u8] = b"\xa1\x63get";

impl World {
    /// How long one way takes so many bytes this time.
    pub(super) fn way_ms(&mut self, bytes: usize) -> u64 {
        let access = self.plan.access;
        let mut way_ms = access.latency_ms + self.chance.roll(access.jitter_ms + 1);
        way_ms += bytes as u64 / access.bytes_per_ms;
        while self.chance.permille(access.lost_permille) {
            way_ms += access.resent_ms;
        }
        way_ms
    }

    fn ways_ms(&mut self, ways: u64) -> u64 {
        (0..ways).map(|_| self.way_ms(0)).sum()
    }

    /// Whether both ends think that they are linked to each other.
    fn is_linked(&self, a: Who, b: Who) -> bool {
        let wire = self.at(a).links.get(&b);
        wire.is_some() && wire == self.at(b).links.get(&a)
    }

    pub(super) fn dial(&mut self, dialler: Who, seed: SeedId) {
        let target = self.who(&seed);
        let life = self.at(dialler).life;
        if let Some(target) = target {
            if self.is_linked(dialler, target) {
                return self.introduce(dialler, target);
            }
            if !self.at_mut(dialler).dialling.insert(target) {
                return;
            }
        }
        self.count_dial(dialler, target);
        let (good, takes_ms) = self.handshake(dialler, target);
        if target.is_none() {
            let unlinked = Input::Unlinked(Link::Seed(seed));
            return self.give_later(takes_ms, dialler, unlinked);
        }
        let dialled = What::Dialled {
            dialler,
            life,
            target,
            good,
        };
        self.later(takes_ms, dialled);
    }

    fn count_dial(&mut self, dialler: Who, target: Option<Who>) {
        let custodian = &self.custodians[dialler as usize];
        if custodian.is_pod() {
            // What has an address of its own pays nothing for a dial.
            return;
        }
        let dials = &mut self.tally.dials;
        if target.is_some_and(|target| self.custodians[target as usize].is_pod()) {
            dials.to_pods += 1;
        } else if self.visits.contains_key(&dialler) {
            dials.by_visitors += 1;
        } else if custodian.stores > 0 {
            dials.for_stores += 1;
        } else if custodian.fetches > 0 {
            dials.for_fetches += 1;
        } else {
            dials.for_upkeep += 1;
        }
    }

    /// Whether a handshake will do, and how long it takes to know.
    fn handshake(&mut self, dialler: Who, target: Option<Who>) -> (bool, u64) {
        let refused_ms = self.ways_ms(4);
        let Some(target) = target else {
            return (false, refused_ms);
        };
        let Role::Tab { home, nat } = self.at(target).role else {
            let good = self.at(target).answers();
            return (good, self.ways_ms(WAYS_TO_POD));
        };
        if self.open {
            let good = self.at(target).runs();
            return (good, HANDSHAKE_MS + self.ways_ms(WAYS_TO_TAB));
        }
        let knows = self.at(home).runs() && self.at(home).links.contains_key(&target);
        if self.at(dialler).is_pod() || !knows {
            return (false, refused_ms);
        }
        let undialled = self.plan.access.undialled_permille;
        let parted = self.apart && self.at(dialler).half != self.at(target).half;
        let lost = parted || self.chance.permille(undialled);
        if lost || !self.at(target).runs() || !self.at(dialler).nat().meets(nat) {
            return (false, limit::RTC_HANDSHAKE_MS_MAX);
        }
        let mut takes_ms = HANDSHAKE_MS + self.ways_ms(WAYS_TO_TAB);
        if !self.is_linked(dialler, home) {
            takes_ms += self.ways_ms(WAYS_TO_POD);
        }
        (true, takes_ms)
    }

    pub(super) fn dialled(&mut self, dialler: Who, target: Option<Who>, good: bool) {
        let Some(target) = target else {
            return;
        };
        self.at_mut(dialler).dialling.remove(&target);
        let full = self.at(target).links.len() >= limit::SEED_CONNECTIONS_MAX as usize;
        let full = full && self.at(target).runs() && !self.at(target).is_pod();
        if !good || full || !self.at(target).answers() {
            let seed = self.at(target).seed;
            if !self.at(target).is_pod() {
                self.tally.dials.failed += 1;
            }
            return self.give_later(0, dialler, Input::Unlinked(Link::Seed(seed)));
        }
        if let Role::Tab { home, .. } = self.at(target).role
            && self.at(home).runs()
            && home != dialler
            && !self.open
        {
            // They met over its relay.
            self.link(dialler, home);
        }
        self.link(dialler, target);
    }

    pub(super) fn link(&mut self, a: Who, b: Who) {
        if self.is_linked(a, b) {
            return self.introduce(a, b);
        }
        self.wires += 1;
        let wire = self.wires;
        for (at, other) in [(a, b), (b, a)] {
            self.at_mut(at).links.insert(other, wire);
            self.introduce(at, other);
        }
    }

    /// Tells `at` that it is linked to `other`, and what that one says of itself.
    fn introduce(&mut self, at: Who, other: Who) {
        let custodian = self.at(other);
        let linked = Input::Linked(Link::Seed(custodian.seed), custodian.traits(other));
        self.give_later(0, at, linked);
    }

    pub(super) fn unlink(&mut self, who: Who, seed: SeedId) {
        let wire = |target: &Who| self.at(who).links.get(target).copied();
        if let Some((other, wire)) = self.who(&seed).and_then(|it| Some((it, wire(&it)?))) {
            let way_ms = self.way_ms(0);
            self.break_later(way_ms, other, who, wire);
            self.break_later(0, who, other, wire);
        }
    }

    /// Lets one end of a link know, after a while, that it is gone.
    pub(super) fn break_later(&mut self, delay_ms: u64, at: Who, other: Who, wire: u64) {
        let seed = self.at(other).seed;
        let broken = What::Broken {
            at,
            other,
            seed,
            wire,
        };
        self.later(delay_ms, broken);
    }

    pub(super) fn broken(&mut self, at: Who, other: Who, seed: SeedId, wire: u64) {
        if self.at(at).links.get(&other) == Some(&wire) {
            self.at_mut(at).links.remove(&other);
            self.give_later(0, at, Input::Unlinked(Link::Seed(seed)));
        }
    }

    /// Breaks every link of one whose machine has just ended.
    pub(super) fn hang_up(&mut self, who: Who, crashed: bool) {
        let links = std::mem::take(&mut self.at_mut(who).links);
        self.at_mut(who).dialling.clear();
        for (other, wire) in links {
            let notice_ms = if crashed {
                self.chance.roll(self.plan.notice_ms + 1)
            } else {
                0
            };
            let delay_ms = self.way_ms(0) + notice_ms;
            self.break_later(delay_ms, other, who, wire);
        }
    }

    pub(super) fn send(&mut self, from: Who, seed: SeedId, frame: Frame) {
        let to = self.who(&seed);
        let wire = to.and_then(|to| self.at(from).links.get(&to).copied());
        let (Some(to), Some(wire)) = (to, wire) else {
            if let Frame::Ask(id, ..) = frame {
                let missing = Input::Frame(Link::Seed(seed), Frame::NoAnswer(id));
                self.give_later(1, from, missing);
            }
            return;
        };
        let own = |id: u64| id & ((1 << OWN_BITS) - 1);
        let asker = |number: u64| (number >> OWN_BITS) as Who;
        let as_asked = |number: u64| u64::from(SPACE) << 56 | own(number);
        let frame = match frame {
            Frame::Ask(id, protocol, bytes) => {
                let number = u64::from(from) << OWN_BITS | own(id);
                self.count_ask(protocol, &bytes);
                Frame::Ask(number, protocol, bytes)
            }
            Frame::Answer(number, bytes) if asker(number) == to => {
                self.count_answer(from, to, &bytes);
                Frame::Answer(as_asked(number), bytes)
            }
            Frame::NoAnswer(number) if asker(number) == to => Frame::NoAnswer(as_asked(number)),
            Frame::Answer(..) | Frame::NoAnswer(_) | Frame::Channel(_) => {
                return self.object(format!("{from} answered {to}, which had not asked"));
            }
        };
        self.tally.frames.sent += 1;
        let way_ms = self.way_ms(bytes_of(&frame));
        let frame = What::Frame {
            to,
            from,
            wire,
            frame,
        };
        self.later(way_ms, frame);
    }

    fn count_ask(&mut self, protocol: Protocol, bytes: &[u8]) {
        let frames = &mut self.tally.frames;
        match protocol {
            Protocol::Routing => frames.routing += 1,
            Protocol::Store => {
                frames.store += 1;
                if let Some((number, ..)) = self.records.within(bytes) {
                    let age_ms = self.now_ms - self.records.at(number).stored_ms;
                    if age_ms < STORING_MS {
                        frames.pushed_first += 1;
                    } else {
                        frames.pushed_later += 1;
                    }
                }
            }
        }
    }

    fn count_answer(&mut self, from: Who, to: Who, bytes: &[u8]) {
        if let Some((number, ..)) = self.records.within(bytes) {
            if let Some(hops) = &mut self.hops {
                hops.answered(from, number);
            }
            if self.visits.contains_key(&to) {
                self.tally.frames.read += 1;
            } else {
                self.tally.frames.pulled += 1;
            }
        }
    }

    pub(super) fn deliver(&mut self, to: Who, from: Who, wire: u64, frame: Frame) {
        let parted = self.apart && self.at(to).half != self.at(from).half;
        if !self.at(to).answers() || self.at(to).links.get(&from) != Some(&wire) || parted {
            self.tally.frames.dropped += 1;
            return;
        }
        self.tally.frames.delivered += 1;
        if let (Some(hops), Frame::Ask(_, Protocol::Store, bytes)) = (&mut self.hops, &frame) {
            hops.see(from, to, bytes, &self.records);
        }
        if let (Some(vice), Frame::Ask(number, Protocol::Store, bytes)) = (self.at(to).vice, &frame)
            && self.sins(to, from, *number, vice, bytes)
        {
            return;
        }
        if self.at(to).role == Role::Sybil {
            return self.deceive(to, from, &frame);
        }
        let seed = self.at(from).seed;
        self.give(to, Input::Frame(Link::Seed(seed), frame));
    }

    /// Does with a question what it should not; false when it behaves.
    fn sins(&mut self, who: Who, asker: Who, number: u64, vice: Vice, bytes: &[u8]) -> bool {
        let vice = match (vice, who % 3) {
            (Vice::OneOfEach, 0) => Vice::WrongBytes,
            (Vice::OneOfEach, 1) => Vice::Denies,
            (Vice::OneOfEach, _) => Vice::Stalls,
            (vice, _) => vice,
        };
        let answer = match vice {
            Vice::Drops | Vice::OneOfEach => return true,
            Vice::Stalls => return bytes.starts_with(GET),
            _ if !bytes.starts_with(GET) => return false,
            Vice::Denies => wire::encode(&StoreAnswer::Rejected(
                muttr_core::rejection::Rejection::NoRecord,
            )),
            Vice::WrongBytes => {
                let other = self.chance.roll(u64::from(self.records.len())) as u32;
                let record = self.records.at(other).bytes();
                let len = (record.len() as u16).to_be_bytes();
                [b"\xa1\x66record\x59".as_slice(), &len, record].concat()
            }
        };
        let seed = self.at(asker).seed;
        self.send(who, seed, Frame::Answer(number, answer));
        true
    }
}

const fn bytes_of(frame: &Frame) -> usize {
    match frame {
        Frame::Ask(_, _, bytes) | Frame::Answer(_, bytes) | Frame::Channel(bytes) => bytes.len(),
        Frame::NoAnswer(_) => 0,
    }
}
