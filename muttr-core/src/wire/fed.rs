//! Between pods: how a pod describes itself, and the notifications that one hands to another.
//!
//! Both are signed as objects and not by the connection they travel over: they can be kept, sent
//! again, and shown to a third party. A signature is by the pod's authentication subkey over a
//! label and the encoded object.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    name::{Alias, Host, SeedId},
    wire::{channel::Notification, store::Receipt},
};

/// What a pod signs its description under.
pub const DESCRIPTION_LABEL: &[u8] = b"muttr/pod/1\0";
/// What a pod signs a notification for another pod's person under.
pub const HANDOVER_LABEL: &[u8] = b"muttr/handover/1\0";

/// Who a pod is and where it is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The name it goes by.
    pub host: Host,
    /// Its OpenPGP certificate, which signed this.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
    /// Its place in the network; the key that signs its custody receipts.
    pub seed: SeedId,
    /// Binary multiaddrs at which seeds and pods reach it.
    pub addresses: Vec<serde_bytes::ByteBuf>,
    /// Some of the pods it knows, at most [`crate::limit::PODS_NAMED_MAX`].
    pub knows: Vec<Host>,
    /// Which run of its storage this is, drawn at random. After another one, what it had taken
    /// before may be lost, and is to be handed over again.
    pub run: u64,
    /// When it was written, in milliseconds since 1970.
    pub at_ms: u64,
    /// Valid until, in milliseconds since 1970.
    pub not_after_ms: u64,
}

/// A [`Description`] as signed: the exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDescription {
    /// Canonical CBOR of a [`Description`].
    #[serde(with = "serde_bytes")]
    pub description: Vec<u8>,
    /// Under [`DESCRIPTION_LABEL`].
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
    /// When the pod changed its certificate: a [`crate::wire::channel::Succession`]; otherwise
    /// empty.
    #[serde(with = "serde_bytes")]
    pub succession: Vec<u8>,
}

/// A notification for somebody of another pod. It names no sender, only the pod that vouches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The pod that hands it over; absent when somebody with a capability does so themselves.
    pub from: Option<Host>,
    /// For whom.
    pub to: Alias,
    /// What there is.
    pub notification: Notification,
    /// When it was signed, in milliseconds since 1970. It is signed anew for each attempt.
    pub at_ms: u64,
}

/// A [`Handover`] as signed, with the record it tells of: `POST /fed/v1/notify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHandover {
    /// Canonical CBOR of a [`Handover`].
    #[serde(with = "serde_bytes")]
    pub handover: Vec<u8>,
    /// Under [`HANDOVER_LABEL`]; empty when no pod hands it over.
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
    /// The record; its key is in what was signed.
    #[serde(with = "serde_bytes")]
    pub record: Vec<u8>,
    /// The record's stamp; absent from whoever is older than stamps are.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    pub stamp: Vec<u8>,
}

/// The answer to a [`SignedHandover`]: record and notification are durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The pod's promise to keep the record.
    pub receipt: Receipt,
    /// As in its [`Description`].
    pub run: u64,
}
