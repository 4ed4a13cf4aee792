//! Links between seeds: dialling, directly or over a pod's relay; questions and answers; breaking.

use std::collections::{BTreeMap, BTreeSet};

use muttr_core::{
    limit,
    machine::{Address, Frame, Input, Link, Machine, Protocol, Traits},
    name::SeedId,
};

use super::{
    World,
    participant::{Alive, Role, Who, read_address},
};

/// A shell gives a question up after this, whatever the machine does.
const QUESTION_MS_MAX: u64 = 10_000;

/// What binds participants at the moment.
#[derive(Debug, Default)]
pub(super) struct Network {
    links: BTreeMap<(Who, Who), Bond>,
    dialling: BTreeSet<(Alive, SeedId)>,
    questions: BTreeMap<u64, Question>,
    question_next: u64,
}

/// One link.
#[derive(Clone, Copy, Debug)]
struct Bond {
    /// The pod whose relay carries it.
    over: Option<Who>,
}

/// A question that has no answer yet.
#[derive(Clone, Copy, Debug)]
struct Question {
    asker: Alive,
    /// The asker's own number.
    id: u64,
    to: Alive,
    answered: bool,
}

/// What is to happen between seeds.
#[derive(Debug)]
pub(super) enum Due {
    /// A dial comes to its end.
    Dialled {
        dialler: Alive,
        seed: SeedId,
        way: Option<(Who, Option<Who>)>,
    },
    /// A question arrives.
    Asked {
        question: u64,
        protocol: Protocol,
        bytes: Vec<u8>,
    },
    /// An answer arrives; `None` is the news that there will be none.
    Answered {
        question: u64,
        bytes: Option<Vec<u8>>,
    },
    /// One end learns that a link is gone.
    Broken { at: Alive, seed: SeedId },
}

/// What a frame carries, for the trace.
pub(super) fn bytes(frame: &Frame) -> &[u8] {
    match frame {
        Frame::Ask(_, _, bytes) | Frame::Answer(_, bytes) | Frame::Channel(bytes) => bytes,
        Frame::NoAnswer(_) => &[],
    }
}

fn pair(a: Who, b: Who) -> (Who, Who) {
    if a < b { (a, b) } else { (b, a) }
}

impl<M: Machine> World<M> {
    /// Whether two participants are linked.
    #[must_use]
    pub fn linked(&self, a: Who, b: Who) -> bool {
        self.network.links.contains_key(&pair(a, b))
    }

    /// How many links a participant has.
    #[must_use]
    pub fn links_of(&self, who: Who) -> usize {
        self.network
            .links
            .keys()
            .filter(|(a, b)| *a == who || *b == who)
            .count()
    }

