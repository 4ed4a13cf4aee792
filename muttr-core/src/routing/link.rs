//! Links to other seeds, and the questions asked over them.
//!
//! A question to a seed that is not linked opens a link first and waits for it. Links are few
//! and end at any moment (idle ones make room, tabs close), so one that goes is opened anew when
//! the next question needs it, and the questions it took with it are asked once more.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::convert::Infallible;

use crate::{
    limit,
    machine::{Address, Frame, Link, Output, Protocol, Traits},
    name::{Position, SeedId},
    time::{Time, earliest},
};

mod open;

/// What a question was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A step of the lookup with this number.
    Lookup(u64),
    /// Is it still there?
    Probe,
    /// Not for routing; the number is that of whoever asked.
    Outside(u64),
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// No link could be made.
    Unlinked,
    /// Linked, but nothing came back in time.
    NoAnswer,
    /// It was never asked, which is no failing: it does not speak the protocol, or we have too
    /// many links as it is.
    Unasked,
    /// It was to be asked over a link that was up, and the link is gone; no failing either.
    Gone,
}

/// How a question ended. Every question ends exactly once.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) purpose: Purpose,
    pub(crate) seed: SeedId,
    pub(crate) outcome: Result<Vec<u8>, Silence>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Wanted, but there are too many links already.
    Waiting,
    Opening,
    Up,
    /// We closed it and were not told yet that it is gone.
    Closing,
}

#[derive(Debug)]
struct Peer {
    state: State,
    position: Position,
    traits: Traits,
    /// Where it was said to be, while opening.
    addresses: Vec<Address>,
    /// The link was our wish, so it is ours to close.
    opened: bool,
    since_ms: u64,
    used_ms: u64,
    faults: u8,
    asks: BTreeSet<u64>,
}

#[derive(Debug)]
struct Ask {
    seed: SeedId,
    protocol: Protocol,
    bytes: Vec<u8>,
    purpose: Purpose,
    deadline_ms: u64,
    attempts: u8,
    sent: bool,
    /// Worth a dial, also when the link goes before the answer came.
    dials: bool,
}

#[derive(Debug)]
pub(crate) struct Links {
    /// Top byte of the question numbers.
    space: u64,
    next: u64,
    links_max: usize,
    peers: BTreeMap<SeedId, Peer>,
    asks: BTreeMap<u64, Ask>,
    deadlines: BTreeSet<(u64, u64)>,
    /// Seeds in [`State::Waiting`], first come, first linked.
    waiting: VecDeque<SeedId>,
    /// Never closed from here.
    pinned: BTreeSet<SeedId>,
    /// The closest, and some far ones: closed only when there is need.
    near: BTreeSet<SeedId>,
    sweep_at_ms: Option<u64>,
    replies: VecDeque<Reply>,
    outputs: VecDeque<Output<Infallible>>,
}

