//! What is signed: a message and everything that has to be believed about it.
//!
//! A payload is one DAG-CBOR map. Keys that begin with `!` are critical: whoever does not know
//! one refuses the payload. Other unknown keys are kept, so that a payload that is encoded again
//! still has the same [`hash`](Payload::hash). A kind that is not known decodes to
//! [`Kind::Unknown`], so that a person can be told that there is something newer to read.

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::value::Value;
use crate::{
    keyring::{Certificate, Identity},
    limit,
    name::{Alias, DeviceId, Fingerprint, MessageId},
    rejection::Rejection,
    time::Time,
    wire,
};

const VERSION: u64 = 1;
const MESSAGE: &str = "message";
const RECEIPT: &str = "receipt";
/// What a read receipt's body is.
const RECEIPT_TYPE: &str = "application/cbor";

/// What a payload is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Something a person wrote.
    Message,
    /// How far messages came at the other side; see [`Payload::read_receipt`].
    Receipt,
    /// Something that a newer version writes.
    Unknown(String),
}

/// One end of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The address used.
    pub alias: Alias,
    /// The certificate behind it.
    pub fingerprint: Fingerprint,
}

/// How the sender's certificate is told.
#[derive(Clone, PartialEq, Eq)]
pub enum Attached {
    /// The certificate itself, binary.
    Certificate(Vec<u8>),
    /// SHA-256 of it, for those who have it already.
    Hash([u8; 32]),
}

impl core::fmt::Debug for Attached {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Certificate(_) => "Certificate(…)",
            Self::Hash(_) => "Hash(…)",
        })
    }
}

/// A message with everything that its author's signature covers.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// What it is about.
    pub kind: Kind,
    /// Names it, whatever record it travels in. Random.
    pub id: MessageId,
    /// Who wrote it.
    pub from: Party,
    /// To whom, under which address and certificate: a message cannot be passed on as if it had
    /// been written to someone else, and shows which key its author was given.
    pub to: Party,
    /// The recipient's subkey that it is sealed to.
    pub to_subkey: Fingerprint,
    /// The author's device.
    pub device: DeviceId,
    /// When it was sealed, in milliseconds since 1970; the signature bears the same second.
    pub sent_ms: u64,
    /// Counts what this device sent to this recipient, from 1.
    pub seq: u64,
    /// [`Payload::hash`] of the one before in that sequence; absent in the first.
    pub previous: Option<[u8; 32]>,
    /// The message this answers.
    pub reply_to: Option<MessageId>,
    /// Media type of the body, as `text/plain`.
    pub content_type: String,
    /// The content.
    pub body: Vec<u8>,
    /// What releases the record from custody; the record shows its hash.
    pub deletion_token: [u8; 16],
    /// The right to notify the author's mailbox with an answer; empty for none.
    pub capability: Vec<u8>,
    /// Whether the author would like a read receipt.
    pub wants_receipt: bool,
    /// The author's certificate.
    pub attached: Attached,
    /// Last seen heads of transparency logs; empty for none.
    pub tree_heads: Vec<u8>,
    /// Keys of newer versions, kept as they came.
    rest: BTreeMap<String, Value>,
}

/// Who writes to whom, from which device.
#[derive(Clone, Copy, Debug)]
pub struct Correspondence<'a> {
    /// Who writes.
    pub sender: &'a Identity,
    /// Under which address.
    pub from: &'a Alias,
    /// From which device.
    pub device: DeviceId,
    /// To whom.
    pub recipient: &'a Certificate,
    /// Under which address.
    pub to: &'a Alias,
}

/// How far a message came at its recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Opened by a device.
    Fetched,
    /// Shown to the person.
    Read,
}

/// The body of a [`Kind::Receipt`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadReceipt {
    /// Of which messages.
    pub ids: Vec<MessageId>,
    /// How far they came.
    pub state: Progress,
}

impl Payload {
    /// A message, sealed at `now`, the first in its sequence, with its author's certificate
    /// attached and without a wish for a receipt. What is different is set on the result.
    ///
    /// # Errors
    /// [`Rejection::CertificateUnusable`] when the recipient has no subkey to encrypt to.
    pub fn message(
        rng: &mut (impl CryptoRng + RngCore),
        now: Time,
        between: &Correspondence<'_>,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Self, Rejection> {
        let mut id = [0; 32];
        let mut deletion_token = [0; 16];
        rng.fill_bytes(&mut id);
        rng.fill_bytes(&mut deletion_token);
        let sender = between.sender.certificate();
        Ok(Self {
            kind: Kind::Message,
            id: MessageId(id),
            from: Party {
                alias: between.from.clone(),
                fingerprint: sender.fingerprint(),
            },
            to: Party {
                alias: between.to.clone(),
                fingerprint: between.recipient.fingerprint(),
            },
            to_subkey: between.recipient.encryption_subkey(now)?,
            device: between.device,
            sent_ms: now.wall_ms,
            seq: 1,
            previous: None,
            reply_to: None,
            content_type: content_type.to_owned(),
            body,
            deletion_token,
            capability: Vec::new(),
            wants_receipt: false,
            attached: Attached::Certificate(sender.bytes().to_vec()),
            tree_heads: Vec::new(),
            rest: BTreeMap::new(),
        })
    }

