//! What a host is: it introduces seeds, keeps aliases and mailboxes, and holds records.
//!
//! Requests come over private channels and end in one of three ways: answered from memory,
//! refused by code, or set down as an [`Errand`] that a finished write, read or search picks up
//! again. Nothing is acknowledged before it is durable.

mod allowance;
mod capability;
mod channels;
mod door;
mod federation;
mod load;
mod mailbox;
mod playback;
mod registry;
mod requests;
pub mod session;
mod watch;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::fmt;

pub use door::{
    Call, Command, Config, Count, Described, Event, Policy, Quotas, Reply, Resolved, Stats,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use self::{
    allowance::Allowance,
    channels::Line,
    federation::Federation,
    load::Stage,
    mailbox::Mailbox,
    registry::{BindingRow, Owned, Registry},
    watch::{Watched, Watches},
};
use crate::{
    custody::{self, Custody},
    limit,
    machine::{Batch, Input, Kept, Link, Machine, Output, Row, Scan, Ticket},
    name::{DeviceId, Fingerprint, Hash, Host, Label, RecordKey},
    rejection::Rejection,
    time::{self, Time},
    wire::channel::{PodProof, ToSeed},
};

/// Top byte of the tickets that are the pod's own; those of its custody have another.
const SPACE: u8 = 0;

/// A pod, without its sockets and its disk.
pub struct Pod {
    config: Config,
    proof: PodProof,
    rng: ChaCha20Rng,
    custody: Custody,
    stage: Stage,
    registry: Registry,
    mailboxes: BTreeMap<Fingerprint, Mailbox>,
    /// Mailboxes that may have something to write.
    touched: BTreeSet<Fingerprint>,
    channels: BTreeMap<u64, Line>,
    sessions: BTreeMap<(Fingerprint, DeviceId), u64>,
    /// When to look after which channel, monotonic; one entry for each.
    timers: BTreeSet<(u64, u64)>,
    errands: BTreeMap<u64, Errand>,
    errands_begun: u64,
    /// Placings that were reported, and until when receipts may still follow.
    placed: VecDeque<(u64, u64)>,
    federation: Federation,
    watches: Watches,
    /// How many notifications people may still ask for; who is not here may ask for all.
    notifiers: BTreeMap<Fingerprint, Allowance>,
    sweep: load::Sweep,
    outputs: VecDeque<Output<Event>>,
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// A session, by its channel, and its request number.
    Channel(u64, u64),
    /// The shell, by its own number.
    Shell(u64),
    /// Another pod, or a contact from elsewhere, by the shell's number of what they hand over.
    Pod(u64),
}

/// What goes on when storage or custody answers.
#[derive(Debug)]
enum Errand {
    /// The next page of what is read at the start.
    Load,
    /// A mailbox's write.
    Mail(Fingerprint),
    /// The row of an alias that somebody asked for.
    Resolve(Asker),
    /// The row that a renewal replaces.
    Renew(Box<Registration>),
    /// The write of a registration.
    Bind(Box<Registration>),
    /// The row that was there though we thought there was none.
    Reread(Box<Registration>),
    /// A record on its way into custody, and the deletion hash in its header.
    Store(Asker, [u8; 32]),
    /// A record being looked for.
    Fetch(Asker),
    /// The same, to be placed with so many seeds.
    Place(Asker, usize),
    /// A record being placed.
    Placing(Asker),
    /// A count for somebody who asked.
    Tally(Asker, RecordKey),
    /// A count of who holds a record that is watched over.
    Count(Watched),
    /// Such a record being looked for, to be placed again or not.
    Recover(Watched, bool),
    /// Such a record being placed again.
    Replace(Watched),
    /// A write whose failure leaves things as they were: it is made again in time.
    Nothing,
    /// The write of a notification for another pod's person.
    Forward(Vec<u8>),
    /// The record that goes with one, and to which pod.
    Handover(Host, Vec<u8>),
    /// A record that was handed over, by the shell's number.
    Handed(u64),
    /// A capability being granted, or revoked.
    Capability(Asker, Fingerprint, Hash, bool),
}

/// A registration under way.
#[derive(Debug)]
struct Registration {
    asker: Asker,
    owner: Fingerprint,
    label: Label,
    owned: Owned,
    row: BindingRow,
    /// The person's first alias brings a mailbox.
    mailbox: Option<Mailbox>,
}

impl Pod {
    /// A pod that has read nothing yet; [`Command::Start`] comes next.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let host = config.host.clone();
        let certificate = config.identity.certificate().bytes().to_vec();
        let succession = config.succession.clone();
        let proof = PodProof {
            host,
            certificate,
            signature: [].into(),
            succession,
        };
        Self {
            proof,
            rng: ChaCha20Rng::from_seed(config.random),
            custody: Custody::new(config.custody.clone()),
            stage: Stage::Idle,
            registry: Registry::default(),
            mailboxes: BTreeMap::new(),
            touched: BTreeSet::new(),
            channels: BTreeMap::new(),
            sessions: BTreeMap::new(),
            timers: BTreeSet::new(),
            errands: BTreeMap::new(),
            errands_begun: 0,
            placed: VecDeque::new(),
            federation: Federation::default(),
            watches: Watches::default(),
            notifiers: BTreeMap::new(),
            sweep: load::Sweep::default(),
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Figures for whoever runs the pod; they name nobody.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let custody = self.custody.stats();
        let notifications = self.mailboxes.values().map(Mailbox::len);
        Stats {
            channels: self.channels.len(),
            sessions: self.sessions.len(),
            aliases: self.registry.len(),
            mailboxes: self.mailboxes.len(),
            notifications: notifications.fold(0, usize::saturating_add),
            records: custody.records,
            record_bytes: custody.bytes,
            seeds: custody.seeds,
            links: custody.links,
            pods: self.federation.pods_len(),
            outgoing: self.federation.waiting_len(),
            watched: self.watches.len(),
            lost: self.watches.lost(),
        }
    }

    /// The custody inside, to look at.
    #[must_use]
    pub const fn custody(&self) -> &Custody {
        &self.custody
    }

    fn errand(&mut self, errand: Errand) -> u64 {
        self.errands_begun = self.errands_begun.wrapping_add(1) & (u64::MAX >> 8);
        let number = u64::from(SPACE).wrapping_shl(56) | self.errands_begun;
        self.errands.insert(number, errand);
        number
    }

    fn keep(&mut self, errand: Errand, batch: Batch) {
        let ticket = Ticket(self.errand(errand));
        self.outputs.push_back(Output::Keep(ticket, batch));
    }

    fn recall(&mut self, errand: Errand, scan: Scan) {
        let ticket = Ticket(self.errand(errand));
        self.outputs.push_back(Output::Recall(ticket, scan));
    }

    fn tell_shell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// A random number that is not 0.
    fn draw(&mut self) -> u64 {
        self.rng.next_u64().max(1)
    }

    fn draw_seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }

    fn command(&mut self, now: Time, command: Command) {
        match command {
            Command::Start => self.start(now),
            Command::Resolve { id, alias } => {
                let asker = Asker::Shell(id);
                // Before everything is read, nobody can be said not to be here.
                let resolved = if self.is_ready() {
                    self.resolve(now, asker, &alias, None)
                } else {
                    Err(Rejection::Busy)
                };
                if let Err(why) = resolved {
                    self.reject(asker, why);
                }
            }
            Command::Join(contacts) => {
                self.in_custody(now, Input::Command(custody::Command::Join(contacts)));
            }
            Command::Meet(hosts) => {
                for host in hosts {
                    self.meet(now, &host);
                }
            }
            Command::Notified { id, body } => self.handed(now, id, &body),
            Command::Called { id, result } => self.called(now, id, result),
        }
    }

    fn kept(&mut self, now: Time, ticket: Ticket, kept: Kept) {
        match self.errands.remove(&ticket.0) {
            Some(Errand::Mail(owner)) => self.mail_kept(owner, kept),
            Some(Errand::Bind(registration)) => self.bind_kept(now, registration, kept),
            Some(Errand::Forward(key)) => self.forward_kept(now, key, kept),
            Some(Errand::Capability(asker, owner, hash, granted)) => {
                self.capability_kept(asker, owner, hash, granted, kept);
            }
            _ => {}
        }
    }

    fn recalled(&mut self, now: Time, ticket: Ticket, rows: Option<Vec<Row>>) {
        match self.errands.remove(&ticket.0) {
            Some(Errand::Load) => self.loaded(now, rows),
            Some(Errand::Resolve(asker)) => self.resolve_recalled(asker, rows),
            Some(Errand::Renew(registration)) => self.renew_recalled(registration, rows),
            Some(Errand::Reread(registration)) => self.reread(registration, rows),
            _ => {}
        }
    }

    /// Hands something to custody and takes what it has to say.
    fn in_custody(&mut self, now: Time, input: Input<custody::Command>) {
        self.custody.handle(now, input);
        while let Some(output) = self.custody.poll() {
            match output.lift() {
                Ok(output) => self.outputs.push_back(output),
                Err(event) => self.custody_event(now, event),
            }
        }
    }

    fn custody_event(&mut self, now: Time, event: custody::Event) {
        match event {
            custody::Event::Ready => self.ready(now),
            custody::Event::Kept { id, result } => match self.errands.remove(&id) {
                Some(Errand::Store(asker, deletion_hash)) => {
                    if let Ok(receipt) = &result {
                        self.stored(now, asker, receipt, deletion_hash);
                    }
                    self.answer(asker, result, |id, receipt| ToSeed::Stored { id, receipt });
                }
                Some(Errand::Handed(id)) => self.handover_kept(now, id, result),
                _ => {}
            },
            custody::Event::Fetched { id, result } => match self.errands.remove(&id) {
                Some(Errand::Fetch(asker)) => {
                    let record = result.map(|record| record.into_bytes());
                    self.answer(asker, record, |id, record| ToSeed::Fetched { id, record });
                }
                Some(Errand::Recover(watched, place)) => {
                    self.watch_recovered(now, watched, place, result);
                }
                Some(Errand::Place(asker, copies)) => {
                    self.place_fetched(now, asker, copies, result);
                }
                Some(Errand::Handover(host, key)) => {
                    self.read_to_hand_over(now, &host, key, result);
                    self.hand_over(now, &host);
                }
                _ => {}
            },
            custody::Event::Receipt { id, receipt } => {
                if let Some(Errand::Placing(Asker::Channel(channel, id))) = self.errands.get(&id) {
                    let (channel, id) = (*channel, *id);
                    self.tell(channel, &ToSeed::Promised { id, receipt });
                }
            }
            custody::Event::Counted { id, result } => match self.errands.remove(&id) {
                Some(Errand::Count(watched)) => self.watch_counted(now, watched, result),
                Some(Errand::Tally(asker, key)) => self.counted_for(asker, &key, result),
                _ => {}
            },
            custody::Event::Stored { id, .. } => {
                if let Some(Errand::Replace(watched)) = self.errands.get(&id) {
                    let watched = *watched;
                    self.errands.remove(&id);
                    self.watch_replaced(now, watched);
                } else {
                    self.placed(now, id);
                }
            }
            // A pod has no records of its own.
            custody::Event::Stamped { .. }
            | custody::Event::Held { .. }
            | custody::Event::Released { .. } => {}
        }
    }

    /// Answers a request of a channel.
    fn answer<T>(
        &mut self,
        asker: Asker,
        result: Result<T, Rejection>,
        good: impl FnOnce(u64, T) -> ToSeed,
    ) {
        match (asker, result) {
            (Asker::Channel(channel, id), Ok(value)) => {
                self.request_done(channel);
                self.tell(channel, &good(id, value));
            }
            (Asker::Pod(id), result) => self.handover_done(id, result.map(drop)),
            (asker, Err(why)) => self.reject(asker, why),
            (Asker::Shell(_), Ok(_)) => {}
        }
    }

    fn reject(&mut self, asker: Asker, code: Rejection) {
        match asker {
            Asker::Channel(channel, id) => {
                self.request_done(channel);
                self.tell(channel, &ToSeed::Rejected { id, code });
            }
            Asker::Pod(id) => self.handover_done(id, Err(code)),
            Asker::Shell(id) => self.tell_shell(Event::Resolved {
                id,
                result: Err(code),
            }),
        }
    }
}

