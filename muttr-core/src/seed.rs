//! What a tab is: one state machine that joins custody, the private channel, what is to be sent
//! and what arrives.
//!
//! The shell opens the channel (link number 0) and keeps opening it again; everything else is
//! asked for through [`Output`].

use alloc::{
    boxed::Box, collections::BTreeMap, collections::BTreeSet, collections::VecDeque, vec::Vec,
};

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{
    custody::{self, Custody},
    keyring::Identity,
    limit,
    machine::{Batch, Frame, Input, Kept, Link, Machine, Output, Row, Ticket},
    name::{Alias, DeviceId, Fingerprint, Host, Label, MessageId, RecordKey},
    rejection::Rejection,
    routing::Contact,
    session::Version,
    time::{Time, earliest},
    wire::channel::ToPod,
};

mod capability;
mod delivery;
mod door;
#[cfg(feature = "test-handles")]
#[allow(clippy::arithmetic_side_effects, reason = "sizes of what a test chose")]
mod handles;
mod history;
mod inbox;
mod line;
mod load;
mod opening;
mod outbox;
mod people;
mod receipt;
mod release;
mod row;
pub mod session;
mod stamp;
mod straight;
#[cfg(test)]
mod tests;
mod under_way;
mod watch;

pub use door::*;
pub use under_way::UnderWay;

/// Whose request numbers and tickets are whose: the first byte of each.
const OWN_SPACE: u8 = 0;
const CUSTODY_SPACE: u8 = 1;

/// What a seed is started with.
pub struct Config {
    /// The pod's name, as the person typed it.
    pub host: Host,
    /// The pod as a seed: where its libp2p is.
    pub pod: Contact,
    /// Pods of other places, as that pod names them.
    pub pods: Vec<Contact>,
    /// This seed's libp2p key.
    pub key: ed25519_dalek::SigningKey,
    /// Who the person is; none for a seed that only keeps records for others.
    pub identity: Option<Identity>,
    /// Bytes to keep for others; 0 for none.
    pub keep_bytes_max: u64,
    /// No other seed shall learn that this one is there: it has no links, keeps nothing for
    /// others, and its pod places and fetches for it.
    pub hidden: bool,
    /// The shell can hand something to another pod without our own, which a seed does for people
    /// who gave it a capability while its own pod is away. That pod then sees its address.
    pub posts: bool,
    /// Everything random comes from this: 32 bytes nobody else knows.
    pub random: [u8; 32],
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

/// What the first table says.
struct Settings {
    device: DeviceId,
    /// The pod's certificate, from the first time it was met.
    pod: Option<Fingerprint>,
    alias: Option<Label>,
    /// How many messages arrived so far.
    arrival: u64,
}

/// What to do once storage answers.
enum Then {
    Nothing,
    Load(load::Step),
    Answer(u64, Done),
    Noted(MessageId),
    Sealed(MessageId),
    /// Written down that it is lost.
    Lost(RecordKey),
    Pending((u64, u64), Vec<(Vec<u8>, row::PendingRow)>),
    Journalled(Vec<u8>),
    Arrived(Vec<u8>, Box<row::MessageRow>),
    /// With the message that is not to be shown again, if it was not known before.
    Forgotten(Vec<u8>, Option<MessageId>),
    Read(history::Reading),
}

/// A seed. See the module's documentation.
pub struct Seed {
    config: Config,
    rng: ChaCha20Rng,
    custody: Custody,
    settings: Settings,
    contacts: BTreeMap<Alias, row::ContactRow>,
    outbox: outbox::Outbox,
    inbox: inbox::Inbox,
    /// Arrivals the application has not advanced past.
    arrivals: BTreeSet<u64>,
    line: line::Line,
    /// The newest version of what is said on the channel that the pod speaks, as far as is known.
    version: Version,
    ready: bool,
    /// The notification whose opening had not ended when the last run did.
    crashed: Option<Vec<u8>>,
    own_loaded: bool,
    custody_ready: bool,
    /// Inputs that came before everything was loaded.
    early: VecDeque<Input<Command>>,
    /// When to link to the pod again, and the pause after that.
    relink: (Option<u64>, u64),
    /// What to add to the shell's wall clock to get the pod's.
    skew_ms: i64,
    thens: BTreeMap<Ticket, Then>,
    counter: u64,
    #[cfg(feature = "test-handles")]
    handles: handles::Handles,
    out: VecDeque<Output<Event>>,
}

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Seed")
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Seed {
    /// A seed that has loaded nothing yet; give it [`Command::Start`] first.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut rng = ChaCha20Rng::from_seed(config.random);
        let mut random = [0; 32];
        rng.fill_bytes(&mut random);
        let bytes_max = if config.hidden {
            0
        } else {
            config.keep_bytes_max
        };
        let custody = Custody::new(custody::Config {
            stores: bytes_max > 0,
            bytes_max,
            ..custody::Config::seed(CUSTODY_SPACE, config.key.clone(), random)
        });
        Self {
            config,
            rng,
            custody,
            settings: Settings {
                device: DeviceId([0; 16]),
                pod: None,
                alias: None,
                arrival: 0,
            },
            contacts: BTreeMap::new(),
            outbox: outbox::Outbox::default(),
            inbox: inbox::Inbox::default(),
            arrivals: BTreeSet::new(),
            line: line::Line::default(),
            version: Version::Fifth,
            ready: false,
            crashed: None,
            own_loaded: false,
            custody_ready: false,
            early: VecDeque::new(),
            relink: (None, limit::RECONNECT_MS.0),
            skew_ms: 0,
            thens: BTreeMap::new(),
            counter: 0,
            #[cfg(feature = "test-handles")]
            handles: handles::Handles::default(),
            out: VecDeque::new(),
        }
    }

