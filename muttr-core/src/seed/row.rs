//! What a seed writes down: the rows of its tables.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Delivery, Draft, Message, Status, Trust};
use crate::{
    limit,
    machine::{Row, Table, Write},
    name::{Alias, Fingerprint, Label, MessageId, RecordKey, SeedId},
    rejection::Rejection,
    time::Time,
    wire,
};

/// Names of the rows of [`Table::Setting`].
pub(super) mod setting {
    pub(crate) const DEVICE: &[u8] = b"device";
    pub(crate) const CURSOR: &[u8] = b"cursor";
    pub(crate) const POD: &[u8] = b"pod";
    pub(crate) const ALIAS: &[u8] = b"alias";
    pub(crate) const OPENING: &[u8] = b"opening";
    pub(crate) const ARRIVAL: &[u8] = b"arrival";
}

/// Encodes a row and says where it goes.
pub(super) fn put<T: Serialize>(table: Table, key: Vec<u8>, value: &T) -> Write {
    Write::Put(
        table,
        Row {
            key,
            value: wire::encode(value),
        },
    )
}

/// Reads a row back; `None` for one that is damaged, which is then as good as lost.
pub(super) fn read<T: Serialize + DeserializeOwned>(row: &Row) -> Option<T> {
    wire::decode(&row.value, usize::MAX).ok()
}

/// A person we know.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ContactRow {
    #[serde(with = "serde_bytes")]
    pub(super) certificate: Vec<u8>,
    pub(super) fingerprint: Fingerprint,
    pub(super) trust: Trust,
    /// The certificate the pod names now, while it is not believed; empty otherwise.
    #[serde(with = "serde_bytes")]
    pub(super) offered: Vec<u8>,
    pub(super) accepted: bool,
    pub(super) blocked: bool,
    /// How many payloads this device sent them.
    pub(super) sent: u64,
    /// SHA-256 of the last of these payloads; empty before the first.
    #[serde(with = "serde_bytes")]
    pub(super) previous: Vec<u8>,
    pub(super) unread: u32,
    pub(super) last_ms: u64,
    /// Key in [`Table::Message`] of the newest message; empty while there is none.
    #[serde(with = "serde_bytes")]
    pub(super) last: Vec<u8>,
    /// By what they may notify us as a contact; empty while they have nothing from us.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<u8>,
    /// Our pod knows of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) granted: bool,
    /// By what we may notify them as a contact; empty while we have nothing from them.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) capability: Vec<u8>,
    /// Where they said that they moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moved_to: Option<Alias>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_false(granted: &bool) -> bool {
    !*granted
}

/// A message that can be shown.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct MessageRow {
    pub(super) id: MessageId,
    pub(super) from: Alias,
    pub(super) to: Alias,
    pub(super) outgoing: bool,
    pub(super) sent_ms: u64,
    pub(super) at_ms: u64,
    pub(super) arrival: u64,
    pub(super) content_type: String,
    #[serde(with = "serde_bytes")]
    pub(super) body: Vec<u8>,
    pub(super) reply_to: Option<MessageId>,
    pub(super) verified: bool,
    pub(super) newer: bool,
    /// The author wants to be told when it was read.
    pub(super) receipt: bool,
}

impl MessageRow {
    /// Whom the conversation is with.
    pub(super) const fn with(&self) -> &Alias {
        if self.outgoing { &self.to } else { &self.from }
    }

    /// The key it lies under: a conversation's messages stand together, the newest first.
    pub(super) fn key(&self) -> Vec<u8> {
        let newest_first = (u64::MAX.saturating_sub(self.at_ms)).to_be_bytes();
        let mut key = conversation(self.with());
        key.extend_from_slice(&newest_first);
        key.extend_from_slice(&self.id.0);
        key
    }

    pub(super) fn view(self, contact: Option<&ContactRow>, delivery: Option<Delivery>) -> Message {
        Message {
            id: self.id,
            from: self.from,
            to: self.to,
            outgoing: self.outgoing,
            sent_ms: self.sent_ms,
            at_ms: self.at_ms,
            arrival: self.arrival,
            content_type: self.content_type,
            body: self.body,
            reply_to: self.reply_to,
            verified: self.verified,
            trust: contact.map_or(Trust::Unverified, |contact| contact.trust),
            request: !self.outgoing && contact.is_none_or(|contact| !contact.accepted),
            newer: self.newer,
            delivery,
        }
    }
}

/// First part of the keys of a conversation's messages.
pub(super) fn conversation(with: &Alias) -> Vec<u8> {
    let mut key = format!("{with}").into_bytes();
    key.push(0);
    key
}