impl Machine for Pod {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<Command>) {
        let ours = |ticket: &Ticket| ticket.0 >> 56 == u64::from(SPACE);
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Linked(Link::Channel(channel), _) => self.channel_linked(now, channel),
            Input::Unlinked(Link::Channel(channel)) => self.channel_unlinked(now, channel),
            Input::Frame(Link::Channel(channel), frame) => self.channel_frame(now, channel, frame),
            Input::Kept(ticket, kept) if ours(&ticket) => self.kept(now, ticket, kept),
            Input::Recalled(ticket, rows) if ours(&ticket) => self.recalled(now, ticket, rows),
            Input::Linked(link, traits) => {
                self.in_custody(now, Input::Linked(link, traits));
                self.pod_linked(now, link);
            }
            Input::Unlinked(link) => self.in_custody(now, Input::Unlinked(link)),
            Input::Frame(link, frame) => self.in_custody(now, Input::Frame(link, frame)),
            Input::Kept(ticket, kept) => self.in_custody(now, Input::Kept(ticket, kept)),
            Input::Recalled(ticket, rows) => self.in_custody(now, Input::Recalled(ticket, rows)),
            Input::Tick => {
                self.in_custody(now, Input::Tick);
                self.look_after(now);
            }
        }
        self.write_mail(now);
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<u64> {
        let channels = self.timers.first().map(|&(due, _)| due);
        let upkeep = time::earliest(self.stage.deadline(), self.sweep.deadline());
        let upkeep = time::earliest(upkeep, self.federation.deadline());
        let upkeep = time::earliest(upkeep, self.watches.deadline());
        time::earliest(time::earliest(channels, upkeep), self.custody.deadline())
    }
}

impl fmt::Debug for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pod")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Outputs that may wait for the shell before channels are refused what they ask.
const OUTPUTS_MAX: usize = limit::POD_OUTPUTS_MAX;

#[cfg(test)]
mod tests;
