//! A pod and its seeds in one room: virtual time, disks that are maps, no latency.

mod conversation;
mod hidden;
mod moved;
mod release;
mod stamp;
mod straight;
mod trouble;
mod watch;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    string::{String, ToString},
    vec,
    vec::Vec,
};

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::*;
use crate::{
    keyring::cast,
    machine::{Need, Scan, Table, Traits, Write},
    name::{Alias, SeedId},
    pod::{self, Pod},
    wire::store::{StoreAnswer, StoreAsk},
};

const HOST: &str = "oak.example";
/// 1 December 2026.
const WALL_MS: u64 = 1_796_083_200_000;

/// A disk that never fails unless told to.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    pub(super) moods: VecDeque<Kept>,
    /// So many of the next reads fail.
    pub(super) unreadable: u32,
}

impl Disk {
    fn keep(&mut self, batch: &Batch) -> Kept {
        if let Some(mood) = self.moods.pop_front()
            && mood != Kept::Ok
        {
            return mood;
        }
        let holds = batch.needs.iter().all(|need| match need {
            Need::Absent(table, key) => !self.rows.contains_key(&(*table, key.clone())),
            Need::Equal(table, key, value) => self.rows.get(&(*table, key.clone())) == Some(value),
        });
        if !holds {
            return Kept::Conflict;
        }
        for write in &batch.writes {
            match write {
                Write::Put(table, row) => {
                    self.rows
                        .insert((*table, row.key.clone()), row.value.clone());
                }
                Write::Delete(table, key) => {
                    self.rows.remove(&(*table, key.clone()));
                }
            }
        }
        Kept::Ok
    }

    fn recall(&mut self, scan: &Scan) -> Option<Vec<Row>> {
        if let Some(left) = self.unreadable.checked_sub(1) {
            self.unreadable = left;
            return None;
        }
        let rows = self
            .rows
            .range((scan.table, scan.from.clone())..)
            .take_while(|((table, key), _)| {
                *table == scan.table && (scan.to.is_empty() || *key < scan.to)
            })
            .take(scan.rows_max as usize)
            .map(|((_, key), value)| Row {
                key: key.clone(),
                value: value.clone(),
            });
        Some(rows.collect())
    }

    pub(super) fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(of, _)| *of == table).count()
    }
}

/// A seed in the room, running or not.
pub(super) struct Someone {
    pub(super) disk: Disk,
    pub(super) events: Vec<Event>,
    running: Option<Seed>,
    id: SeedId,
    channel: u64,
    lives: u8,
    hidden: bool,
}

pub(super) struct Room {
    pub(super) now: Time,
    pub(super) pod_disk: Disk,
    pod: Option<Pod>,
    pod_lives: u8,
    /// What the pod asks of stamps; one older than stamps asks for nothing.
    pub(super) stamp_bits: u8,
    pub(super) people: BTreeMap<String, Someone>,
    channels: u64,
    asks: u64,
    /// What mallory hands over to whoever asks for it, besides what she keeps.
    pub(super) planted: BTreeMap<RecordKey, Vec<u8>>,
    /// Questions under way: the number the answerer sees → who asked, under which number.
    asked: BTreeMap<u64, (SeedId, u64)>,
}

fn key_of(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(name.as_bytes()).into())
}

fn id_of(key: &SigningKey) -> SeedId {
    SeedId(key.verifying_key().to_bytes())
}

pub(super) fn alias(label: &str) -> Alias {
    alloc::format!("{label}@{HOST}").parse().unwrap()
}

fn traits() -> Traits {
    Traits {
        addresses: vec![vec![1]],
        routes: true,
        stores: true,
    }
}

