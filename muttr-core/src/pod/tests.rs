//! A pod and its visitors in one room: virtual time, a disk that is a map, real sessions.

mod alias;
mod contacts;
mod federation;
mod login;
mod mail;
mod place;
mod stamps;
mod storage;
mod watch;

use alloc::{
    collections::{BTreeMap, VecDeque},
    format, vec,
    vec::Vec,
};

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use super::{Command, Config, Event, Pod, Quotas};
use crate::{
    envelope::{
        record::{Kind, Record, expiry_h},
        stamp,
    },
    keyring::{Identity, binding},
    limit,
    machine::{
        Batch, Frame, Input, Kept, Link, Machine, Need, Output, Row, Scan, Table, Ticket, Traits,
        Write,
    },
    name::{Alias, DeviceId, Fingerprint, Host, RecordKey},
    rejection::Rejection,
    seed::session::{Incoming, Session},
    session::Version,
    time::Time,
    wire::channel::{Notification, SignedBinding, ToPod, ToSeed, Welcome},
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const HOST: &str = "oak.example";
/// 1 November 2026, on the hour.
const EPOCH_MS: u64 = 1_793_491_200_000;

fn dice(label: &str) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(Sha256::digest(label.as_bytes()).into())
}

fn host(name: &str) -> Host {
    name.parse().unwrap()
}

fn alias(label: &str) -> Alias {
    format!("{label}@{HOST}").parse().unwrap()
}

/// The cast: the same name is the same person, in every test.
fn person(name: &str) -> Identity {
    let born = Time {
        mono_ms: 0,
        wall_ms: EPOCH_MS - limit::DAY_MS,
    };
    Identity::generate(&mut dice(name), born).unwrap()
}

fn device(name: &str) -> DeviceId {
    DeviceId::from_slice(&Sha256::digest(name.as_bytes())[..16]).unwrap()
}

/// A record that holders accept; `n` sets it apart.
fn record(now: Time, n: u32, life_ms: u64) -> Record {
    let mut body = vec![0xd2, 0, 0, 2, 9, 3, 10];
    let body_bytes = limit::RECORD_CLASSES_BYTES[0] - limit::RECORD_HEADER_BYTES - 3;
    let coded = body_bytes - 192;
    body[1] = 192 + u8::try_from(coded / 256).unwrap();
    body[2] = u8::try_from(coded % 256).unwrap();
    body.extend_from_slice(&n.to_be_bytes());
    body.resize(body_bytes + 3, 7);
    Record::new(Kind::Chunk, expiry_h(now, life_ms), [1; 32], &body).unwrap()
}

/// A map, and what it does wrong next.
#[derive(Clone, Default)]
struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    /// Results of the next writes; the rest succeed.
    moods: VecDeque<Kept>,
    /// How many reads fail.
    deaf: usize,
}

impl Disk {
    fn keep(&mut self, batch: Batch) -> Kept {
        match self.moods.pop_front() {
            None | Some(Kept::Ok) => {}
            Some(mood) => return mood,
        }
        let holds = |need: &Need| match need {
            Need::Absent(table, key) => !self.rows.contains_key(&(*table, key.clone())),
            Need::Equal(table, key, value) => self.rows.get(&(*table, key.clone())) == Some(value),
        };
        if !batch.needs.iter().all(holds) {
            return Kept::Conflict;
        }
        for write in batch.writes {
            match write {
                Write::Put(table, row) => drop(self.rows.insert((table, row.key), row.value)),
                Write::Delete(table, key) => drop(self.rows.remove(&(table, key))),
            }
        }
        Kept::Ok
    }

    fn recall(&mut self, scan: &Scan) -> Option<Vec<Row>> {
        if let Some(left) = self.deaf.checked_sub(1) {
            self.deaf = left;
            return None;
        }
        let rows = self.rows.range((scan.table, scan.from.clone())..);
        let rows = rows.take_while(|((table, key), _)| {
            *table == scan.table && (scan.to.is_empty() || *key < scan.to)
        });
        let rows = rows.map(|((_, key), value)| Row {
            key: key.clone(),
            value: value.clone(),
        });
        Some(rows.take(scan.rows_max as usize).collect())
    }

    fn count(&self, table: Table) -> usize {
        self.rows
            .keys()
            .filter(|(other, _)| *other == table)
            .count()
    }
}

