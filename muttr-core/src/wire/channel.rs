//! The private channel: what a seed and its pod say to each other inside the Noise session.
//!
//! Each message is canonical CBOR. A request bears an `id` chosen by the seed; its answer bears
//! the same. What the pod says unasked has no `id`.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    name::{Alias, DeviceId, Hash, Host, Label, RecordKey, SeedId},
    rejection::Rejection,
    wire::store::{Receipt, Tombstone},
};

/// First handshake payload of the pod, inside the second Noise message: who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodProof {
    /// The name the pod goes by.
    pub host: Host,
    /// The pod's OpenPGP certificate.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// By the pod's authentication subkey over label, host and the pod's static Noise key.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
    /// When the pod changed its certificate: a [`Succession`]; otherwise empty.
    #[serde(with = "serde_bytes")]
    pub succession: Vec<u8>,
}

/// How a pod that changed its certificate shows that the old key wanted it so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Succession {
    /// The certificate before.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// By its primary key over label, host and the new certificate's fingerprint.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

/// From a seed to its pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToPod {
    /// The first message: who I am, proved for this handshake alone.
    Identify(Identify),
    /// Take this alias for me, or renew it.
    Register {
        /// Request number.
        id: u64,
        /// A signed [`Binding`].
        binding: SignedBinding,
    },
    /// Whose is this alias?
    Resolve {
        /// Request number.
        id: u64,
        /// The alias asked for.
        alias: Alias,
    },
    /// Keep this record.
    Store {
        /// Request number.
        id: u64,
        /// The record.
        #[serde(with = "serde_bytes")]
        record: Vec<u8>,
        /// Its stamp; absent in sessions before [`Version::Fifth`](crate::session::Version).
        #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
        stamp: Vec<u8>,
    },
    /// Hand over this record; look it up among the seeds if you do not hold it.
    Fetch {
        /// Request number.
        id: u64,
        /// Which record.
        key: RecordKey,
    },
    /// Place copies of a record that you hold with the seeds closest to its key, because I have
    /// no links of my own. In sessions of [`Version::Second`](crate::session::Version).
    Place {
        /// Request number.
        id: u64,
        /// Which record.
        key: RecordKey,
        /// How many holders are wanted, at least one and at most [`crate::limit::HOLDERS`].
        copies: u8,
    },
    /// Tell this person that a message for them lies at a record key.
    Notify {
        /// Request number.
        id: u64,
        /// The recipient.
        to: Alias,
        /// What to tell.
        notification: Notification,
    },
    /// Whoever shows this capability may notify me as a contact. In sessions of
    /// [`Version::Third`](crate::session::Version).
    Grant {
        /// Request number.
        id: u64,
        /// SHA-256 of the capability.
        hash: Hash,
    },
    /// Nobody may by this capability any more. In sessions of
    /// [`Version::Third`](crate::session::Version).
    Revoke {
        /// Request number.
        id: u64,
        /// As granted.
        hash: Hash,
    },
    /// All notifications up to and including `seq` are durably pending here.
    Ack {
        /// Of which run of the mailbox.
        epoch: u64,
        /// The highest one.
        seq: u64,
    },
    /// Count who holds a record, because I have no links of my own. In sessions of
    /// [`Version::Fourth`](crate::session::Version).
    Count {
        /// Request number.
        id: u64,
        /// Which record.
        key: RecordKey,
        /// The hash in its header, by which a release is known to be true.
        deletion_hash: Hash,
    },
    /// It is durable here that this record is lost: I need not be told again. In sessions of
    /// [`Version::Fourth`](crate::session::Version).
    Heard {
        /// Which record.
        key: RecordKey,
    },
    /// Answer to a ping.
    Pong {
        /// The ping's number.
        nonce: u64,
    },
}

/// See [`ToPod::Identify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identify {
    /// The person's certificate.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// Which of their devices this is.
    pub device: DeviceId,
    /// Where this device stopped reading: (epoch, seq); (0, 0) for a new one.
    pub cursor: (u64, u64),
    /// By the authentication subkey over label, host, device and the Noise handshake hash.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

