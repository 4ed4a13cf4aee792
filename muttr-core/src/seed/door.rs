//! What an application asks of a seed, and what the seed tells it.

use alloc::{boxed::Box, string::String, vec::Vec};

use crate::{
    limit,
    name::{Alias, Fingerprint, Host, Label, MessageId, RecordKey},
    rejection::Rejection,
};

/// What an application asks. Those with an `id` are answered by one [`Event::Done`].
#[derive(Debug)]
pub enum Command {
    /// Load what is stored, then go online.
    Start,
    /// Take an alias at the pod, or renew it.
    Register {
        /// Request number, chosen by the application.
        id: u64,
        /// The part before the `@`.
        label: Label,
    },
    /// Tell whoever writes to an alias of ours that we have moved.
    Move {
        /// Request number.
        id: u64,
        /// The part before the `@` of the alias that is left.
        label: Label,
        /// Where we are found from now on.
        to: Alias,
    },
    /// Whose is this alias?
    Lookup {
        /// Request number.
        id: u64,
        /// The alias.
        alias: Alias,
    },
    /// Send a message.
    Send {
        /// Request number.
        id: u64,
        /// What to send to whom.
        draft: Box<Draft>,
    },
    /// Messages exchanged with one person, newest first.
    Messages {
        /// Request number.
        id: u64,
        /// With whom.
        with: Alias,
        /// Only those older than this, in milliseconds since 1970.
        before_ms: Option<u64>,
        /// At most this many, and at most [`limit::MESSAGES_PAGE_MAX`].
        count: u32,
    },
    /// Everyone there are messages with, most recent first.
    Conversations {
        /// Request number.
        id: u64,
    },
    /// Arrived messages that the application has not advanced past, oldest first.
    Inbox {
        /// Request number.
        id: u64,
    },
    /// The application is done with every message that arrived up to this number.
    Advance {
        /// See [`Message::arrival`].
        arrival: u64,
    },
    /// Every message of this conversation has been looked at.
    MarkRead {
        /// Request number.
        id: u64,
        /// With whom.
        with: Alias,
    },
    /// Change what is thought of a person.
    Judge {
        /// Request number.
        id: u64,
        /// Who.
        alias: Alias,
        /// How.
        judgement: Judgement,
    },
    /// What came of an [`Event::Post`]: a [`Taken`](crate::wire::fed::Taken), encoded, or why not.
    Posted {
        /// Of the event.
        id: u64,
        /// The other pod's answer.
        result: Result<Vec<u8>, Rejection>,
    },
    /// Keep at most this many bytes for others; 0 keeps nothing.
    Quota {
        /// The new bound in bytes.
        bytes_max: u64,
    },
    /// Place bytes with the closest seeds, as a record that nobody can open.
    #[cfg(feature = "test-handles")]
    Put {
        /// Request number.
        id: u64,
        /// At most a record's worth.
        bytes: Vec<u8>,
    },
    /// Fetch what was placed so, from whoever holds it.
    #[cfg(feature = "test-handles")]
    Get {
        /// Request number.
        id: u64,
        /// Where it lies.
        key: RecordKey,
    },
}

/// A message as handed in by its author.
#[derive(Clone)]
pub struct Draft {
    /// To whom.
    pub to: Alias,
    /// Media type of the body, `text/plain` as a rule.
    pub content_type: String,
    /// At most [`limit::BODY_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// How long the network shall keep it, in milliseconds.
    pub life_ms: u64,
}

impl core::fmt::Debug for Draft {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Draft({} bytes)", self.body.len())
    }
}

/// What a person decides about another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Their messages are welcome; they are no longer a stranger.
    Accept,
    /// Their messages are not to be shown.
    Block,
    /// The fingerprint was compared in person.
    Verify,
    /// Their new certificate is to be believed.
    AcceptKey,
}

/// How a certificate came to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// On first use: the pod said so.
    Unverified,
    /// The person compared the fingerprint.
    Verified,
    /// The pod now names another certificate than the one first believed; sending is stopped.
    KeyChanged,
}

