//! A seed by itself: what it is told and asked, what it asks and answers.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{
    START, key,
    network::{Network, read},
};
use crate::{
    custody::{Command, Config, Custody, receipt},
    envelope::record::Record,
    limit,
    machine::{Frame, Input, Kept, Link, Machine, Output, Protocol, Traits, Write},
    name::{Position, RecordKey, SeedId},
    time::Time,
    wire::{
        self,
        store::{StoreAnswer, StoreAsk},
    },
};

/// A seed whose neighbours are these, and what it asks of them.
pub(super) struct Forwarder {
    pub(super) machine: Custody,
    pub(super) now: Time,
    pub(super) asked: Vec<(SeedId, u64, StoreAsk)>,
    pub(super) answers: Vec<(SeedId, u64, StoreAnswer)>,
    pub(super) writes: usize,
    disk: BTreeMap<Vec<u8>, Vec<u8>>,
}

pub(super) fn id(number: u64) -> SeedId {
    SeedId(key(number).verifying_key().to_bytes())
}

/// The seeds 2 to `count` + 1, those closest to a key first.
pub(super) fn others(count: u64, target: &RecordKey) -> Vec<SeedId> {
    let all: Vec<SeedId> = (2..count + 2).map(id).collect();
    Network::closest(&all, Position::of(&target.0), all.len())
}

pub(super) fn promise(seed: SeedId, record: &Record) -> StoreAnswer {
    let key = (2..200)
        .map(key)
        .find(|key| SeedId(key.verifying_key().to_bytes()) == seed);
    let receipt = receipt::sign(&key.unwrap(), record.key(), record.expires_h());
    StoreAnswer::Kept(vec![receipt])
}

impl Forwarder {
    pub(super) fn linked_to(seeds: &[SeedId]) -> Self {
        let mut forwarder = Self {
            machine: Custody::new(Config::seed(9, key(1), [1; 32])),
            now: START,
            asked: Vec::new(),
            answers: Vec::new(),
            writes: 0,
            disk: BTreeMap::new(),
        };
        forwarder.give(Input::Command(Command::Start));
        for seed in seeds {
            let traits = Traits {
                addresses: vec![vec![4]],
                routes: true,
                stores: true,
            };
            forwarder.give(Input::Linked(Link::Seed(*seed), traits));
        }
        forwarder
    }

    /// The same, routing nothing: seeds that only keep records.
    pub(super) fn idle(seeds: &[SeedId]) -> Self {
        let mut forwarder = Self::linked_to(&[]);
        for seed in seeds {
            let traits = Traits {
                addresses: vec![vec![4]],
                routes: false,
                stores: true,
            };
            forwarder.give(Input::Linked(Link::Seed(*seed), traits));
        }
        forwarder
    }

    pub(super) fn give(&mut self, input: Input<Command>) {
        self.machine.handle(self.now, input);
        while let Some(output) = self.machine.poll() {
            match output {
                Output::Recall(ticket, scan) => {
                    let rows = Some(read(&self.disk, &scan));
                    self.machine.handle(self.now, Input::Recalled(ticket, rows));
                }
                Output::Keep(ticket, batch) => {
                    self.writes += 1;
                    for write in batch.writes {
                        match write {
                            Write::Put(_, row) => self.disk.insert(row.key, row.value),
                            Write::Delete(_, row) => self.disk.remove(&row),
                        };
                    }
                    self.machine.handle(self.now, Input::Kept(ticket, Kept::Ok));
                }
                Output::Send(Link::Seed(to), Frame::Ask(id, Protocol::Store, bytes)) => {
                    let ask = wire::decode(&bytes, limit::STORE_BYTES_MAX).unwrap();
                    self.asked.push((to, id, ask));
                }
                Output::Send(Link::Seed(to), Frame::Answer(id, bytes)) => {
                    let answer = wire::decode(&bytes, limit::STORE_BYTES_MAX).unwrap();
                    self.answers.push((to, id, answer));
                }
                Output::Link(..) => panic!("a forwarder dials nobody"),
                _ => {}
            }
        }
    }

    pub(super) fn ask(&mut self, from: SeedId, id: u64, question: &StoreAsk) {
        let frame = Frame::Ask(id, Protocol::Store, wire::encode(question));
        self.give(Input::Frame(Link::Seed(from), frame));
    }

    pub(super) fn reply(&mut self, from: SeedId, id: u64, answer: &StoreAnswer) {
        let frame = Frame::Answer(id, wire::encode(answer));
        self.give(Input::Frame(Link::Seed(from), frame));
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.now = Time {
            mono_ms: self.now.mono_ms + ms,
            wall_ms: self.now.wall_ms + ms,
        };
        self.give(Input::Tick);
    }

    pub(super) fn take_asked(&mut self) -> Vec<(SeedId, u64, StoreAsk)> {
        core::mem::take(&mut self.asked)
    }

    pub(super) fn only_answer(&mut self) -> (SeedId, u64, StoreAnswer) {
        let answers = core::mem::take(&mut self.answers);
        let [answer] = answers.try_into().expect("one answer");
        answer
    }
}
