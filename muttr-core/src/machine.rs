//! What every state machine of Muttr looks like from outside.
//!
//! The law: a shell calls [`Machine::handle`] with what happened, then drains
//! [`Machine::poll`] until it yields nothing, then sleeps until [`Machine::deadline`] or the
//! next thing that happens. `handle` never fails and never blocks: a hostile byte is an event.

use alloc::vec::Vec;

use crate::{name::SeedId, time::Time};

/// A state machine: inputs in, outputs out, nothing else.
pub trait Machine {
    /// What a person or an application asks of it.
    type Command;
    /// What it reports.
    type Event;

    /// Takes in one thing that happened at `now`.
    fn handle(&mut self, now: Time, input: Input<Self::Command>);
    /// The next thing to do, first in, first out; may be drained late or in part.
    fn poll(&mut self) -> Option<Output<Self::Event>>;
    /// When to call `handle(Tick)` if nothing else happens before, in monotonic milliseconds.
    fn deadline(&self) -> Option<u64>;
}

/// Something that happened.
#[derive(Debug)]
pub enum Input<C> {
    /// The application wants something.
    Command(C),
    /// A link is up. A seed's is announced once it said what it speaks (libp2p identify), and
    /// announced again whenever it says something else, as when it found a relay.
    Linked(Link, Traits),
    /// A link is gone, or could not be made.
    Unlinked(Link),
    /// Bytes arrived over a link.
    Frame(Link, Frame),
    /// What became of an [`Output::Keep`].
    Kept(Ticket, Kept),
    /// What an [`Output::Recall`] found, in ascending order of key; `None` when the disk failed.
    Recalled(Ticket, Option<Vec<Row>>),
    /// The deadline came.
    Tick,
}

/// Something to do.
#[derive(Debug)]
pub enum Output<E> {
    /// Try to link to a seed at one of these addresses; answered by `Linked` or `Unlinked`.
    Link(SeedId, Vec<Address>),
    /// Close a link.
    Unlink(Link),
    /// Send bytes.
    Send(Link, Frame),
    /// Write all of this or nothing; answered by `Kept` only once it would survive a power cut.
    Keep(Ticket, Batch),
    /// Read rows; answered by `Recalled`.
    Recall(Ticket, Scan),
    /// Tell the application.
    Event(E),
}

impl<E> Output<E> {
    /// The same thing to do, for the machine this one is a part of.
    ///
    /// # Errors
    /// The event, which is for that machine to deal with.
    pub fn lift<F>(self) -> Result<Output<F>, E> {
        match self {
            Self::Link(seed, addresses) => Ok(Output::Link(seed, addresses)),
            Self::Unlink(link) => Ok(Output::Unlink(link)),
            Self::Send(link, frame) => Ok(Output::Send(link, frame)),
            Self::Keep(ticket, batch) => Ok(Output::Keep(ticket, batch)),
            Self::Recall(ticket, scan) => Ok(Output::Recall(ticket, scan)),
            Self::Event(event) => Err(event),
        }
    }
}

/// The two kinds of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// libp2p, to another seed or to a pod in its role as a holder.
    Seed(SeedId),
    /// The private channel, numbered by the shell; a seed's own channel is number 0.
    Channel(u64),
}

/// What is known of the far end when a link comes up; all empty for a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Where it says it can be reached.
    pub addresses: Vec<Address>,
    /// It answers `/muttr/kad/1.0.0`.
    pub routes: bool,
    /// It answers `/muttr/store/1.0.0`.
    pub stores: bool,
}

/// A binary multiaddr. Core stores and compares it, shells dial it.
pub type Address = Vec<u8>;

/// What travels over a link. Who asks chooses the number; the answer bears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A question on a protocol; one answer is owed.
    Ask(u64, Protocol, Vec<u8>),
    /// The answer.
    Answer(u64, Vec<u8>),
    /// There will be no answer: the link broke, time ran out, or it does not speak the protocol.
    NoAnswer(u64),
    /// A message of the private channel.
    Channel(Vec<u8>),
}

/// The question-and-answer protocols between seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// `/muttr/kad/1.0.0`
    Routing,
    /// `/muttr/store/1.0.0`
    Store,
}

