//! What goes in and out of a pod: its configuration, commands and events.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use zeroize::Zeroizing;

use crate::{
    custody::{self, Contact},
    keyring::Identity,
    limit,
    machine::Address,
    name::{Alias, Host, Label},
    rejection::Rejection,
    wire::channel::SignedBinding,
};

/// Top byte of the tickets and question numbers of the pod's custody.
const CUSTODY_SPACE: u8 = 1;

/// How a pod is set up.
pub struct Config {
    /// The name it goes by, port included. Never taken from a request.
    pub host: Host,
    /// Its OpenPGP identity.
    pub identity: Identity,
    /// X25519 secret of the channel's handshake.
    pub noise_secret: Zeroizing<[u8; 32]>,
    /// A [`Succession`](crate::wire::channel::Succession) after a change of certificate, as
    /// [`succession`](crate::pod::session::succession) makes it; otherwise empty.
    pub succession: Vec<u8>,
    /// Its role as a holder of records.
    pub custody: custody::Config,
    /// Where all of its chance comes from; fresh at each start.
    pub random: [u8; 32],
    /// What it grants whom.
    pub quotas: Quotas,
    /// Where seeds and other pods reach it, as binary multiaddrs.
    pub addresses: Vec<Address>,
    /// Which other pods it deals with.
    pub policy: Policy,
}

/// Which other pods a pod deals with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// If there are any: these and no others.
    pub allow: Vec<Host>,
    /// Not these.
    pub deny: Vec<Host>,
}

impl Policy {
    /// Whether the pod that goes by this name is dealt with.
    #[must_use]
    pub fn admits(&self, host: &Host) -> bool {
        !self.deny.contains(host) && (self.allow.is_empty() || self.allow.contains(host))
    }
}

impl Config {
    /// A pod with ordinary quotas. `random` must be fresh at each start.
    #[must_use]
    pub fn new(
        host: Host,
        identity: Identity,
        noise_secret: Zeroizing<[u8; 32]>,
        seed_key: SigningKey,
        random: [u8; 32],
    ) -> Self {
        // Custody gets dice of its own, so that neither repeats what the other throws.
        let (mut own, mut custodys) = ([0; 32], [0; 32]);
        let mut dice = ChaCha20Rng::from_seed(random);
        dice.fill_bytes(&mut own);
        dice.fill_bytes(&mut custodys);
        Self {
            host,
            identity,
            noise_secret,
            succession: Vec::new(),
            custody: custody::Config::pod(CUSTODY_SPACE, seed_key, custodys),
            random: own,
            quotas: Quotas::default(),
            addresses: Vec::new(),
            policy: Policy::default(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.host)
            .field("quotas", &self.quotas)
            .finish_non_exhaustive()
    }
}

/// What a pod grants whom; `Default` is what [`limit`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Notifications from strangers that a mailbox keeps before any device has them.
    pub mailbox_strangers_max: usize,
    /// Notifications that a mailbox keeps altogether.
    pub mailbox_entries_max: usize,
    /// Bytes of records that a mailbox pins.
    pub mailbox_bytes_max: u64,
    /// Channels at once.
    pub channels_max: usize,
    /// Requests that change something which a session may make at once.
    pub changes_burst: u32,
    /// And how many a second it may go on with.
    pub changes_per_s: u32,
    /// Notifications that a person may ask for at once.
    pub notify_burst: u32,
    /// And how many a minute they may go on with.
    pub notify_per_minute: u32,
    /// Notifications that another pod may hand over at once.
    pub handovers_burst: u32,
    /// And how many a second it may go on with.
    pub handovers_per_s: u32,
    /// Notifications for other pods that are kept.
    pub outgoing_max: usize,
    /// And of one person, before they are taken.
    pub outgoing_per_person_max: usize,
    /// How often each record that a person had us keep is looked after, give or take a quarter.
    pub watch_ms: u64,
    /// Records that are watched over.
    pub watched_max: usize,
    /// And of one person.
    pub watched_per_person_max: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            mailbox_strangers_max: limit::MAILBOX_STRANGERS_MAX,
            mailbox_entries_max: limit::MAILBOX_CONTACTS_MAX,
            mailbox_bytes_max: limit::MAILBOX_BYTES_MAX,
            channels_max: limit::CHANNELS_MAX,
            changes_burst: limit::CHANGES_BURST,
            changes_per_s: limit::CHANGES_PER_S,
            notify_burst: limit::NOTIFY_BURST,
            notify_per_minute: limit::NOTIFY_PER_MINUTE,
            handovers_burst: limit::HANDOVERS_BURST,
            handovers_per_s: limit::HANDOVERS_PER_S,
            outgoing_max: limit::OUTGOING_MAX,
            outgoing_per_person_max: limit::OUTGOING_PER_PERSON_MAX,
            watch_ms: limit::WATCH_MS,
            watched_max: limit::WATCHED_MAX,
            watched_per_person_max: limit::WATCHED_PER_PERSON_MAX,
        }
    }
}