    /// Questions on their way or being worked on.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.network.questions.len()
    }

    /// A seed that is in no world links to someone, asks this, and is gone.
    pub fn stranger_asks(&mut self, who: Who, protocol: Protocol, bytes: Vec<u8>) {
        let Some(asked) = self.alive(who) else { return };
        let link = Link::Seed(SeedId(self.random()));
        let question = u64::MAX;
        self.give(asked, Input::Linked(link, Traits::default()));
        self.give(
            asked,
            Input::Frame(link, Frame::Ask(question, protocol, bytes)),
        );
        self.give(asked, Input::Unlinked(link));
    }

    pub(super) fn dial(&mut self, dialler: Alive, seed: SeedId, addresses: &[Address]) {
        if self
            .who(&seed)
            .is_some_and(|other| self.linked(dialler.0, other))
        {
            self.introduce(dialler, &seed);
            return;
        }
        if !self.network.dialling.insert((dialler, seed)) {
            return;
        }
        let ways = addresses.iter().filter_map(|address| read_address(address));
        let target = self.who(&seed);
        let way = ways.into_iter().find(|(there, _)| Some(*there) == target);
        // A handshake is about three ways back and forth, and twice that over a relay.
        let hops = if way.is_some_and(|(_, over)| over.is_some()) {
            6
        } else {
            3
        };
        let takes_ms = (0..hops).map(|_| self.way_ms()).sum();
        let due = Due::Dialled { dialler, seed, way };
        self.later(takes_ms, super::Due::Network(due));
    }

    pub(super) fn network_due(&mut self, due: Due) {
        match due {
            Due::Dialled { dialler, seed, way } => self.dialled(dialler, seed, way),
            Due::Asked {
                question,
                protocol,
                bytes,
            } => self.asked(question, protocol, bytes),
            Due::Answered { question, bytes } => self.answered(question, bytes),
            Due::Broken { at, seed } => {
                let again = self
                    .who(&seed)
                    .is_some_and(|other| self.linked(at.0, other));
                if !again {
                    self.give(at, Input::Unlinked(Link::Seed(seed)));
                }
            }
        }
    }

    fn dialled(&mut self, dialler: Alive, seed: SeedId, way: Option<(Who, Option<Who>)>) {
        self.network.dialling.remove(&(dialler, seed));
        if !self.lives(dialler) {
            return;
        }
        let rate = self.profile.undialled;
        let fails = self.chance(rate);
        let other = way.and_then(|(other, over)| Some((self.alive(other)?, over)));
        match other {
            Some((other, over)) if !fails && self.reachable(dialler.0, other.0, over) => {
                if let Some(pod) = over
                    && pod != dialler.0
                {
                    self.bond(dialler.0, pod, None);
                }
                let over = over.filter(|pod| *pod != dialler.0);
                self.bond(dialler.0, other.0, over);
            }
            _ => self.give(dialler, Input::Unlinked(Link::Seed(seed))),
        }
    }

    /// Whether a dial can succeed: pods answer, a tab only over a pod that it is linked to.
    fn reachable(&self, dialler: Who, other: Who, over: Option<Who>) -> bool {
        if self.are_apart(dialler, over.unwrap_or(other)) || self.are_apart(dialler, other) {
            return false;
        }
        match (self.at(other).role, over) {
            (Role::Pod, None) => dialler != other,
            (Role::Tab { .. }, Some(pod)) => {
                let full = self.circuits_of(dialler) >= limit::RELAY.circuits_per_seed_max
                    || self.circuits_of(other) >= limit::RELAY.circuits_per_seed_max;
                dialler != other && self.runs(pod) && self.linked(pod, other) && !full
            }
            _ => false,
        }
    }

    fn circuits_of(&self, who: Who) -> usize {
        let links = self.network.links.iter();
        links
            .filter(|((a, b), bond)| bond.over.is_some() && (*a == who || *b == who))
            .count()
    }

    fn bond(&mut self, a: Who, b: Who, over: Option<Who>) {
        if self.network.links.contains_key(&pair(a, b)) {
            return;
        }
        let (Some(alive_a), Some(alive_b)) = (self.alive(a), self.alive(b)) else {
            return;
        };
        self.network.links.insert(pair(a, b), Bond { over });
        let (seed_a, seed_b) = (self.at(a).seed, self.at(b).seed);
        self.introduce(alive_a, &seed_b);
        self.introduce(alive_b, &seed_a);
    }

    /// Tells `to` that it is linked to `seed`, and what that seed says of itself.
    fn introduce(&mut self, to: Alive, seed: &SeedId) {
        if let Some(other) = self.who(seed) {
            let traits = self.at(other).traits(other);
            let linked = Input::Linked(Link::Seed(*seed), traits);
            self.later(0, super::Due::Input(to, linked));
        }
    }

    pub(super) fn send(&mut self, from: Alive, seed: SeedId, frame: Frame) {
        match frame {
            Frame::Ask(id, protocol, bytes) => self.ask(from, seed, id, protocol, bytes),
            Frame::Answer(question, bytes) => self.answer(from, question, Some(bytes)),
            Frame::NoAnswer(question) => self.answer(from, question, None),
            Frame::Channel(_) => {
                let what = "a channel message was sent to a seed".to_owned();
                self.object(Err(what));
            }
        }
    }

    fn ask(&mut self, asker: Alive, seed: SeedId, id: u64, protocol: Protocol, bytes: Vec<u8>) {
        let way_ms = self.way_ms();
        let to = self.who(&seed).filter(|other| self.linked(asker.0, *other));
        let Some(to) = to.and_then(|other| self.alive(other)) else {
            let silent = self
                .who(&seed)
                .is_some_and(|to| self.are_apart(asker.0, to));
            let way_ms = if silent { QUESTION_MS_MAX } else { way_ms };
            let missing = Input::Frame(Link::Seed(seed), Frame::NoAnswer(id));
            let due = super::Due::Input(asker, missing);
            return self.later(way_ms, due);
        };
        self.network.question_next += 1;
        let question = self.network.question_next;
        let asked = Question {
            asker,
            id,
            to,
            answered: false,
        };
        self.network.questions.insert(question, asked);
        let overdue = Due::Answered {
            question,
            bytes: None,
        };
        self.later(QUESTION_MS_MAX, super::Due::Network(overdue));
        if !self.vanishes() {
            let due = Due::Asked {
                question,
                protocol,
                bytes,
            };
            self.later(way_ms, super::Due::Network(due));
        }
        self.wear(asker.0, to.0);
    }

    fn asked(&mut self, number: u64, protocol: Protocol, bytes: Vec<u8>) {
        let Some(question) = self.network.questions.get(&number).copied() else {
            return;
        };
        let seed = self.at(question.asker.0).seed;
        let frame = Frame::Ask(number, protocol, bytes);
        self.give(question.to, Input::Frame(Link::Seed(seed), frame));
    }

    fn answer(&mut self, from: Alive, number: u64, bytes: Option<Vec<u8>>) {
        let name = self.at(from.0).name.clone();
        let Some(question) = self.network.questions.get_mut(&number) else {
            return;
        };
        if question.to != from || question.answered {
            let what = format!("{name} answered question {number}, which it was not to answer");
            return self.object(Err(what));
        }
        question.answered = true;
        let (asker, way_ms) = (question.asker, self.way_ms());
        if !self.vanishes() && !self.are_apart(asker.0, from.0) {
            let due = Due::Answered {
                question: number,
                bytes,
            };
            self.later(way_ms, super::Due::Network(due));
        }
        self.wear(asker.0, from.0);
    }

    fn answered(&mut self, number: u64, bytes: Option<Vec<u8>>) {
        let Some(question) = self.network.questions.remove(&number) else {
            return;
        };
        let seed = self.at(question.to.0).seed;
        let frame = match bytes {
            Some(bytes) => Frame::Answer(question.id, bytes),
            None => Frame::NoAnswer(question.id),
        };
        self.give(question.asker, Input::Frame(Link::Seed(seed), frame));
    }

    fn vanishes(&mut self) -> bool {
        let rate = self.profile.lost;
        self.chance(rate)
    }

    /// Lets a link break by itself, now and then.
    fn wear(&mut self, a: Who, b: Who) {
        let rate = self.profile.broken;
        if self.chance(rate) {
            self.break_link(a, b, 0);
        }
    }

    pub(super) fn unlink(&mut self, from: Alive, seed: SeedId) {
        if let Some(other) = self.who(&seed) {
            self.break_link(from.0, other, 0);
        }
    }

    /// Breaks what bound one participant, and every circuit it carried.
    pub(super) fn network_lost(&mut self, (who, _): Alive, notice_ms: u64) {
        let gone = self.network.links.iter().filter_map(|((a, b), bond)| {
            let its = *a == who || *b == who || bond.over == Some(who);
            its.then_some((*a, *b))
        });
        for (a, b) in gone.collect::<Vec<_>>() {
            self.break_link(a, b, notice_ms);
        }
        self.network
            .dialling
            .retain(|((dialler, _), _)| *dialler != who);
    }

    /// Breaks every link of one of these to one of those; each end notices in its own time.
    pub(super) fn sever_links(&mut self, notice_ms: u64) {
        let links = self.network.links.keys().copied();
        let severed = links.filter(|(a, b)| self.are_apart(*a, *b));
        for (a, b) in severed.collect::<Vec<_>>() {
            self.break_link(a, b, notice_ms);
        }
    }

    /// Breaks one link. Each end that runs is told, within `notice_ms`; open questions get none.
    fn break_link(&mut self, a: Who, b: Who, notice_ms: u64) {
        if self.network.links.remove(&pair(a, b)).is_none() {
            return;
        }
        for (at, other) in [(a, b), (b, a)] {
            let delay_ms = self.way_ms() + self.roll(notice_ms + 1);
            let seed = self.at(other).seed;
            let open = self.network.questions.iter();
            let open = open.filter(|(_, asked)| asked.asker.0 == at && asked.to.0 == other);
            for question in open.map(|(number, _)| *number).collect::<Vec<_>>() {
                let due = Due::Answered {
                    question,
                    bytes: None,
                };
                self.later(delay_ms, super::Due::Network(due));
            }
            if let Some(at) = self.alive(at) {
                self.later(delay_ms, super::Due::Network(Due::Broken { at, seed }));
            }
        }
        let circuits = self.network.links.iter().filter_map(|(ends, bond)| {
            let over_a = bond.over == Some(a) && (ends.0 == b || ends.1 == b);
            let over_b = bond.over == Some(b) && (ends.0 == a || ends.1 == a);
            (over_a || over_b).then_some(*ends)
        });
        for (one, other) in circuits.collect::<Vec<_>>() {
            self.break_link(one, other, notice_ms);
        }
    }
}
