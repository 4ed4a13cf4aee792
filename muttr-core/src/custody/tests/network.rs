//! Many custody machines, a clock that jumps, links that take their time.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use super::{START, key};
use crate::{
    custody::{Command, Config, Contact, Custody, Event},
    limit,
    machine::{
        Frame, Input, Kept, Link, Machine, Output, Protocol, Row, Scan, Table, Traits, Write,
    },
    name::{Position, SeedId},
    rejection::Rejection,
    routing::wire::Message,
    time::Time,
    wire::{
        self,
        store::{Get, Holder, Put, Receipt, StoreAnswer, StoreAsk},
    },
};

const LATENCY_MS: u64 = 40;
/// How long it takes to learn that nobody is there.
const REFUSAL_MS: u64 = 90;
const DISK_MS: u64 = 3;

/// What a seed does instead of what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vice {
    /// Promises in its neighbour's name and hands over other bytes.
    Forges,
    /// Answers with what is no message at all.
    Babbles,
    /// Never answers.
    Silent,
    /// Says no to everything.
    Refuses,
    /// Hands over [`JUNK`], which lies under its own key.
    Litters,
    /// Hands over [`NEWER`], likewise.
    Advances,
    /// Names seeds that do not exist when asked for the way, and is honest otherwise.
    Misleads,
    /// Says nothing to what it should forward, and is honest otherwise.
    Drops,
    /// Promises in the names of others what it should forward, says that seeds have it which never
    /// were, and is honest otherwise.
    Invents,
    /// Knows nothing of forwarding: keeps what it gets, hands over what it has.
    Older,
    /// Knows nothing of stamps: passes records on without.
    Unstamps,
}

pub(super) struct Sim {
    pub(super) machine: Custody,
    pub(super) events: Vec<Event>,
    pub(super) disk: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) vice: Option<Vice>,
    /// What it says of itself when linked.
    pub(super) stores: bool,
    alive: bool,
}

enum Happening {
    Input(SeedId, Input<Command>),
    Open(SeedId, SeedId),
    /// A circuit's time is over: of the link made at that moment, not of a later one.
    Cut(SeedId, SeedId, u64),
}

#[derive(Default)]
pub(super) struct Network {
    mono_ms: u64,
    pub(super) seeds: BTreeMap<SeedId, Sim>,
    pub(super) ids: Vec<SeedId>,
    queue: BTreeMap<(u64, u64), Happening>,
    happened: u64,
    /// When each link was made, smaller id first.
    links: BTreeMap<(SeedId, SeedId), u64>,
    /// At whom, under which number there → who asked, under which number.
    asked: BTreeMap<(SeedId, u64), (SeedId, u64)>,
    numbers: u64,
    /// How long a link lasts, if not for ever.
    pub(super) link_life_ms: Option<u64>,
    pub(super) asks_sent: usize,
    /// By how much the calendar has gone ahead of what was played.
    pub(super) slept_ms: u64,
    /// Links that were wanted, and by whom.
    pub(super) dials: Vec<SeedId>,
    /// Questions of the store protocol: from whom, to whom, what.
    pub(super) store_asks: Vec<(SeedId, SeedId, StoreAsk)>,
}

fn pair(a: SeedId, b: SeedId) -> (SeedId, SeedId) {
    if a < b { (a, b) } else { (b, a) }
}

impl Network {
    pub(super) fn now(&self) -> Time {
        Time {
            mono_ms: START.mono_ms + self.mono_ms,
            wall_ms: START.wall_ms + self.mono_ms + self.slept_ms,
        }
    }

    /// Adds a seed that has been started and has not joined.
    pub(super) fn add(&mut self, config: Config) -> SeedId {
        self.add_with(config, BTreeMap::new())
    }

    fn add_with(&mut self, config: Config, disk: BTreeMap<Vec<u8>, Vec<u8>>) -> SeedId {
        let seed = config.me;
        let machine = Custody::new(config);
        let events = Vec::new();
        let sim = Sim {
            machine,
            events,
            disk,
            vice: None,
            stores: true,
            alive: true,
        };
        self.seeds.insert(seed, sim);
        self.ids.push(seed);
        self.command(seed, Command::Start);
        seed
    }