/// What the shell asks of a pod.
#[derive(Clone, Debug)]
pub enum Command {
    /// Read everything; answered by [`Event::Ready`]. Channels are refused until then.
    Start,
    /// Whose is this alias? For the HTTP API; answered by [`Event::Resolved`].
    Resolve {
        /// Comes back in the answer.
        id: u64,
        /// The alias asked for.
        alias: Alias,
    },
    /// Find a place among other seeds through these.
    Join(Vec<Contact>),
    /// Get acquainted with the pods that go by these names.
    Meet(Vec<Host>),
    /// Another pod, or somebody with a capability, hands over a notification: the body of
    /// `POST /fed/v1/notify`. Answered by [`Event::Answered`].
    Notified {
        /// Comes back in the answer.
        id: u64,
        /// A [`SignedHandover`](crate::wire::fed::SignedHandover).
        body: Vec<u8>,
    },
    /// What another pod answered to an [`Event::Call`]: its reply, the code it refused with, or
    /// `POD_UNREACHABLE`, `TIMED_OUT`, `TOO_LARGE` or `MALFORMED`.
    Called {
        /// Of the call.
        id: u64,
        /// What came of it.
        result: Result<Reply, Rejection>,
    },
}

/// A question to another pod; a shell carries it over HTTP, guarded.
#[derive(Clone, PartialEq, Eq)]
pub enum Call {
    /// `GET /.well-known/muttr`
    Describe,
    /// `GET /api/v1/alias/…`
    Resolve(Label),
    /// `POST /fed/v1/notify` with this body.
    Notify(Vec<u8>),
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Describe => "Describe",
            Self::Resolve(_) => "Resolve(…)",
            Self::Notify(_) => "Notify(…)",
        })
    }
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A [`SignedDescription`](crate::wire::fed::SignedDescription), encoded.
    Described(Vec<u8>),
    /// The owner's binding and certificate.
    Resolved(Box<Resolved>),
    /// A [`Taken`](crate::wire::fed::Taken), encoded.
    Taken(Vec<u8>),
}

/// What a pod says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// A [`SignedDescription`](crate::wire::fed::SignedDescription), encoded.
    pub signed: Vec<u8>,
    /// Other pods, for seeds to look around through.
    pub pods: Vec<Contact>,
}

/// What a pod tells its shell; nothing of it names a person, but for what was asked for.
#[derive(Clone, Debug)]
pub enum Event {
    /// Everything is read; channels are served.
    Ready,
    /// The disk failed while reading at the start; it is tried again.
    ReadFailed,
    /// Rows that could not be read were left alone.
    RowsUnreadable(usize),
    /// Whose an alias is.
    Resolved {
        /// Of [`Command::Resolve`].
        id: u64,
        /// The owner's binding and certificate, or `FOREIGN_POD`, `NOT_FOUND`, `BINDING_EXPIRED`.
        result: Result<Box<Resolved>, Rejection>,
    },
    /// The pod closed a channel; to be counted by code.
    Closed(Rejection),
    /// What the pod says of itself from now on.
    Described(Box<Described>),
    /// Ask another pod; answered by [`Command::Called`].
    Call {
        /// Comes back in the answer.
        id: u64,
        /// Which pod.
        host: Host,
        /// What.
        call: Call,
    },
    /// The answer to a [`Command::Notified`].
    Answered {
        /// Of the command.
        id: u64,
        /// A [`Taken`](crate::wire::fed::Taken), encoded, or why it is refused.
        result: Result<Vec<u8>, Rejection>,
    },
    /// Something between pods to be counted, and logged by its name.
    Counted(Count),
}

/// What is counted between pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Another pod took a notification.
    Delivered,
    /// Another pod refused one for good.
    Refused(Rejection),
    /// A notification for another pod expired undelivered.
    Expired,
    /// A notification came from another pod and was taken.
    Taken,
    /// One came and was refused.
    Denied(Rejection),
    /// Another pod did not answer, or not as it should.
    Failed(Rejection),
    /// A pod was met that was not known before.
    Met,
}

/// See [`Event::Resolved`].
#[derive(Clone, PartialEq, Eq)]
pub struct Resolved {
    /// As its owner signed it.
    pub binding: SignedBinding,
    /// The owner's certificate.
    pub certificate: Vec<u8>,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolved(…)")
    }
}

/// Figures for whoever runs a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Channels, identified or not.
    pub channels: usize,
    /// Identified sessions.
    pub sessions: usize,
    /// Aliases registered.
    pub aliases: usize,
    /// People who have a mailbox.
    pub mailboxes: usize,
    /// Notifications kept for them.
    pub notifications: usize,
    /// Records held.
    pub records: usize,
    /// Their bytes.
    pub record_bytes: u64,
    /// Seeds in the routing table.
    pub seeds: usize,
    /// Links to seeds that are up.
    pub links: usize,
    /// Other pods that are known.
    pub pods: usize,
    /// Notifications for people of other pods that were not taken yet.
    pub outgoing: usize,
    /// Records that are watched over for their authors.
    pub watched: usize,
    /// Of these, lost, and their authors do not know yet.
    pub lost: usize,
}