/// From a pod to its seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToSeed {
    /// You are identified.
    Welcome(Welcome),
    /// A request was refused; `id` 0 is the session itself, which then closes.
    Rejected {
        /// Request number.
        id: u64,
        /// Why.
        code: Rejection,
    },
    /// The alias is yours.
    Registered {
        /// Request number.
        id: u64,
        /// The mailbox that came with it.
        epoch: u64,
    },
    /// Whose alias it is.
    Resolved {
        /// Request number.
        id: u64,
        /// The owner's binding.
        binding: SignedBinding,
        /// The owner's certificate.
        #[serde(with = "serde_bytes")]
        certificate: Vec<u8>,
    },
    /// The pod holds the record.
    Stored {
        /// Request number.
        id: u64,
        /// Its promise.
        receipt: Receipt,
    },
    /// The record asked for.
    Fetched {
        /// Request number.
        id: u64,
        /// The record.
        #[serde(with = "serde_bytes")]
        record: Vec<u8>,
    },
    /// A seed promised to keep a record that the pod was asked to place. A few may follow
    /// [`ToSeed::Placed`].
    Promised {
        /// Number of the request to place it.
        id: u64,
        /// The seed's promise, as it gave it to the pod.
        receipt: Receipt,
    },
    /// The pod has asked whom it could.
    Placed {
        /// Request number.
        id: u64,
    },
    /// The notification is durable at the recipient's pod.
    Notified {
        /// Request number.
        id: u64,
    },
    /// The pod durably keeps the notification and hands it over to the recipient's pod; a
    /// [`ToSeed::Handover`] tells how that goes.
    Forwarding {
        /// Request number.
        id: u64,
    },
    /// How handing over a notification to another pod goes.
    Handover {
        /// The recipient.
        to: Alias,
        /// Which record it tells of.
        key: RecordKey,
        /// How far it came.
        state: HandoverState,
    },
    /// Who holds a record, as far as the pod could confirm it.
    Counted {
        /// Request number.
        id: u64,
        /// Seeds.
        seeds: Vec<SeedId>,
        /// Pods, this one among them.
        pods: Vec<SeedId>,
        /// It was released, as this proves.
        gone: Option<Tombstone>,
    },
    /// Nobody has this record of yours any more, as far as the pod can find out; told until
    /// [`ToPod::Heard`]. In sessions of [`Version::Fourth`](crate::session::Version).
    Lost {
        /// Which record.
        key: RecordKey,
    },
    /// Granted, or revoked.
    Granted {
        /// Request number.
        id: u64,
    },
    /// Someone left a message.
    Notification {
        /// Which run of the mailbox.
        epoch: u64,
        /// Its place in the mailbox.
        seq: u64,
        /// Which alias of yours it is for.
        to: Label,
        /// Whether it came without a capability: a stranger's.
        request: bool,
        /// What there is.
        notification: Notification,
    },
    /// The lowest cursor of all devices moved.
    Cursor {
        /// Which run of the mailbox.
        epoch: u64,
        /// All devices have everything up to here.
        lowest: u64,
    },
    /// Are you there? Also the pod's clock.
    Ping {
        /// To be echoed.
        nonce: u64,
        /// The pod's time in milliseconds since 1970.
        wall_ms: u64,
    },
}

/// See [`ToSeed::Handover`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HandoverState {
    /// Not yet; it is tried again until the record expires. This was the last obstacle.
    Waiting(Rejection),
    /// The recipient's pod durably has the notification, and promises to keep the record.
    Taken(Receipt),
    /// It is refused for good.
    Refused(Rejection),
}

/// See [`ToSeed::Welcome`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// The pod's time in milliseconds since 1970.
    pub wall_ms: u64,
    /// Aliases registered for this certificate.
    pub aliases: Vec<Label>,
    /// Current run of the mailbox; 0 while there is no alias.
    pub epoch: u64,
    /// Everything up to here is in the hands of all devices.
    pub lowest: u64,
}

/// "A message for you is stored under `key`."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// Where it lies.
    pub key: RecordKey,
    /// Until when, in hours since 1970.
    pub expires_h: u32,
    /// The right to notify this mailbox as a contact; empty for a stranger.
    #[serde(with = "serde_bytes")]
    pub capability: Vec<u8>,
}

/// Ties an alias to a certificate; signed by its owner (see `keyring`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Which alias.
    pub alias: Alias,
    /// Whose: the certificate's fingerprint.
    pub fingerprint: crate::name::Fingerprint,
    /// SHA-256 of the certificate as registered.
    #[serde(with = "serde_bytes")]
    pub certificate_hash: Vec<u8>,
    /// Counts the owner's bindings of this alias, from 1.
    pub seq: u64,
    /// SHA-256 of the previous signed binding; empty for the first.
    #[serde(with = "serde_bytes")]
    pub previous: Vec<u8>,
    /// Valid until, in milliseconds since 1970.
    pub not_after_ms: u64,
    /// Where the owner moved to; empty while they stay.
    pub moved_to: String,
}

/// A [`Binding`] as signed: the exact bytes, so that nobody has to encode them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBinding {
    /// Canonical CBOR of a [`Binding`].
    #[serde(with = "serde_bytes")]
    pub binding: Vec<u8>,
    /// Detached OpenPGP signature by the owner's primary key over label and `binding`.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}