    /// A read receipt for messages of the recipient. It names the certificate by its hash: who
    /// gets a receipt has written before, and so has it.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub fn receipt(
        rng: &mut (impl CryptoRng + RngCore),
        now: Time,
        between: &Correspondence<'_>,
        receipt: &ReadReceipt,
    ) -> Result<Self, Rejection> {
        let body = wire::encode(receipt);
        let mut this = Self::message(rng, now, between, RECEIPT_TYPE, body)?;
        this.kind = Kind::Receipt;
        this.attached = Attached::Hash(between.sender.certificate().hash());
        Ok(this)
    }

    /// The read receipt in the body.
    ///
    /// # Errors
    /// [`Rejection::Malformed`] when this is not a well-formed receipt.
    pub fn read_receipt(&self) -> Result<ReadReceipt, Rejection> {
        if self.kind != Kind::Receipt {
            return Err(Rejection::Malformed);
        }
        let receipt: ReadReceipt = wire::decode(&self.body, limit::BODY_BYTES_MAX)?;
        if receipt.ids.len() > limit::READ_RECEIPT_IDS_MAX || receipt.ids.is_empty() {
            return Err(Rejection::Malformed);
        }
        Ok(receipt)
    }

    /// SHA-256 of the encoded payload, by which the next one in the sequence names it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.encode()).into()
    }

    /// What the record's header shows of the deletion token.
    #[must_use]
    pub fn deletion_hash(&self) -> [u8; 32] {
        deletion_hash(&self.deletion_token)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (certificate, certificate_hash) = match &self.attached {
            Attached::Certificate(bytes) => (Some(bytes.as_slice()), None),
            Attached::Hash(hash) => (None, Some(hash)),
        };
        let kind = match &self.kind {
            Kind::Message => MESSAGE,
            Kind::Receipt => RECEIPT,
            Kind::Unknown(name) => name,
        };
        wire::encode(&Wire {
            version: VERSION,
            kind: kind.to_owned(),
            id: self.id,
            from: self.from.alias.clone(),
            from_fingerprint: self.from.fingerprint,
            to: self.to.alias.clone(),
            to_fingerprint: self.to.fingerprint,
            to_subkey: self.to_subkey,
            device: self.device,
            sent_ms: self.sent_ms,
            seq: self.seq,
            previous: self.previous.map(|hash| bytes(&hash)).unwrap_or_default(),
            reply_to: self.reply_to.map(|id| bytes(&id.0)).unwrap_or_default(),
            content_type: self.content_type.clone(),
            body: bytes(&self.body),
            deletion_token: bytes(&self.deletion_token),
            capability: bytes(&self.capability),
            wants_receipt: self.wants_receipt,
            certificate: certificate.map(bytes).unwrap_or_default(),
            certificate_hash: certificate_hash.map(|hash| bytes(hash)).unwrap_or_default(),
            tree_heads: bytes(&self.tree_heads),
            rest: self.rest.clone(),
        })
    }

    /// Reads what [`encode`](Self::encode) wrote, in this or in a newer version.
    ///
    /// # Errors
    /// [`Rejection::Unsupported`] for a newer version of the map or an unknown critical key,
    /// [`Rejection::TooLarge`], otherwise [`Rejection::Malformed`].
    pub fn decode(encoded: &[u8]) -> Result<Self, Rejection> {
        if encoded.len() > limit::RECORD_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let peek: Peek =
            serde_ipld_dagcbor::from_slice(encoded).map_err(|_| Rejection::Malformed)?;
        if peek.version != VERSION {
            return Err(Rejection::Unsupported);
        }
        let wire: Wire = wire::decode(encoded, limit::RECORD_BYTES_MAX)?;
        if wire.rest.keys().any(|key| key.starts_with('!')) {
            return Err(Rejection::Unsupported);
        }
        wire.check()?;
        let attached = match <[u8; 32]>::try_from(wire.certificate_hash.as_slice()) {
            Ok(hash) => Attached::Hash(hash),
            Err(_) => Attached::Certificate(wire.certificate.into_vec()),
        };
        let this = Self {
            kind: match wire.kind.as_str() {
                MESSAGE => Kind::Message,
                RECEIPT => Kind::Receipt,
                other => Kind::Unknown(other.to_string()),
            },
            id: wire.id,
            from: Party {
                alias: wire.from,
                fingerprint: wire.from_fingerprint,
            },
            to: Party {
                alias: wire.to,
                fingerprint: wire.to_fingerprint,
            },
            to_subkey: wire.to_subkey,
            device: wire.device,
            sent_ms: wire.sent_ms,
            seq: wire.seq,
            previous: optional(&wire.previous)?,
            reply_to: optional(&wire.reply_to)?.map(MessageId),
            content_type: wire.content_type,
            body: wire.body.into_vec(),
            deletion_token: fixed(&wire.deletion_token)?,
            capability: wire.capability.into_vec(),
            wants_receipt: wire.wants_receipt,
            attached,
            tree_heads: wire.tree_heads.into_vec(),
            rest: wire.rest,
        };
        if this.kind == Kind::Receipt {
            this.read_receipt()?;
        }
        Ok(this)
    }
}