/// A seed's end of one channel.
struct Visitor {
    session: Session,
    heard: VecDeque<Incoming>,
    /// What its own session ended with.
    fault: Option<Rejection>,
    /// The pod closed the channel.
    closed: bool,
}

/// See the module.
struct House {
    name: &'static str,
    pod: Pod,
    disk: Disk,
    now: Time,
    visitors: BTreeMap<u64, Visitor>,
    channels: u64,
    events: Vec<Event>,
    /// Those that were looked at already.
    kept_events: Vec<Event>,
    /// Counts what others handed over.
    given: u64,
    /// Calls that the other pod has not answered, by its number of them.
    waiting: Vec<(u64, u64)>,
    /// What the pod said to other seeds.
    answers: Vec<(Link, Frame)>,
    /// Writes wait here while the disk is slow.
    slow: Option<VecDeque<(Ticket, Batch)>>,
    starts: u8,
    quotas: Quotas,
    /// What seeds say that they want to say.
    version: Version,
}

fn config(random: [u8; 32], quotas: Quotas) -> Config {
    config_of(HOST, random, quotas)
}

fn config_of(name: &str, random: [u8; 32], quotas: Quotas) -> Config {
    let short = name.split_once('.').unwrap().0;
    let key = SigningKey::from_bytes(&Sha256::digest(name).into());
    let secret = zeroize::Zeroizing::new([6; 32]);
    Config {
        quotas,
        addresses: vec![name.as_bytes().to_vec()],
        ..Config::new(host(name), person(short), secret, key, random)
    }
}

/// Enough for people who write much in no time.
fn generous() -> Quotas {
    Quotas {
        notify_burst: 100_000,
        ..Quotas::default()
    }
}

impl House {
    fn new() -> Self {
        Self::with(generous())
    }

    fn with(quotas: Quotas) -> Self {
        Self::named(HOST, quotas)
    }

    fn named(name: &'static str, quotas: Quotas) -> Self {
        let now = Time {
            mono_ms: 1_000,
            wall_ms: EPOCH_MS,
        };
        let mut house = Self {
            name,
            pod: Pod::new(config_of(name, [0; 32], quotas)),
            disk: Disk::default(),
            now,
            visitors: BTreeMap::new(),
            channels: 0,
            events: Vec::new(),
            kept_events: Vec::new(),
            given: 0,
            waiting: Vec::new(),
            answers: Vec::new(),
            slow: None,
            starts: 0,
            quotas,
            version: Version::Fifth,
        };
        house.restart();
        house
    }

    /// What is in memory is gone, and so is every channel.
    fn restart(&mut self) {
        self.starts += 1;
        self.pod = Pod::new(config_of(self.name, [self.starts; 32], self.quotas));
        self.visitors.clear();
        self.slow = None;
        self.give(Input::Command(Command::Start));
        assert!(self.pod.is_ready());
    }

    fn give(&mut self, input: Input<Command>) {
        self.pod.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.pod.poll() {
            match output {
                Output::Send(Link::Channel(channel), Frame::Channel(bytes)) => {
                    let Some(visitor) = self.visitors.get_mut(&channel) else {
                        continue;
                    };
                    match visitor.session.receive(self.now, &bytes) {
                        Ok(incoming) => visitor.heard.extend(incoming),
                        Err(fault) => visitor.fault = Some(fault),
                    }
                }
                Output::Unlink(Link::Channel(channel)) => {
                    if let Some(visitor) = self.visitors.get_mut(&channel) {
                        visitor.closed = true;
                    }
                    self.pod
                        .handle(self.now, Input::Unlinked(Link::Channel(channel)));
                }
                Output::Keep(ticket, batch) => match &mut self.slow {
                    Some(waiting) => waiting.push_back((ticket, batch)),
                    None => {
                        let kept = self.disk.keep(batch);
                        self.pod.handle(self.now, Input::Kept(ticket, kept));
                    }
                },
                Output::Recall(ticket, scan) => {
                    let rows = self.disk.recall(&scan);
                    self.pod.handle(self.now, Input::Recalled(ticket, rows));
                }
                Output::Event(event) => self.events.push(event),
                Output::Send(link, frame) => self.answers.push((link, frame)),
                Output::Link(..) | Output::Unlink(_) => {}
            }
        }
    }