    /// What is known of the network and of what is kept for it.
    #[must_use]
    pub const fn custody(&self) -> &Custody {
        &self.custody
    }

    /// The alias that is ours, as far as is known here; none before [`Event::Ready`].
    #[must_use]
    pub fn alias(&self) -> Option<Alias> {
        let label = self.settings.alias.clone()?;
        Some(Alias::new(label, self.config.host.clone()))
    }

    fn command(&mut self, now: Time, command: Command) {
        match command {
            Command::Start => {}
            Command::Register { id, label } => self.register(now, id, label),
            Command::Move { id, label, to } => self.move_away(now, id, label, to),
            Command::Lookup { id, alias } => self.lookup(now, id, alias),
            Command::Send { id, draft } => self.send(now, id, *draft),
            Command::Messages {
                id,
                with,
                before_ms,
                count,
            } => {
                self.messages(id, &with, before_ms, count);
            }
            Command::Conversations { id } => self.conversations(id),
            Command::Inbox { id } => self.unadvanced(id),
            Command::Advance { arrival } => self.advance(arrival),
            Command::MarkRead { id, with } => self.mark_read(now, id, &with),
            Command::Judge {
                id,
                alias,
                judgement,
            } => self.judge(now, id, &alias, judgement),
            Command::Posted { id, result } => self.posted(now, id, result),
            // Who is hidden keeps nothing, whatever they would keep otherwise.
            Command::Quota { .. } if self.config.hidden => {}
            Command::Quota { bytes_max } => {
                self.custody_command(now, custody::Command::Quota { bytes_max });
            }
            #[cfg(feature = "test-handles")]
            Command::Put { id, bytes } => self.put(now, id, &bytes),
            #[cfg(feature = "test-handles")]
            Command::Get { id, key } => self.get(now, id, key),
        }
    }