impl Links {
    pub(crate) fn new(space: u8, links_max: usize) -> Self {
        Self {
            space: u64::from(space) << 56,
            next: 0,
            links_max,
            peers: BTreeMap::new(),
            asks: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            pinned: BTreeSet::new(),
            near: BTreeSet::new(),
            sweep_at_ms: None,
            replies: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn pin(&mut self, seed: SeedId) {
        if self.pinned.len() < limit::REMEMBERED_SEEDS_MAX {
            self.pinned.insert(seed);
        }
    }

    pub(crate) fn set_near(&mut self, near: BTreeSet<SeedId>) {
        self.near = near;
    }

    /// To how many of those whose links are worth keeping a link is still up.
    pub(crate) fn near_up(&self) -> usize {
        let near = self.near.iter();
        near.filter(|seed| self.traits(seed).is_some()).count()
    }

    pub(crate) fn poll(&mut self) -> Option<Output<Infallible>> {
        self.outputs.pop_front()
    }

    pub(crate) fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// What is known of a seed whose link is up.
    pub(crate) fn traits(&self, seed: &SeedId) -> Option<&Traits> {
        let peer = self.peers.get(seed)?;
        (peer.state == State::Up).then_some(&peer.traits)
    }

    /// It is linked and has kept to the protocol so far.
    pub(crate) fn is_faultless(&self, seed: &SeedId) -> bool {
        self.peers
            .get(seed)
            .is_some_and(|peer| peer.state == State::Up && peer.faults == 0)
    }

    /// How many links are up.
    pub(crate) fn up(&self) -> usize {
        self.peers
            .values()
            .filter(|peer| peer.state == State::Up)
            .count()
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        let ask = self.deadlines.first().map(|(deadline_ms, _)| *deadline_ms);
        earliest(ask, self.sweep_at_ms)
    }

    /// Asks `seed`, reachable at `addresses`; the reply comes out of [`Self::poll_reply`].
    pub(crate) fn ask(
        &mut self,
        now: Time,
        seed: SeedId,
        addresses: &[Address],
        protocol: Protocol,
        bytes: Vec<u8>,
        purpose: Purpose,
    ) {
        let deadline_ms = now.after(limit::ASK_MS_MAX);
        let ask = Ask {
            seed,
            protocol,
            bytes,
            purpose,
            deadline_ms,
            attempts: 0,
            sent: false,
            dials: true,
        };
        let id = self.enter(ask);
        let peer = self.peers.entry(seed).or_insert_with(|| Peer {
            state: State::Waiting,
            position: seed.position(),
            traits: Traits::default(),
            addresses: addresses.to_vec(),
            opened: true,
            since_ms: now.mono_ms,
            used_ms: now.mono_ms,
            faults: 0,
            asks: BTreeSet::new(),
        });
        let is_new = peer.asks.is_empty() && peer.state == State::Waiting;
        peer.asks.insert(id);
        if peer.state == State::Up {
            self.send(now, id);
        } else if is_new {
            self.enqueue(seed);
            self.open_waiting(now);
        }
    }

    /// Notes a question under a number of its own.
    fn enter(&mut self, ask: Ask) -> u64 {
        self.next = self.next.wrapping_add(1) & (u64::MAX >> 8);
        let id = self.space | self.next;
        self.deadlines.insert((ask.deadline_ms, id));
        self.asks.insert(id, ask);
        id
    }

    fn forget(&mut self, id: u64) -> Option<Ask> {
        let ask = self.asks.remove(&id)?;
        self.deadlines.remove(&(ask.deadline_ms, id));
        if let Some(peer) = self.peers.get_mut(&ask.seed) {
            peer.asks.remove(&id);
        }
        Some(ask)
    }

    fn finish(&mut self, id: u64, outcome: Result<Vec<u8>, Silence>) {
        if let Some(ask) = self.forget(id) {
            self.replies.push_back(Reply {
                purpose: ask.purpose,
                seed: ask.seed,
                outcome,
            });
        }
    }

    /// Sends a question over a link that is up.
    fn send(&mut self, now: Time, id: u64) {
        let Some(ask) = self.asks.get_mut(&id) else {
            return;
        };
        let Some(peer) = self.peers.get_mut(&ask.seed) else {
            return;
        };
        let spoken = match ask.protocol {
            Protocol::Routing => peer.traits.routes,
            Protocol::Store => peer.traits.stores,
        };
        if !spoken {
            return self.finish(id, Err(Silence::Unasked));
        }
        peer.used_ms = now.mono_ms;
        ask.sent = true;
        ask.attempts = ask.attempts.saturating_add(1);
        let frame = Frame::Ask(id, ask.protocol, ask.bytes.clone());
        self.outputs
            .push_back(Output::Send(Link::Seed(ask.seed), frame));
    }

    /// Gives a question another number, so that a late word about the first one means nothing.
    /// `None`, and the question ends, when it was sent often enough.
    fn renew(&mut self, id: u64) -> Option<u64> {
        let sent = self.asks.get(&id)?.attempts;
        if sent >= limit::ASK_ATTEMPTS_MAX {
            self.finish(id, Err(Silence::NoAnswer));
            return None;
        }
        let seed = self.asks.get(&id)?.seed;
        let ask = self.forget(id)?;
        let id = self.enter(Ask { sent: false, ..ask });
        if let Some(peer) = self.peers.get_mut(&seed) {
            peer.asks.insert(id);
        }
        Some(id)
    }

    pub(crate) fn linked(&mut self, now: Time, seed: SeedId, traits: Traits) {
        let peer = self.peers.entry(seed).or_insert_with(|| Peer {
            state: State::Up,
            position: seed.position(),
            traits: Traits::default(),
            addresses: Vec::new(),
            opened: false,
            since_ms: now.mono_ms,
            used_ms: now.mono_ms,
            faults: 0,
            asks: BTreeSet::new(),
        });
        peer.state = State::Up;
        peer.traits = traits;
        peer.used_ms = now.mono_ms;
        let ids: Vec<u64> = peer.asks.iter().copied().collect();
        for id in ids {
            if self.asks.get(&id).is_some_and(|ask| !ask.sent) {
                self.send(now, id);
            }
        }
        self.sweep_at_ms
            .get_or_insert_with(|| now.after(limit::LINK_SWEEP_MS));
        self.trim(now);
    }

    /// Closes idle links, whoever opened them, while there are more than a seed can bear.
    fn trim(&mut self, now: Time) {
        let bearable = self.links_max.saturating_add(limit::LINKS_OPENED_MIN);
        let counted = |(seed, peer): &(&SeedId, &Peer)| {
            peer.state == State::Up && !self.pinned.contains(seed)
        };
        let surplus = self.peers.iter().filter(counted).count();
        let mut idle: Vec<_> = self
            .peers
            .iter()
            .filter(counted)
            .filter(|(_, peer)| peer.asks.is_empty() && peer.since_ms < now.mono_ms)
            .map(|(seed, peer)| (self.near.contains(seed), peer.used_ms, *seed))
            .collect();
        idle.sort_unstable();
        for (_, _, seed) in idle.into_iter().take(surplus.saturating_sub(bearable)) {
            self.close(now, seed);
        }
    }

    /// A link is gone. True when it was up and it was not we who closed it.
    pub(crate) fn unlinked(&mut self, now: Time, seed: &SeedId) -> bool {
        let Some(peer) = self.peers.get_mut(seed) else {
            return false;
        };
        let broke = peer.state == State::Up;
        let ids: Vec<u64> = peer.asks.iter().copied().collect();
        match peer.state {
            // An older link of the same seed.
            State::Waiting => return false,
            State::Opening => {
                for id in ids {
                    self.finish(id, Err(Silence::Unlinked));
                }
                self.peers.remove(seed);
            }
            State::Up | State::Closing => {
                for id in ids {
                    if self.asks.get(&id).is_some_and(|ask| ask.dials) {
                        self.renew(id);
                    } else {
                        self.finish(id, Err(Silence::Gone));
                    }
                }
                self.reopen(*seed);
            }
        }
        self.open_waiting(now);
        broke
    }

    /// After a link went: opens it anew when there is still something to ask.
    fn reopen(&mut self, seed: SeedId) {
        let Some(peer) = self.peers.get_mut(&seed) else {
            return;
        };
        if peer.asks.is_empty() {
            self.peers.remove(&seed);
            return;
        }
        if !peer.traits.addresses.is_empty() {
            peer.addresses = super::wire::bounded(&peer.traits.addresses);
        }
        peer.state = State::Waiting;
        peer.opened = true;
        self.enqueue(seed);
    }

    /// Those whose links there is always room for do not wait behind others.
    fn enqueue(&mut self, seed: SeedId) {
        if self.pinned.contains(&seed) {
            self.waiting.push_front(seed);
        } else {
            self.waiting.push_back(seed);
        }
    }

    /// Opens the links that wait, as far as there may be more.
    fn open_waiting(&mut self, now: Time) {
        while let Some(seed) = self.waiting.front().copied() {
            let Some(peer) = self.peers.get(&seed) else {
                self.waiting.pop_front();
                continue;
            };
            if peer.state != State::Waiting {
                self.waiting.pop_front();
            } else if peer.asks.is_empty() {
                self.waiting.pop_front();
                self.peers.remove(&seed);
            } else if self.pinned.contains(&seed) || self.has_room() || self.evict(now) {
                self.waiting.pop_front();
                self.open(now, seed);
            } else {
                return;
            }
        }
    }

    fn open(&mut self, now: Time, seed: SeedId) {
        let Some(peer) = self.peers.get_mut(&seed) else {
            return;
        };
        peer.state = State::Opening;
        peer.since_ms = now.mono_ms;
        self.outputs
            .push_back(Output::Link(seed, core::mem::take(&mut peer.addresses)));
        self.sweep_at_ms
            .get_or_insert_with(|| now.after(limit::LINK_SWEEP_MS));
    }

    fn has_room(&self) -> bool {
        // A link that is still opening after everyone lost patience takes no one's place.
        let counts = |(seed, peer): &(&SeedId, &Peer)| {
            let opening = peer.state == State::Opening && !peer.asks.is_empty();
            (opening || peer.state == State::Up) && !self.pinned.contains(seed)
        };
        let all = self.peers.iter().filter(counts).count();
        let opened = self
            .peers
            .iter()
            .filter(counts)
            .filter(|(_, peer)| peer.opened)
            .count();
        all < self.links_max || opened < limit::LINKS_OPENED_MIN
    }

    /// Closes the link of ours that was idle longest, a neighbour's only when there is no other.
    fn evict(&mut self, now: Time) -> bool {
        let idle = |(seed, peer): &(&SeedId, &Peer)| {
            peer.state == State::Up
                && peer.opened
                && peer.asks.is_empty()
                && !self.pinned.contains(seed)
        };
        let victim = self
            .peers
            .iter()
            .filter(idle)
            .min_by_key(|(seed, peer)| (self.near.contains(seed), peer.used_ms))
            .map(|(seed, _)| *seed);
        if let Some(seed) = victim {
            self.close(now, seed);
        }
        victim.is_some()
    }

    /// Closes a link that is up.
    pub(crate) fn close(&mut self, now: Time, seed: SeedId) {
        if let Some(peer) = self.peers.get_mut(&seed)
            && peer.state == State::Up
        {
            peer.state = State::Closing;
            peer.since_ms = now.mono_ms;
            self.outputs.push_back(Output::Unlink(Link::Seed(seed)));
        }
    }

    pub(crate) fn answer(&mut self, now: Time, seed: &SeedId, id: u64, bytes: Vec<u8>) {
        let asked = self
            .asks
            .get(&id)
            .is_some_and(|ask| ask.seed == *seed && ask.sent);
        if asked {
            self.touch(now, seed);
            self.finish(id, Ok(bytes));
        }
    }

    pub(crate) fn no_answer(&mut self, now: Time, seed: &SeedId, id: u64) {
        let asked = self
            .asks
            .get(&id)
            .is_some_and(|ask| ask.seed == *seed && ask.sent);
        if !asked {
            return;
        }
        if let Some(id) = self.renew(id)
            && self.traits(seed).is_some()
        {
            self.send(now, id);
        }
    }

    /// A link is in use.
    pub(crate) fn touch(&mut self, now: Time, seed: &SeedId) {
        if let Some(peer) = self.peers.get_mut(seed) {
            peer.used_ms = now.mono_ms;
        }
    }

    /// Counts a fault; true when it is one too many and the link was closed.
    pub(crate) fn fault(&mut self, now: Time, seed: SeedId) -> bool {
        let Some(peer) = self.peers.get_mut(&seed) else {
            return false;
        };
        peer.faults = peer.faults.saturating_add(1);
        let too_many = peer.faults >= limit::FAULTS_MAX && !self.pinned.contains(&seed);
        if too_many {
            self.close(now, seed);
        }
        too_many
    }

    /// Gives up questions whose time has passed, and closes links that idle.
    pub(crate) fn tick(&mut self, now: Time) {
        while let Some((deadline_ms, id)) = self.deadlines.first().copied()
            && deadline_ms <= now.mono_ms
        {
            let seed = self.asks.get(&id).map(|ask| ask.seed);
            let peer = seed.and_then(|seed| self.peers.get(&seed));
            let was_tried = peer.is_none_or(|peer| peer.state != State::Waiting);
            let silence = if was_tried {
                Silence::NoAnswer
            } else {
                Silence::Unasked
            };
            self.finish(id, Err(silence));
        }
        // Whatever just ended may have left a link idle, which can make room for another.
        self.open_waiting(now);
        if self.sweep_at_ms.is_some_and(|at_ms| at_ms <= now.mono_ms) {
            self.sweep(now);
            let again = now.after(limit::LINK_SWEEP_MS);
            self.sweep_at_ms = (!self.peers.is_empty()).then_some(again);
        }
    }

    fn sweep(&mut self, now: Time) {
        let older = |since_ms: u64, age_ms: u64| now.mono_ms.saturating_sub(since_ms) >= age_ms;
        let mut idle = Vec::new();
        let mut lost = Vec::new();
        for (seed, peer) in &self.peers {
            match peer.state {
                State::Up if peer.opened && peer.asks.is_empty() => {
                    let kept = self.pinned.contains(seed) || self.near.contains(seed);
                    if !kept && older(peer.used_ms, limit::LINK_IDLE_MS) {
                        idle.push(*seed);
                    }
                }
                State::Opening | State::Closing if older(peer.since_ms, limit::LINK_MS_MAX) => {
                    lost.push(*seed);
                }
                _ => {}
            }
        }
        for seed in idle {
            self.close(now, seed);
        }
        for seed in lost {
            self.unlinked(now, &seed);
        }
        self.open_waiting(now);
    }
}

#[cfg(test)]
mod tests;