    /// The slow disk does one write.
    fn write_one(&mut self) -> bool {
        let Some((ticket, batch)) = self.slow.as_mut().and_then(VecDeque::pop_front) else {
            return false;
        };
        let kept = self.disk.keep(batch);
        self.give(Input::Kept(ticket, kept));
        true
    }

    /// Time passes, and every deadline in it.
    fn pass(&mut self, ms: u64) {
        let until = self.now.mono_ms + ms;
        while let Some(at) = self.pod.deadline().filter(|&at| at <= until) {
            let step = at.saturating_sub(self.now.mono_ms);
            self.now.mono_ms += step;
            self.now.wall_ms += step;
            self.give(Input::Tick);
        }
        self.now.wall_ms += until - self.now.mono_ms;
        self.now.mono_ms = until;
    }

    /// Like [`House::pass`], with everyone who is there answering pings. Of a long time only the
    /// last two hours are lived through; before them the calendar jumps.
    fn pass_awake(&mut self, ms: u64) {
        let mut left = ms.min(2 * limit::HOUR_MS);
        self.now.wall_ms += ms - left;
        while left > 0 {
            let step = left.min(limit::PING_MS);
            self.pass(step);
            left -= step;
            let open: Vec<u64> = self
                .visitors
                .iter()
                .filter(|(_, v)| !v.closed)
                .map(|(&c, _)| c)
                .collect();
            for channel in open {
                self.say(channel, &ToPod::Pong { nonce: 1 });
            }
        }
    }

    /// Opens a channel; yields it and the first frame, which is not sent yet.
    fn approach(&mut self, name: &str, pinned: Option<Fingerprint>) -> (u64, Vec<u8>) {
        self.channels += 1;
        let channel = self.channels;
        let random = Sha256::digest(channel.to_be_bytes()).into();
        let (session, first) = Session::start(&host(name), pinned, self.version, random).unwrap();
        let visitor = Visitor {
            session,
            heard: VecDeque::new(),
            fault: None,
            closed: false,
        };
        self.visitors.insert(channel, visitor);
        self.give(Input::Linked(Link::Channel(channel), Traits::default()));
        (channel, first)
    }

    /// Opens a channel and sends the first frame.
    fn knock_at(&mut self, name: &str, pinned: Option<Fingerprint>) -> u64 {
        let (channel, first) = self.approach(name, pinned);
        self.frame(channel, first);
        channel
    }

    fn knock(&mut self) -> u64 {
        let channel = self.knock_at(self.name, None);
        assert!(matches!(
            self.next_incoming(channel),
            Some(Incoming::Ready(_))
        ));
        channel
    }

    fn frame(&mut self, channel: u64, bytes: Vec<u8>) {
        self.give(Input::Frame(Link::Channel(channel), Frame::Channel(bytes)));
    }

    fn frames(&mut self, channel: u64, message: &ToPod) -> Vec<Vec<u8>> {
        self.visitors
            .get_mut(&channel)
            .unwrap()
            .session
            .send(message)
            .unwrap()
    }

    fn say(&mut self, channel: u64, message: &ToPod) {
        for frame in self.frames(channel, message) {
            self.frame(channel, frame);
        }
    }

    fn login(
        &mut self,
        channel: u64,
        who: &Identity,
        on: &str,
        cursor: (u64, u64),
    ) -> Vec<Vec<u8>> {
        let visitor = self.visitors.get_mut(&channel).unwrap();
        let mut rng = dice("login");
        visitor
            .session
            .identify(&mut rng, self.now, who, device(on), cursor)
            .unwrap()
    }

    /// Comes in on a device with a cursor.
    fn enter_with(&mut self, who: &Identity, on: &str, cursor: (u64, u64)) -> (u64, Welcome) {
        let channel = self.knock();
        for frame in self.login(channel, who, on, cursor) {
            self.frame(channel, frame);
        }
        match self.hear(channel) {
            Some(ToSeed::Welcome(welcome)) => (channel, welcome),
            other => panic!("no welcome but {other:?}"),
        }
    }

    fn enter(&mut self, who: &Identity) -> u64 {
        self.enter_with(who, "laptop", (0, 0)).0
    }

    fn next_incoming(&mut self, channel: u64) -> Option<Incoming> {
        self.visitors.get_mut(&channel).unwrap().heard.pop_front()
    }