    /// A tab is opened again, with what it had on disk, and joins through the first.
    pub(super) fn come_back(&mut self, config: Config) {
        let seed = config.me;
        let disk = core::mem::take(&mut self.sim(seed).disk);
        self.seeds.remove(&seed);
        self.add_with(config, disk);
        let contact = self.contact(0);
        self.command(seed, Command::Join(vec![contact]));
    }

    /// `count` seeds that join, one every 300 ms, through the first.
    pub(super) fn joined(count: u64) -> Self {
        let mut network = Self::default();
        for number in 0..count {
            let seed = network.add(Config::seed(9, key(number), [number as u8; 32]));
            if number > 0 {
                let contact = network.contact(0);
                network.command(seed, Command::Join(vec![contact]));
            }
            network.run(300);
        }
        network.run(5_000);
        network
    }

    pub(super) fn contact(&self, number: usize) -> Contact {
        let seed = self.ids[number];
        Contact {
            seed,
            addresses: vec![seed.0.to_vec()],
        }
    }

    pub(super) fn sim(&mut self, seed: SeedId) -> &mut Sim {
        self.seeds.get_mut(&seed).unwrap()
    }

    pub(super) fn command(&mut self, seed: SeedId, command: Command) {
        self.input(seed, Input::Command(command));
    }

    pub(super) fn take_events(&mut self, seed: SeedId) -> Vec<Event> {
        core::mem::take(&mut self.sim(seed).events)
    }

    /// The seeds closest to a position, among those given.
    pub(super) fn closest(among: &[SeedId], target: Position, count: usize) -> Vec<SeedId> {
        let mut all = among.to_vec();
        all.sort_by_key(|seed| seed.position().distance(&target));
        all.truncate(count);
        all
    }

    /// A tab is closed: its links break, nothing arrives there any more.
    pub(super) fn leave(&mut self, seed: SeedId) {
        self.sim(seed).alive = false;
        self.ids.retain(|id| *id != seed);
        let links: Vec<_> = self
            .links
            .keys()
            .copied()
            .filter(|(a, b)| *a == seed || *b == seed)
            .collect();
        for (a, b) in links {
            self.unlink(a, b);
        }
    }

    pub(super) fn links_of(&self, seed: SeedId) -> usize {
        self.links
            .keys()
            .filter(|(a, b)| *a == seed || *b == seed)
            .count()
    }

    fn later(&mut self, delay_ms: u64, happening: Happening) {
        self.happened += 1;
        self.queue
            .insert((self.mono_ms + delay_ms, self.happened), happening);
    }