impl Room {
    /// A room with a pod in it.
    pub(super) fn new() -> Self {
        let mut room = Self {
            now: Time {
                mono_ms: 1_000,
                wall_ms: WALL_MS,
            },
            pod_disk: Disk::default(),
            pod: None,
            pod_lives: 0,
            stamp_bits: limit::STAMP_BITS,
            people: BTreeMap::new(),
            channels: 0,
            asks: 0,
            planted: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
        room.pod_starts();
        room
    }

    fn pod_key() -> SigningKey {
        key_of("oak")
    }

    pub(super) fn pod_starts(&mut self) {
        self.pod_lives += 1;
        let mut config = pod::Config::new(
            HOST.parse().unwrap(),
            cast::carol(),
            Zeroizing::new([9; 32]),
            Self::pod_key(),
            [self.pod_lives; 32],
        );
        config.custody.stamp_bits = self.stamp_bits;
        self.pod = Some(Pod::new(config));
        self.give_pod(Input::Command(pod::Command::Start));
        let names: Vec<String> = self.people.keys().cloned().collect();
        for name in names {
            if self.people[&name].running.is_some() {
                self.connect(&name);
            }
        }
    }

    /// A power cut: what was not kept is gone, and so are all links.
    pub(super) fn pod_dies(&mut self) {
        self.pod = None;
        let names: Vec<String> = self.people.keys().cloned().collect();
        for name in names {
            self.give(&name, Input::Unlinked(Link::Channel(0)));
            self.give(&name, Input::Unlinked(Link::Seed(id_of(&Self::pod_key()))));
        }
    }

    /// Opens someone's profile, new or as it was left.
    pub(super) fn joins(&mut self, name: &str) {
        self.opens(name, false);
    }

    /// The same, so that no other seed learns of it.
    pub(super) fn joins_hidden(&mut self, name: &str) {
        self.opens(name, true);
    }

    fn opens(&mut self, name: &str, hidden: bool) {
        let key = key_of(name);
        let id = id_of(&key);
        let someone = self.people.entry(name.to_string()).or_insert(Someone {
            disk: Disk::default(),
            events: Vec::new(),
            running: None,
            id,
            channel: 0,
            lives: 0,
            hidden,
        });
        someone.lives += 1;
        someone.hidden = hidden;
        let mut random: [u8; 32] = Sha256::digest(name.as_bytes()).into();
        random[0] ^= someone.lives;
        let identity = match name {
            "alice" => Some(cast::alice()),
            "bob" => Some(cast::bob()),
            "mallory" => Some(cast::mallory()),
            _ => None,
        };
        someone.running = Some(Seed::new(Config {
            pods: Vec::new(),
            host: HOST.parse().unwrap(),
            pod: Contact {
                seed: id_of(&Self::pod_key()),
                addresses: vec![vec![1]],
            },
            key,
            identity,
            keep_bytes_max: limit::KEEP_BYTES_DEFAULT,
            hidden,
            posts: true,
            random,
        }));
        self.give(name, Input::Command(Command::Start));
        self.connect(name);
    }

    fn connect(&mut self, name: &str) {
        self.channels += 1;
        let channel = self.channels;
        self.people.get_mut(name).unwrap().channel = channel;
        self.give_pod(Input::Linked(Link::Channel(channel), Traits::default()));
        self.give(name, Input::Linked(Link::Channel(0), Traits::default()));
    }

    /// Closes someone's profile, without a word.
    pub(super) fn leaves(&mut self, name: &str) {
        let someone = self.people.get_mut(name).unwrap();
        someone.running = None;
        let (id, channel) = (someone.id, someone.channel);
        self.give_pod(Input::Unlinked(Link::Channel(channel)));
        self.give_pod(Input::Unlinked(Link::Seed(id)));
        let others: Vec<String> = self.people.keys().cloned().collect();
        for other in others {
            self.give(&other, Input::Unlinked(Link::Seed(id)));
        }
    }

    pub(super) fn seed(&self, name: &str) -> &Seed {
        self.people[name].running.as_ref().unwrap()
    }

    pub(super) fn give(&mut self, name: &str, input: Input<Command>) {
        let now = self.now;
        if let Some(seed) = self.people.get_mut(name).and_then(|s| s.running.as_mut()) {
            seed.handle(now, input);
            self.drain(name);
        }
    }

    pub(super) fn give_pod(&mut self, input: Input<pod::Command>) {
        let now = self.now;
        if let Some(pod) = self.pod.as_mut() {
            pod.handle(now, input);
            self.drain_pod();
        }
    }

    fn drain(&mut self, name: &str) {
        while let Some(someone) = self.people.get_mut(name)
            && let Some(output) = someone.running.as_mut().and_then(Seed::poll)
        {
            let id = someone.id;
            match output {
                Output::Keep(ticket, batch) => {
                    let kept = someone.disk.keep(&batch);
                    self.give(name, Input::Kept(ticket, kept));
                }
                Output::Recall(ticket, scan) => {
                    let rows = someone.disk.recall(&scan);
                    self.give(name, Input::Recalled(ticket, rows));
                }
                Output::Event(event) => someone.events.push(event),
                Output::Send(Link::Channel(_), frame) => {
                    let channel = someone.channel;
                    self.give_pod(Input::Frame(Link::Channel(channel), frame));
                }
                Output::Link(..)
                | Output::Unlink(Link::Seed(_))
                | Output::Send(Link::Seed(_), _)
                    if someone.hidden =>
                {
                    panic!("{name} is hidden and turns to other seeds");
                }
                Output::Send(Link::Seed(to), frame) => self.carry(id, to, frame),
                Output::Link(to, _) => self.link(id, to),
                Output::Unlink(_) => {}
            }
        }
    }

    fn drain_pod(&mut self) {
        let pod_id = id_of(&Self::pod_key());
        while let Some(output) = self.pod.as_mut().and_then(Pod::poll) {
            match output {
                Output::Keep(ticket, batch) => {
                    let kept = self.pod_disk.keep(&batch);
                    self.give_pod(Input::Kept(ticket, kept));
                }
                Output::Recall(ticket, scan) => {
                    let rows = self.pod_disk.recall(&scan);
                    self.give_pod(Input::Recalled(ticket, rows));
                }
                Output::Event(_) => {}
                Output::Send(Link::Channel(channel), frame) => {
                    if let Some(name) = self.by_channel(channel) {
                        self.give(&name, Input::Frame(Link::Channel(0), frame));
                    }
                }
                Output::Unlink(Link::Channel(channel)) => {
                    if let Some(name) = self.by_channel(channel) {
                        self.give(&name, Input::Unlinked(Link::Channel(0)));
                    }
                }
                Output::Send(Link::Seed(to), frame) => self.carry(pod_id, to, frame),
                Output::Link(to, _) => self.link(pod_id, to),
                Output::Unlink(Link::Seed(_)) => {}
            }
        }
    }

    fn by_channel(&self, channel: u64) -> Option<String> {
        let found = self
            .people
            .iter()
            .find(|(_, someone)| someone.channel == channel)?;
        Some(found.0.clone())
    }

    fn to(&mut self, seed: SeedId, input: Input<Command>) {
        if seed == id_of(&Self::pod_key()) {
            let input = match input {
                Input::Linked(link, traits) => Input::Linked(link, traits),
                Input::Unlinked(link) => Input::Unlinked(link),
                Input::Frame(link, frame) => Input::Frame(link, frame),
                _ => return,
            };
            return self.give_pod(input);
        }
        let name = self
            .people
            .iter()
            .find(|(_, s)| s.id == seed)
            .map(|(name, _)| name.clone());
        if let Some(name) = name {
            self.give(&name, input);
        }
    }

    fn present(&self, seed: SeedId) -> bool {
        let pod = seed == id_of(&Self::pod_key()) && self.pod.is_some();
        pod || self
            .people
            .values()
            .any(|s| s.id == seed && s.running.is_some())
    }

    fn link(&mut self, from: SeedId, to: SeedId) {
        if self.present(to) {
            self.to(to, Input::Linked(Link::Seed(from), traits()));
            self.to(from, Input::Linked(Link::Seed(to), traits()));
        } else {
            self.to(from, Input::Unlinked(Link::Seed(to)));
        }
    }

    /// What mallory answers instead of her machine.
    fn mallory_says(&self, question: &Frame) -> Option<Frame> {
        let Frame::Ask(number, crate::machine::Protocol::Store, bytes) = question else {
            return None;
        };
        let asked = crate::wire::decode(bytes, limit::STORE_BYTES_MAX);
        let Ok(StoreAsk::Get(get)) = asked else {
            return None;
        };
        let record = self.planted.get(&get.key)?.clone();
        let answer = StoreAnswer::Record(record.into());
        Some(Frame::Answer(*number, crate::wire::encode(&answer)))
    }

    fn carry(&mut self, from: SeedId, to: SeedId, frame: Frame) {
        if to == id_of(&key_of("mallory"))
            && let Some(answer) = self.mallory_says(&frame)
        {
            return self.to(from, Input::Frame(Link::Seed(to), answer));
        }
        match frame {
            Frame::Ask(number, protocol, bytes) if self.present(to) => {
                self.asks += 1;
                self.asked.insert(self.asks, (from, number));
                let ask = Frame::Ask(self.asks, protocol, bytes);
                self.to(to, Input::Frame(Link::Seed(from), ask));
            }
            Frame::Ask(number, ..) => {
                self.to(from, Input::Frame(Link::Seed(to), Frame::NoAnswer(number)));
            }
            Frame::Answer(number, bytes) => {
                if let Some((asker, number)) = self.asked.remove(&number) {
                    let answer = Frame::Answer(number, bytes);
                    self.to(asker, Input::Frame(Link::Seed(from), answer));
                }
            }
            Frame::NoAnswer(number) => {
                if let Some((asker, number)) = self.asked.remove(&number) {
                    self.to(
                        asker,
                        Input::Frame(Link::Seed(from), Frame::NoAnswer(number)),
                    );
                }
            }
            Frame::Channel(_) => {}
        }
    }

    /// Lets time pass, waking everyone at their deadlines.
    pub(super) fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        while self.now.mono_ms < until {
            let seeds = self
                .people
                .values()
                .filter_map(|s| s.running.as_ref()?.deadline());
            let pod = self.pod.as_ref().and_then(Pod::deadline);
            let next = seeds.chain(pod).min().unwrap_or(until);
            let next = next.clamp(self.now.mono_ms + 1, until);
            self.now.wall_ms += next - self.now.mono_ms;
            self.now.mono_ms = next;
            self.give_pod(Input::Tick);
            let names: Vec<String> = self.people.keys().cloned().collect();
            for name in names {
                self.give(&name, Input::Tick);
            }
        }
    }