/// What the seed tells.
#[derive(Debug)]
pub enum Event {
    /// Everything stored is loaded; commands are answered from here on.
    Ready,
    /// The state of the connection to the pod changed.
    State(State),
    /// A command is done.
    Done(u64, Result<Done, Rejection>),
    /// A message arrived, is durable, and has not been told of before.
    Message(Box<Message>),
    /// Something became known of a sent message.
    Delivery(Delivery),
    /// What is kept for others changed.
    Held {
        /// Number of records.
        records: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The pod will not talk to this seed again until something is changed: do not reconnect.
    Refused(Rejection),
    /// A message arrived that cannot be shown; it was set aside with this code.
    SetAside(Rejection),
    /// Hand this to another pod, guarded, as `POST /fed/v1/notify`; answered by
    /// [`Command::Posted`]. Told only where [`Config::posts`](super::Config::posts) says so.
    Post {
        /// Comes back in the answer.
        id: u64,
        /// Which pod.
        host: Host,
        /// A [`SignedHandover`](crate::wire::fed::SignedHandover) that no pod signed.
        body: Vec<u8>,
    },
}

/// The state of the connection to the pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not there yet.
    Connecting,
    /// The pod answers, and knows who we are if we are someone.
    Online,
    /// The pod was there, and is not now.
    Offline,
}

/// What a command came to.
#[derive(Debug)]
pub enum Done {
    /// Nothing to tell.
    Nothing,
    /// The alias is ours.
    Registered(Alias),
    /// What is known of a person.
    Contact(ContactView),
    /// A message is on its way.
    Delivery(Delivery),
    /// Messages, in the order asked for.
    Messages(Vec<Message>),
    /// Conversations, most recent first.
    Conversations(Vec<Conversation>),
    /// The bytes lie under this key, with at least one other seed.
    #[cfg(feature = "test-handles")]
    Placed(RecordKey),
    /// The bytes that were placed.
    #[cfg(feature = "test-handles")]
    Record(Vec<u8>),
}

/// A person as the application sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactView {
    /// Their alias.
    pub alias: Alias,
    /// Their certificate's fingerprint.
    pub fingerprint: Fingerprint,
    /// How far it is believed.
    pub trust: Trust,
    /// Not a stranger: we wrote to them, or accepted them.
    pub accepted: bool,
    /// Their messages are not shown.
    pub blocked: bool,
    /// They have moved, and say that they are found there: nothing is sent to the old alias.
    pub moved_to: Option<Alias>,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// With whom.
    pub contact: ContactView,
    /// The newest message, if any.
    pub last: Option<Message>,
    /// How many arrived since they were last looked at.
    pub unread: u32,
}

/// A message as the application sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// Its author.
    pub from: Alias,
    /// Its recipient.
    pub to: Alias,
    /// Whether we wrote it.
    pub outgoing: bool,
    /// When its author says it was written, in milliseconds since 1970.
    pub sent_ms: u64,
    /// When it was opened here; for our own, when it was written.
    pub at_ms: u64,
    /// Counts arrivals at this seed; 0 for our own.
    pub arrival: u64,
    /// Media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// The signature holds, and the pod binds the author's alias to the key that made it.
    pub verified: bool,
    /// How far that key is believed.
    pub trust: Trust,
    /// It came from a stranger.
    pub request: bool,
    /// Of a kind that this version cannot show.
    pub newer: bool,
    /// For our own: how far it came.
    pub delivery: Option<Delivery>,
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Message({:?}, {} bytes)", self.id, self.body.len())
    }
}

/// How far a sent message came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which message.
    pub id: MessageId,
    /// To whom.
    pub to: Alias,
    /// Where it lies; none before it is sealed.
    pub key: Option<RecordKey>,
    /// How far it came.
    pub status: Status,
    /// Seeds that had it then: they signed for it, and later on they were counted.
    pub seeds: u32,
    /// Pods that had it then.
    pub pods: u32,
    /// When the last receipt came or it was last counted, in milliseconds since 1970. What is
    /// older than [`limit::CONFIRMED_MS`] counts for nothing.
    pub confirmed_ms: u64,
    /// When the record expires, in milliseconds since 1970; 0 before it is sealed.
    pub expires_ms: u64,
    /// Why it is not further.
    pub reason: Option<Rejection>,
    /// Our pod keeps the notification and hands it over to the recipient's pod without us.
    pub forwarding: bool,
}

/// The stations of a sent message, in order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Written down here.
    Queued,
    /// Sealed, and in the hands of at least one holder.
    Stored,
    /// The recipient's pod has durably taken the notification.
    Notified,
    /// The recipient's seed has opened it.
    Fetched,
    /// The recipient has looked at it.
    Read,
    /// It will not arrive; see the reason.
    Lost,
}

const _: () = assert!(limit::MESSAGES_PAGE_MAX <= 1_000);