    /// One input, once everything is loaded.
    fn take(&mut self, now: Time, input: Input<Command>) {
        match input {
            Input::Command(command) => self.command(now, command),
            Input::Linked(Link::Channel(_), _) => self.channel_linked(now),
            Input::Unlinked(Link::Channel(_)) => self.channel_unlinked(now),
            Input::Frame(Link::Channel(_), Frame::Channel(bytes)) => {
                self.channel_bytes(now, &bytes);
            }
            Input::Frame(Link::Channel(_), _) => {}
            // Nobody was asked for a link, so nobody is answered on one.
            Input::Linked(Link::Seed(_), _)
            | Input::Unlinked(Link::Seed(_))
            | Input::Frame(Link::Seed(_), _)
                if self.config.hidden => {}
            Input::Linked(Link::Seed(seed), _) if seed == self.config.pod.seed => {
                self.relink = (None, limit::RECONNECT_MS.0);
                self.pod_linked(true);
                self.give_custody(now, input);
                let pod = self.config.pod.clone();
                let elsewhere = self.config.pods.clone();
                self.custody_command(now, custody::Command::Elsewhere(elsewhere));
                self.custody_command(now, custody::Command::Join(alloc::vec![pod]));
            }
            Input::Unlinked(Link::Seed(seed)) if seed == self.config.pod.seed => {
                let (_, pause) = self.relink;
                self.relink = (
                    Some(now.after(pause)),
                    pause.saturating_mul(2).min(limit::RECONNECT_MS.1),
                );
                self.pod_linked(false);
                self.give_custody(now, input);
            }
            Input::Kept(ticket, kept) if space(ticket) == OWN_SPACE => self.kept(now, ticket, kept),
            Input::Recalled(ticket, rows) if space(ticket) == OWN_SPACE => {
                self.recalled_by(now, ticket, rows);
            }
            Input::Tick => {
                self.line_tick(now);
                self.outbox_tick(now);
                self.watch_tick(now);
                self.inbox_tick(now);
                if self.relink.0.is_some_and(|at| at <= now.mono_ms) {
                    self.relink.0 = None;
                    self.link_pod();
                }
                self.give_custody(now, Input::Tick);
            }
            other => self.give_custody(now, other),
        }
    }

    fn link_pod(&mut self) {
        let Contact { seed, addresses } = self.config.pod.clone();
        self.out.push_back(Output::Link(seed, addresses));
    }

    fn kept(&mut self, now: Time, ticket: Ticket, kept: Kept) {
        match self.thens.remove(&ticket) {
            Some(Then::Answer(id, done)) => self.answer_kept(id, done, kept),
            Some(Then::Noted(message)) => self.noted(now, message, kept),
            Some(Then::Sealed(message)) => self.sealed(now, message, kept),
            Some(Then::Lost(key)) if kept == Kept::Ok => self.say(&ToPod::Heard { key }),
            Some(Then::Pending(cursor, rows)) => self.pending_kept(now, cursor, rows, kept),
            Some(Then::Journalled(pending)) => self.journalled(now, &pending, kept),
            Some(Then::Arrived(pending, message)) => {
                let arrival = message.arrival;
                self.arrived(now, &pending, *message, kept);
                if kept == Kept::Ok {
                    self.note_arrival(arrival);
                }
            }
            Some(Then::Forgotten(pending, seen)) => self.forgotten(now, &pending, seen, kept),
            // What is lost and could not be written down is told again.
            Some(Then::Nothing | Then::Load(_) | Then::Read(_) | Then::Lost(_)) | None => {}
        }
    }

    fn recalled_by(&mut self, now: Time, ticket: Ticket, rows: Option<Vec<Row>>) {
        match self.thens.remove(&ticket) {
            Some(Then::Load(step)) => self.loaded(now, step, rows),
            Some(Then::Read(reading)) => self.recalled(now, reading, rows),
            _ => {}
        }
    }

    fn give_custody(&mut self, now: Time, input: Input<Command>) {
        let input = match input {
            Input::Command(_) => return,
            Input::Linked(link, traits) => Input::Linked(link, traits),
            Input::Unlinked(link) => Input::Unlinked(link),
            Input::Frame(link, frame) => Input::Frame(link, frame),
            Input::Kept(ticket, kept) => Input::Kept(ticket, kept),
            Input::Recalled(ticket, rows) => Input::Recalled(ticket, rows),
            Input::Tick => Input::Tick,
        };
        self.custody.handle(now, input);
        self.drain_custody(now);
    }

    /// Hands custody a command and does what it then wants.
    fn custody_command(&mut self, now: Time, command: custody::Command) {
        self.custody.handle(now, Input::Command(command));
        self.drain_custody(now);
    }