    /// Gives a command and waits for what it comes to.
    pub(super) fn ask(&mut self, name: &str, command: Command) -> Result<Done, Rejection> {
        let (Command::Register { id, .. }
        | Command::Move { id, .. }
        | Command::Lookup { id, .. }
        | Command::Send { id, .. }
        | Command::Messages { id, .. }
        | Command::Conversations { id }
        | Command::Inbox { id }
        | Command::MarkRead { id, .. }
        | Command::Judge { id, .. }) = command
        else {
            panic!("a command without an answer");
        };
        self.give(name, Input::Command(command));
        for _ in 0..400 {
            let events = &mut self.people.get_mut(name).unwrap().events;
            let done = |event: &Event| matches!(event, Event::Done(of, _) if *of == id);
            if let Some(at) = events.iter().position(done) {
                let Event::Done(_, result) = events.remove(at) else {
                    unreachable!()
                };
                return result;
            }
            self.pass(100);
        }
        panic!("no answer in 40 seconds");
    }

    /// Lets someone search until there is nothing left to search for.
    pub(super) fn finds_stamps(&mut self, name: &str) {
        let stamping = |it: &outbox::Outgoing| it.stage == outbox::Stage::Stamping;
        while self.seed(name).outbox.messages.values().any(stamping) {
            self.give(name, Input::Tick);
        }
    }