    /// Lets `ms` go by.
    pub(super) fn run(&mut self, ms: u64) {
        let end_ms = self.mono_ms + ms;
        let mut steps = 0_u64;
        loop {
            steps += 1;
            assert!(
                steps < 5_000_000,
                "the machines keep each other busy for ever"
            );
            let next = self.queue.first_key_value().map(|((at_ms, _), _)| *at_ms);
            let deadlines =
                self.seeds
                    .iter()
                    .filter(|(_, sim)| sim.alive)
                    .filter_map(|(id, sim)| {
                        sim.machine
                            .deadline()
                            .map(|at_ms| (at_ms.saturating_sub(START.mono_ms), *id))
                    });
            let due = deadlines
                .min()
                .filter(|(at_ms, _)| next.is_none_or(|next| *at_ms < next));
            let at_ms = due.map(|(at_ms, _)| at_ms).or(next);
            let Some(at_ms) = at_ms.filter(|at_ms| *at_ms <= end_ms) else {
                break;
            };
            self.mono_ms = self.mono_ms.max(at_ms);
            if let Some((_, seed)) = due {
                self.input(seed, Input::Tick);
                let after = self.seeds[&seed].machine.deadline();
                assert!(
                    after.is_none_or(|ms| ms > self.now().mono_ms),
                    "a tick that changes nothing"
                );
            } else if let Some((_, happening)) = self.queue.pop_first() {
                self.happen(happening);
            }
        }
        self.mono_ms = end_ms;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Input(seed, input) => self.input(seed, input),
            Happening::Open(from, to) => self.open(from, to),
            Happening::Cut(a, b, since_ms) => {
                if self.links.get(&(a, b)) == Some(&since_ms) {
                    self.unlink(a, b);
                }
            }
        }
    }

    fn input(&mut self, seed: SeedId, input: Input<Command>) {
        let now = self.now();
        let Some(sim) = self.seeds.get_mut(&seed).filter(|sim| sim.alive) else {
            return;
        };
        let input = match input {
            Input::Frame(link, Frame::Ask(id, Protocol::Store, bytes))
                if sim.vice == Some(Vice::Older) && is_count(&bytes) =>
            {
                let answer = wire::encode(&StoreAnswer::Rejected(Rejection::Unsupported));
                return self.output(seed, Output::Send(link, Frame::Answer(id, answer)));
            }
            Input::Frame(link, Frame::Ask(id, Protocol::Store, bytes))
                if sim.vice == Some(Vice::Older) =>
            {
                Input::Frame(link, Frame::Ask(id, Protocol::Store, age(&bytes)))
            }
            input => input,
        };
        if let Input::Frame(link, Frame::Ask(id, protocol, bytes)) = &input
            && let Some(vice) = sim.vice.filter(|vice| vice.concerns(*protocol, bytes))
        {
            let answer = match protocol {
                Protocol::Store if vice == Vice::Drops => return,
                Protocol::Store => misbehave(vice, seed, bytes),
                Protocol::Routing => Some(mislead(*id)),
            };
            if let Some(bytes) = answer {
                self.output(seed, Output::Send(*link, Frame::Answer(*id, bytes)));
            }
            return;
        }
        sim.machine.handle(now, input);
        while let Some(output) = self.sim(seed).machine.poll() {
            self.output(seed, output);
        }
    }

    fn output(&mut self, seed: SeedId, output: Output<Event>) {
        match output {
            Output::Event(event) => self.sim(seed).events.push(event),
            Output::Link(to, addresses) => {
                self.dials.push(seed);
                if addresses.iter().any(|address| *address == to.0) {
                    self.later(2 * LATENCY_MS, Happening::Open(seed, to));
                } else {
                    self.later(
                        REFUSAL_MS,
                        Happening::Input(seed, Input::Unlinked(Link::Seed(to))),
                    );
                }
            }
            Output::Unlink(Link::Seed(other)) => self.unlink(seed, other),
            Output::Send(Link::Seed(to), frame) => self.send(seed, to, frame),
            Output::Keep(ticket, batch) => {
                for write in batch.writes {
                    match write {
                        Write::Put(Table::Record, row) => {
                            self.sim(seed).disk.insert(row.key, row.value)
                        }
                        Write::Delete(Table::Record, row) => self.sim(seed).disk.remove(&row),
                        _ => panic!("only records are kept here"),
                    };
                }
                self.later(
                    DISK_MS,
                    Happening::Input(seed, Input::Kept(ticket, Kept::Ok)),
                );
            }
            Output::Recall(ticket, scan) => {
                let rows = Some(read(&self.sim(seed).disk, &scan));
                self.later(
                    DISK_MS,
                    Happening::Input(seed, Input::Recalled(ticket, rows)),
                );
            }
            Output::Unlink(Link::Channel(_)) | Output::Send(Link::Channel(_), _) => {
                panic!("custody has no channels")
            }
        }
    }

    fn open(&mut self, from: SeedId, to: SeedId) {
        if !self.seeds.get(&to).is_some_and(|sim| sim.alive) {
            return self.later(
                REFUSAL_MS,
                Happening::Input(from, Input::Unlinked(Link::Seed(to))),
            );
        }
        if self.links.insert(pair(from, to), self.mono_ms).is_none()
            && let Some(life_ms) = self.link_life_ms
        {
            let (a, b) = pair(from, to);
            self.later(life_ms, Happening::Cut(a, b, self.mono_ms));
        }
        for (seed, other) in [(from, to), (to, from)] {
            let addresses = vec![other.0.to_vec()];
            let traits = Traits {
                addresses,
                routes: true,
                stores: self.seeds[&other].stores,
            };
            self.later(
                0,
                Happening::Input(seed, Input::Linked(Link::Seed(other), traits)),
            );
        }
    }

    fn unlink(&mut self, a: SeedId, b: SeedId) {
        self.links.remove(&pair(a, b));
        self.later(1, Happening::Input(a, Input::Unlinked(Link::Seed(b))));
        self.later(1, Happening::Input(b, Input::Unlinked(Link::Seed(a))));
    }

    fn send(&mut self, from: SeedId, to: SeedId, frame: Frame) {
        if !self.links.contains_key(&pair(from, to)) {
            if let Frame::Ask(id, ..) = frame {
                let input = Input::Frame(Link::Seed(to), Frame::NoAnswer(id));
                self.later(1, Happening::Input(from, input));
            }
            return;
        }
        let (to, frame) = match frame {
            Frame::Ask(id, protocol, mut bytes) => {
                self.asks_sent += 1;
                let max = match protocol {
                    Protocol::Routing => limit::ROUTING_BYTES_MAX,
                    Protocol::Store => limit::STORE_BYTES_MAX,
                };
                assert!(bytes.len() <= max);
                if protocol == Protocol::Store {
                    let mut question = wire::decode(&bytes, max).unwrap();
                    if self.seeds[&from].vice == Some(Vice::Unstamps)
                        && let StoreAsk::Put(put) = &mut question
                    {
                        put.stamp.clear();
                        bytes = wire::encode(&question);
                    }
                    self.store_asks.push((from, to, question));
                }
                self.numbers += 1;
                self.asked.insert((to, self.numbers), (from, id));
                (to, Frame::Ask(self.numbers, protocol, bytes))
            }
            Frame::Answer(id, bytes) => {
                let (asker, id) = self
                    .asked
                    .remove(&(from, id))
                    .expect("one answer, and only one");
                (asker, Frame::Answer(id, bytes))
            }
            Frame::NoAnswer(id) => {
                let (asker, id) = self
                    .asked
                    .remove(&(from, id))
                    .expect("one answer, and only one");
                (asker, Frame::NoAnswer(id))
            }
            Frame::Channel(_) => panic!("custody has no channels"),
        };
        self.later(
            LATENCY_MS,
            Happening::Input(to, Input::Frame(Link::Seed(from), frame)),
        );
    }
}