/// Ties a storage request to its result; chosen by the machine that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// How an [`Output::Keep`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Durable.
    Ok,
    /// A precondition did not hold; nothing was written.
    Conflict,
    /// No room; nothing was written.
    Full,
    /// The disk failed; nothing was written as far as anyone knows.
    Failed,
}

/// An atomic write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// All of these must hold, or nothing is written.
    pub needs: Vec<Need>,
    /// Applied in order.
    pub writes: Vec<Write>,
}

/// A precondition of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// No row has this key.
    Absent(Table, Vec<u8>),
    /// The row with this key has exactly this value.
    Equal(Table, Vec<u8>, Vec<u8>),
}

/// One change of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put(Table, Row),
    /// Remove, if there.
    Delete(Table, Vec<u8>),
}

/// A row: an ordered key and a value that only the machine understands.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Ordered bytewise.
    pub key: Vec<u8>,
    /// Opaque to the shell.
    pub value: Vec<u8>,
}

impl core::fmt::Debug for Row {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Row({} + {} bytes)", self.key.len(), self.value.len())
    }
}

/// Which rows to read: `from ≤ key < to`, an empty `to` meaning "to the end".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The table.
    pub table: Table,
    /// First key.
    pub from: Vec<u8>,
    /// First key not wanted; empty for none.
    pub to: Vec<u8>,
    /// At most this many rows.
    pub rows_max: u32,
}

impl Scan {
    /// The one row with this key.
    #[must_use]
    pub fn one(table: Table, key: &[u8]) -> Self {
        let to = [key, &[0]].concat();
        Self {
            table,
            from: key.to_vec(),
            to,
            rows_max: 1,
        }
    }

    /// Every row whose key is at least `from`, `rows_max` at a time.
    #[must_use]
    pub const fn all(table: Table, from: Vec<u8>, rows_max: u32) -> Self {
        Self {
            table,
            from,
            to: Vec::new(),
            rows_max,
        }
    }
}

/// Every table of a seed and of a pod. The names are those of the SQL tables and the IndexedDB
/// object stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Seed and pod: singletons by name (own secrets, device id, epoch, settings).
    Setting,
    /// Seed and pod: record key → record held for others, with when it was receipted.
    Record,
    /// Pod: alias label → binding and certificate.
    Binding,
    /// Pod: owner's fingerprint → mailbox state (epoch, head, cursors by device).
    Mailbox,
    /// Pod: owner's fingerprint, sequence (u64, big-endian) → notification not yet freed.
    Notification,
    /// Seed: sequence → notification taken over from the pod and not yet opened.
    Inbox,
    /// Seed: message id → what was sent and how far it came.
    Outbox,
    /// Seed: conversation, 0, time, message id → a message that can be shown.
    Message,
    /// Seed: message id → when it may be forgotten; keeps a message from being shown twice.
    Seen,
    /// Seed: alias → certificate, trust, sequence numbers.
    Contact,
    /// Pod: owner's fingerprint, hash of a capability → nothing; it may be used.
    Capability,
    /// Pod: record key, recipient's alias → a notification for another pod's person.
    Outgoing,
    /// Pod: host → another pod, as it last described itself.
    Pod,
    /// Pod: author's fingerprint, record key → a record that is watched over for them.
    Watch,
}

impl Table {
    /// All of them, in the order above.
    pub const ALL: [Self; 14] = [
        Self::Setting,
        Self::Record,
        Self::Binding,
        Self::Mailbox,
        Self::Notification,
        Self::Inbox,
        Self::Outbox,
        Self::Message,
        Self::Seen,
        Self::Contact,
        Self::Capability,
        Self::Outgoing,
        Self::Pod,
        Self::Watch,
    ];

    /// The name on disk.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Record => "record",
            Self::Binding => "binding",
            Self::Mailbox => "mailbox",
            Self::Notification => "notification",
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
            Self::Message => "message",
            Self::Seen => "seen",
            Self::Contact => "contact",
            Self::Capability => "capability",
            Self::Outgoing => "outgoing",
            Self::Pod => "pod",
            Self::Watch => "watch",
        }
    }
}