    pub(super) fn registers(&mut self, name: &str) {
        let label = name.parse().unwrap();
        let done = self.ask(name, Command::Register { id: 1, label });
        assert!(matches!(done, Ok(Done::Registered(of)) if of == alias(name)));
    }

    pub(super) fn writes(
        &mut self,
        name: &str,
        to: &str,
        text: &str,
    ) -> Result<Delivery, Rejection> {
        let draft = Box::new(Draft {
            to: alias(to),
            content_type: "text/plain".to_string(),
            body: text.as_bytes().to_vec(),
            reply_to: None,
            life_ms: limit::RECORD_LIFE_DEFAULT_MS,
        });
        match self.ask(name, Command::Send { id: 2, draft })? {
            Done::Delivery(delivery) => Ok(delivery),
            other => panic!("{other:?}"),
        }
    }

    /// The conversation of two, as the first shows it, newest first.
    pub(super) fn page(&mut self, name: &str, with: &str) -> Vec<Message> {
        let page = Command::Messages {
            id: 6,
            with: alias(with),
            before_ms: None,
            count: 50,
        };
        let Done::Messages(messages) = self.ask(name, page).unwrap() else {
            panic!("{name} was shown something else");
        };
        messages
    }

    /// The texts of the messages that were announced since this was last asked.
    pub(super) fn reads(&mut self, name: &str) -> Vec<Message> {
        let events = core::mem::take(&mut self.people.get_mut(name).unwrap().events);
        let read = events.into_iter().filter_map(|event| match event {
            Event::Message(message) => Some(*message),
            _ => None,
        });
        read.collect()
    }
}

/// A room in which alice and bob are, under their names.
fn two_people() -> Room {
    let mut room = Room::new();
    for name in ["alice", "bob"] {
        room.joins(name);
        room.registers(name);
    }
    room
}