    fn drain_custody(&mut self, now: Time) {
        while let Some(output) = self.custody.poll() {
            match output {
                Output::Event(event) => self.custody_event(now, event),
                Output::Link(seed, addresses) => self.out.push_back(Output::Link(seed, addresses)),
                Output::Unlink(link) => self.out.push_back(Output::Unlink(link)),
                Output::Send(link, frame) => self.out.push_back(Output::Send(link, frame)),
                Output::Keep(ticket, batch) => self.out.push_back(Output::Keep(ticket, batch)),
                Output::Recall(ticket, scan) => self.out.push_back(Output::Recall(ticket, scan)),
            }
        }
    }

    fn custody_event(&mut self, now: Time, event: custody::Event) {
        #[cfg(feature = "test-handles")]
        let Some(event) = self.handles_event(event) else {
            return;
        };
        match event {
            custody::Event::Ready => {
                self.custody_ready = true;
                self.go(now);
            }
            custody::Event::Receipt { id, receipt } => self.seed_receipt(now, id, &receipt),
            custody::Event::Stamped { id, result } => self.stamped(now, id, result),
            custody::Event::Stored { id, .. } => self.placed(now, id),
            custody::Event::Fetched { id, result } => {
                if !self.read_back(now, id, &result) {
                    self.fetched(now, id, result);
                }
            }
            custody::Event::Counted { id, result } => self.counted(now, id, result),
            custody::Event::Held { records, bytes } => {
                let records = u64::try_from(records).unwrap_or(u64::MAX);
                self.out
                    .push_back(Output::Event(Event::Held { records, bytes }));
            }
            custody::Event::Released { id, heard } => self.released(id, heard),
            custody::Event::Kept { .. } => {}
        }
    }

    fn done(&mut self, id: u64, result: Result<Done, Rejection>) {
        self.out.push_back(Output::Event(Event::Done(id, result)));
    }

    fn random(&mut self) -> [u8; 32] {
        let mut random = [0; 32];
        self.rng.fill_bytes(&mut random);
        random
    }

    fn next_id(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }

    fn ticket(&mut self, then: Then) -> Ticket {
        let ticket = Ticket(self.next_id());
        self.thens.insert(ticket, then);
        ticket
    }

    fn keep(&mut self, batch: Batch, then: Then) {
        let ticket = self.ticket(then);
        self.out.push_back(Output::Keep(ticket, batch));
    }

    /// For what nobody waits for: if it fails, the same is written again later or not needed.
    fn keep_silently(&mut self, batch: Batch) {
        self.keep(batch, Then::Nothing);
    }

    fn correct_clock(&mut self, now: Time, pod_wall_ms: u64) {
        let ours = i64::try_from(now.wall_ms).unwrap_or(i64::MAX);
        let theirs = i64::try_from(pod_wall_ms).unwrap_or(i64::MAX);
        // `now` is corrected already, so this adds up.
        self.skew_ms = self.skew_ms.saturating_add(theirs.saturating_sub(ours));
    }

    fn corrected(&self, now: Time) -> Time {
        Time {
            wall_ms: now.wall_ms.saturating_add_signed(self.skew_ms),
            ..now
        }
    }
}

/// The machine that issued a ticket or a request number.
fn space(ticket: Ticket) -> u8 {
    let [first, ..] = ticket.0.to_be_bytes();
    first
}

impl Machine for Seed {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Time, input: Input<Command>) {
        let now = self.corrected(now);
        if self.ready {
            return self.take(now, input);
        }
        match input {
            Input::Command(Command::Start) => self.load(now),
            Input::Recalled(ticket, rows) if space(ticket) == OWN_SPACE => {
                self.recalled_by(now, ticket, rows);
            }
            Input::Kept(..) | Input::Recalled(..) => self.give_custody(now, input),
            // A disk that could not be read is read again by custody in its own time.
            Input::Tick => self.give_custody(now, Input::Tick),
            early => {
                if self.early.len() < limit::EARLY_MAX {
                    self.early.push_back(early);
                }
            }
        }
    }

    fn poll(&mut self) -> Option<Output<Event>> {
        self.out.pop_front()
    }

    fn deadline(&self) -> Option<u64> {
        if !self.ready {
            return self.custody.deadline();
        }
        let online = self.line.identified;
        let own = earliest(self.line.deadline(), self.relink.0);
        let mail = earliest(
            self.outbox.deadline(online, self.may_count()),
            self.inbox.deadline(online),
        );
        earliest(earliest(own, mail), self.custody.deadline())
    }
}