pub(super) fn read(disk: &BTreeMap<Vec<u8>, Vec<u8>>, scan: &Scan) -> Vec<Row> {
    let rows = disk.range(scan.from.clone()..);
    let rows = rows.take_while(|(key, _)| scan.to.is_empty() || **key < scan.to);
    let rows = rows.map(|(key, value)| Row {
        key: key.clone(),
        value: value.clone(),
    });
    rows.take(scan.rows_max as usize).collect()
}

/// No record.
pub(super) const JUNK: &[u8] = &[7; 2048];
/// A record of a version to come.
pub(super) const NEWER: &[u8] = &{
    let mut bytes = [0; 2048];
    let (magic, _) = bytes.split_at_mut(4);
    magic.copy_from_slice(b"MUT2");
    bytes
};

impl Vice {
    /// Whether a question is answered in this way.
    fn concerns(self, protocol: Protocol, question: &[u8]) -> bool {
        let is_store = protocol == Protocol::Store;
        match self {
            Self::Misleads => !is_store,
            Self::Older | Self::Unstamps => false,
            Self::Drops => is_store && is_to_forward(question),
            Self::Invents => {
                let is_asked = is_store && (is_put(question) || is_count(question));
                is_asked && is_to_forward(question)
            }
            _ => is_store,
        }
    }
}

fn read_ask(question: &[u8]) -> StoreAsk {
    wire::decode(question, limit::STORE_BYTES_MAX).unwrap()
}

fn is_put(question: &[u8]) -> bool {
    matches!(read_ask(question), StoreAsk::Put(_))
}