    /// The next message, pings left out.
    fn hear(&mut self, channel: u64) -> Option<ToSeed> {
        loop {
            match self.next_incoming(channel)? {
                Incoming::Message(ToSeed::Ping { .. }) => {}
                Incoming::Message(message) => return Some(message),
                Incoming::Ready(_) => panic!("a second handshake"),
            }
        }
    }

    fn ask(&mut self, channel: u64, message: &ToPod) -> Option<ToSeed> {
        self.say(channel, message);
        self.hear(channel)
    }

    fn refused(&mut self, channel: u64, message: &ToPod) -> Rejection {
        match self.ask(channel, message) {
            Some(ToSeed::Rejected { code, .. }) => code,
            other => panic!("not refused but {other:?}"),
        }
    }

    fn is_closed(&self, channel: u64) -> bool {
        self.visitors[&channel].closed
    }

    fn bind(
        &self,
        who: &Identity,
        label: &str,
        before: Option<(u64, &SignedBinding)>,
    ) -> SignedBinding {
        let (seq, previous) =
            before.map_or((1, None), |(seq, b)| (seq + 1, Some(binding::hash(b))));
        binding::sign(
            who,
            &mut dice("bind"),
            self.now,
            &format!("{label}@{}", self.name).parse().unwrap(),
            seq,
            previous,
        )
    }

    /// Comes in and takes an alias.
    fn settle(&mut self, name: &str) -> u64 {
        let who = person(name);
        let channel = self.enter(&who);
        let binding = self.bind(&who, name, None);
        let answer = self.ask(channel, &ToPod::Register { id: 1, binding });
        assert!(
            matches!(answer, Some(ToSeed::Registered { id: 1, epoch: 1.. })),
            "{answer:?}"
        );
        channel
    }

    /// Stores a record at the pod and notifies somebody of it.
    fn write(&mut self, channel: u64, to: &str, n: u32) -> Option<ToSeed> {
        let message = self.stored(channel, to, n, limit::RECORD_LIFE_DEFAULT_MS);
        self.ask(channel, &message)
    }

    /// Stores a record at the pod; yields the notification that would tell of it.
    fn stored(&mut self, channel: u64, to: &str, n: u32, life_ms: u64) -> ToPod {
        let record = record(self.now, n, life_ms);
        let (key, expires_h) = (record.key(), record.expires_h());
        let answer = self.ask(channel, &store(1000, record));
        assert!(
            matches!(answer, Some(ToSeed::Stored { id: 1000, .. })),
            "{answer:?}"
        );
        notify(u64::from(n) + 2000, to, key, expires_h)
    }

    /// The numbers of all notifications that came, in order.
    fn played(&mut self, channel: u64) -> Vec<u64> {
        let mut played = Vec::new();
        while let Some(message) = self.hear(channel) {
            if let ToSeed::Notification { seq, .. } = message {
                played.push(seq);
            }
        }
        played
    }

    fn epoch(&self, who: &Identity) -> u64 {
        self.pod.mailboxes[&who.fingerprint()].epoch()
    }
}

/// Has a record kept, as everyone does.
fn store(id: u64, record: Record) -> ToPod {
    ToPod::Store {
        id,
        stamp: stamp_of(&record.key()),
        record: record.into_bytes(),
    }
}

fn stamp_of(key: &RecordKey) -> Vec<u8> {
    stamp::find(limit::STAMP_BITS, key).to_bytes()
}

fn notify(id: u64, to: &str, key: RecordKey, expires_h: u32) -> ToPod {
    let notification = Notification {
        key,
        expires_h,
        capability: Vec::new(),
    };
    let to = if to.contains('@') {
        to.parse().unwrap()
    } else {
        alias(to)
    };
    ToPod::Notify {
        id,
        to,
        notification,
    }
}

#[test]
fn a_pod_tells_figures_and_no_names() {
    let mut house = House::new();
    let alice = house.settle("alice");
    house.write(alice, "alice", 1);
    let stats = house.pod.stats();
    assert_eq!(
        (
            stats.channels,
            stats.sessions,
            stats.aliases,
            stats.mailboxes
        ),
        (1, 1, 1, 1)
    );
    assert_eq!((stats.notifications, stats.records), (1, 1));
    let debug = format!(
        "{:?} {:?} {:?}",
        house.pod, house.pod.mailboxes, house.events
    );
    assert!(!debug.contains("alice"), "{debug}");
}