/// Payloads are messages, so `Debug` prints kind and size alone.
impl core::fmt::Debug for Payload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Payload({:?}, {} bytes)", self.kind, self.body.len())
    }
}

/// SHA-256 of a label and a deletion token.
#[must_use]
pub fn deletion_hash(token: &[u8; 16]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"muttr/del/1\0")
        .chain_update(token)
        .finalize()
        .into()
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Peek {
    #[serde(rename = "v")]
    version: u64,
}

/// The map as it is spelled. Short keys: the smallest record has little room left.
#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "v")]
    version: u64,
    kind: String,
    id: MessageId,
    from: Alias,
    #[serde(rename = "from_fp")]
    from_fingerprint: Fingerprint,
    to: Alias,
    #[serde(rename = "to_fp")]
    to_fingerprint: Fingerprint,
    #[serde(rename = "to_sub")]
    to_subkey: Fingerprint,
    #[serde(rename = "dev")]
    device: DeviceId,
    #[serde(rename = "sent")]
    sent_ms: u64,
    seq: u64,
    #[serde(rename = "prev", default, skip_serializing_if = "nothing")]
    previous: Bytes,
    #[serde(rename = "re", default, skip_serializing_if = "nothing")]
    reply_to: Bytes,
    #[serde(rename = "type")]
    content_type: String,
    body: Bytes,
    #[serde(rename = "del")]
    deletion_token: Bytes,
    #[serde(rename = "cap", default, skip_serializing_if = "nothing")]
    capability: Bytes,
    #[serde(rename = "rcpt", default, skip_serializing_if = "is_false")]
    wants_receipt: bool,
    #[serde(rename = "cert", default, skip_serializing_if = "nothing")]
    certificate: Bytes,
    #[serde(rename = "cert_hash", default, skip_serializing_if = "nothing")]
    certificate_hash: Bytes,
    #[serde(rename = "heads", default, skip_serializing_if = "nothing")]
    tree_heads: Bytes,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

type Bytes = serde_bytes::ByteBuf;

impl Wire {
    /// Bounds, and what cannot be said by types.
    fn check(&self) -> Result<(), Rejection> {
        let told_once = self.certificate.is_empty() != self.certificate_hash.is_empty();
        let hash_fits = matches!(self.certificate_hash.len(), 0 | 32);
        // The first of a sequence has no predecessor, and every other one has.
        let chained = self.seq != 0 && (self.seq == 1) == self.previous.is_empty();
        if !told_once || !hash_fits || !chained {
            return Err(Rejection::Malformed);
        }
        let fits = self.body.len() <= limit::BODY_BYTES_MAX
            && self.kind.len() <= limit::CONTENT_TYPE_BYTES_MAX
            && self.content_type.len() <= limit::CONTENT_TYPE_BYTES_MAX
            && self.capability.len() <= limit::CAPABILITY_BYTES_MAX
            && self.tree_heads.len() <= limit::CAPABILITY_BYTES_MAX
            && self.certificate.len() <= limit::CERTIFICATE_BYTES_MAX;
        if fits {
            Ok(())
        } else {
            Err(Rejection::TooLarge)
        }
    }
}

fn bytes(from: &[u8]) -> Bytes {
    Bytes::from(from)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Rejection> {
    bytes.try_into().map_err(|_| Rejection::Malformed)
}

fn optional(bytes: &[u8]) -> Result<Option<[u8; 32]>, Rejection> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        fixed(bytes).map(Some)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

fn nothing(bytes: &Bytes) -> bool {
    bytes.is_empty()
}