/// Something on its way to a person.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OutboxRow {
    pub(super) to: Alias,
    /// What is to be sealed; gone once it is.
    pub(super) content: Option<Content>,
    /// The sealed record; gone once the recipient's pod has taken the notification.
    #[serde(with = "serde_bytes")]
    pub(super) record: Vec<u8>,
    pub(super) key: Option<RecordKey>,
    pub(super) status: Status,
    pub(super) seeds: Vec<SeedId>,
    pub(super) pods: Vec<SeedId>,
    pub(super) confirmed_ms: u64,
    pub(super) expires_ms: u64,
    pub(super) reason: Option<Rejection>,
    /// Nothing that is shown: a receipt.
    pub(super) silent: bool,
    /// The hash in the record's header, by which a release is recognised; empty before it is
    /// sealed, and for what was sealed before this was noted.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deletion_hash: Vec<u8>,
    /// Empty until it is found; kept after the record was given up, in case that is placed again.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) stamp: Vec<u8>,
    /// As far as is known in this life, our pod goes on with it.
    #[serde(skip)]
    pub(super) forwarding: bool,
}

/// What is waiting to be sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) kind: ContentKind,
    pub(super) content_type: String,
    #[serde(with = "serde_bytes")]
    pub(super) body: Vec<u8>,
    pub(super) reply_to: Option<MessageId>,
    pub(super) sent_ms: u64,
    pub(super) life_ms: u64,
}

/// A message, or the news that messages were fetched or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ContentKind {
    Message,
    Receipt,
}

impl OutboxRow {
    pub(super) fn new(draft: Draft, kind: ContentKind, sent_ms: u64) -> Self {
        let content = Content {
            kind,
            content_type: draft.content_type,
            body: draft.body,
            reply_to: draft.reply_to,
            sent_ms,
            life_ms: draft.life_ms,
        };
        Self {
            to: draft.to,
            content: Some(content),
            record: Vec::new(),
            key: None,
            status: Status::Queued,
            seeds: Vec::new(),
            pods: Vec::new(),
            confirmed_ms: 0,
            expires_ms: 0,
            reason: None,
            silent: kind == ContentKind::Receipt,
            deletion_hash: Vec::new(),
            stamp: Vec::new(),
            forwarding: false,
        }
    }

    /// Whether it is too late to send it.
    pub(super) fn is_over(&self, now: Time) -> bool {
        match &self.content {
            Some(content) => content.sent_ms.saturating_add(content.life_ms) <= now.wall_ms,
            None => self.expires_ms <= now.wall_ms,
        }
    }

    /// See [`Self::deletion_hash`].
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.deletion_hash.as_slice().try_into().ok()
    }

    /// When the record expires, in hours since 1970 as its header says.
    pub(super) fn expires_h(&self) -> u32 {
        let hours = self.expires_ms.checked_div(limit::HOUR_MS);
        u32::try_from(hours.unwrap_or_default()).unwrap_or(u32::MAX)
    }

    pub(super) fn view(&self, id: MessageId) -> Delivery {
        let count = |holders: &[SeedId]| u32::try_from(holders.len()).unwrap_or(u32::MAX);
        Delivery {
            id,
            to: self.to.clone(),
            key: self.key,
            status: self.status,
            seeds: count(&self.seeds),
            pods: count(&self.pods),
            confirmed_ms: self.confirmed_ms,
            expires_ms: self.expires_ms,
            reason: self.reason,
            forwarding: self.forwarding,
        }
    }
}

/// A notification taken over from the pod, until what it tells of was opened.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PendingRow {
    pub(super) key: RecordKey,
    pub(super) expires_h: u32,
    pub(super) to: Label,
    /// How often opening it was begun and did not end.
    pub(super) attempts: u32,
    /// Why it is not tried any more.
    pub(super) set_aside: Option<Rejection>,
}

const PENDING: u8 = 0;
const ARRIVED: u8 = 1;
const RELEASED: u8 = 2;

/// Key in [`Table::Inbox`] of a notification, in the pod's order.
pub(super) fn pending_key(epoch: u64, seq: u64) -> Vec<u8> {
    [
        [PENDING].as_slice(),
        &epoch.to_be_bytes(),
        &seq.to_be_bytes(),
    ]
    .concat()
}

/// Run of the mailbox and number in it, if this is a [`pending_key`].
pub(super) fn pending_of(key: &[u8]) -> Option<(u64, u64)> {
    let (epoch, seq) = key.strip_prefix(&[PENDING])?.split_at_checked(8)?;
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    Some((number(epoch)?, number(seq)?))
}

/// Key in [`Table::Inbox`] of a record that is to be released.
pub(super) fn release_key(record: &RecordKey) -> Vec<u8> {
    [[RELEASED].as_slice(), &record.0].concat()
}

/// The record, if this is a [`release_key`].
pub(super) fn released_of(key: &[u8]) -> Option<RecordKey> {
    RecordKey::from_slice(key.strip_prefix(&[RELEASED])?).ok()
}

/// Key in [`Table::Inbox`] of an arrived message, in the order of arrival.
pub(super) fn arrival_key(arrival: u64) -> Vec<u8> {
    [[ARRIVED].as_slice(), &arrival.to_be_bytes()].concat()
}

/// The number in an [`arrival_key`], if it is one.
pub(super) fn arrival_of(key: &[u8]) -> Option<u64> {
    let number = key.strip_prefix(&[ARRIVED])?;
    number.try_into().ok().map(u64::from_be_bytes)
}