fn is_count(question: &[u8]) -> bool {
    matches!(read_ask(question), StoreAsk::Count(_))
}

/// A seed that is nowhere.
fn nobody(number: u64) -> Holder {
    let seed = Config::seed(0, key(2_000_000 + number), [0; 32]).me;
    // Of some it is said where they are.
    let addresses = vec![seed.0.to_vec().into(); (number % 2) as usize];
    Holder { seed, addresses }
}

fn is_to_forward(question: &[u8]) -> bool {
    match read_ask(question) {
        StoreAsk::Put(put) => put.spread > 0,
        StoreAsk::Get(get) => get.hops < limit::HOPS_MAX,
        StoreAsk::Count(count) => count.hops < limit::HOPS_MAX,
        StoreAsk::Have(_) | StoreAsk::Release(_) | StoreAsk::Digest(_) => false,
    }
}

/// A question as it is understood by who knows nothing of forwarding.
fn age(question: &[u8]) -> Vec<u8> {
    let question = match read_ask(question) {
        StoreAsk::Put(put) => StoreAsk::Put(Put { spread: 0, ..put }),
        StoreAsk::Get(get) => StoreAsk::Get(Get {
            hops: limit::HOPS_MAX,
            ..get
        }),
        other => other,
    };
    wire::encode(&question)
}

fn misbehave(vice: Vice, me: SeedId, question: &[u8]) -> Option<Vec<u8>> {
    let question = wire::decode::<StoreAsk>(question, limit::STORE_BYTES_MAX).unwrap();
    let answer = match (vice, question) {
        (Vice::Silent | Vice::Misleads | Vice::Drops | Vice::Older | Vice::Unstamps, _) => {
            return None;
        }
        (Vice::Invents, StoreAsk::Put(Put { record, spread, .. })) => {
            let record = crate::envelope::record::Record::parse(&record).unwrap();
            let invented = (0..=u64::from(spread)).map(|number| Receipt {
                key: record.key(),
                expires_h: record.expires_h(),
                seed: Config::seed(0, key(number), [0; 32]).me,
                signature: vec![1; 64],
            });
            let others = invented.filter(|receipt| receipt.seed != me);
            StoreAnswer::Kept(others.collect())
        }
        (Vice::Invents, StoreAsk::Count(_)) => StoreAnswer::Counted((0..9).map(nobody).collect()),
        (Vice::Babbles, _) => return Some(vec![0xff; 300]),
        (Vice::Refuses, _) => StoreAnswer::Rejected(Rejection::Full),
        (Vice::Litters, _) => StoreAnswer::Record(JUNK.to_vec().into()),
        (Vice::Advances, _) => StoreAnswer::Record(NEWER.to_vec().into()),
        (Vice::Forges, StoreAsk::Put(Put { record, .. })) => {
            let record = crate::envelope::record::Record::parse(&record).unwrap();
            let (key, expires_h) = (record.key(), record.expires_h());
            StoreAnswer::Kept(vec![Receipt {
                key,
                expires_h,
                seed: me,
                signature: vec![1; 64],
            }])
        }
        (Vice::Forges | Vice::Invents, _) => {
            StoreAnswer::Record(super::record(666, limit::DAY_MS).into_bytes().into())
        }
    };
    Some(wire::encode(&answer))
}

/// An answer full of seeds that nobody can reach.
fn mislead(number: u64) -> Vec<u8> {
    let mut answer = Message {
        kind: 4,
        ..Message::default()
    };
    for at in 0..limit::BUCKET_SEEDS_MAX as u64 {
        let seed = Config::seed(0, key(1_000_000 + 20 * number + at), [0; 32]).me;
        answer.push(
            &Contact {
                seed,
                addresses: vec![seed.0.to_vec()],
            },
            false,
        );
    }
    answer.encode()
}

/// Every seed whose promise is among these events.
pub(super) fn holders(events: &[Event]) -> BTreeSet<SeedId> {
    let receipts = events.iter().filter_map(|event| match event {
        Event::Receipt { receipt, .. } => Some(receipt.seed),
        _ => None,
    });
    receipts.collect()
}
