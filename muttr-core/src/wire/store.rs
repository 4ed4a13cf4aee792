//! `/muttr/store/1.0.0`: one question, one answer, each a canonical CBOR message.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    limit,
    name::{RecordKey, SeedId},
    rejection::Rejection,
    wire,
};

/// A question to a holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreAsk {
    /// Keep this record.
    Put(Put),
    /// Hand over the record with this key.
    Get(Get),
    /// Which of these do you hold? At most 256 keys.
    Have(Vec<RecordKey>),
    /// Give up the record with this key: whoever it was for has opened it.
    Release(Release),
    /// What I hold and you watch over has changed.
    Digest(Digest),
    /// Which seeds around this key hold the record now?
    Count(Count),
}

/// Reads a question. One of a kind that this version does not know is newer, and no breach.
///
/// # Errors
/// [`Rejection::TooLarge`], [`Rejection::Unsupported`], otherwise [`Rejection::Malformed`].
pub fn read_ask(bytes: &[u8]) -> Result<StoreAsk, Rejection> {
    const KINDS: [&str; 6] = ["put", "get", "have", "release", "digest", "count"];
    let read: Result<StoreAsk, Rejection> = wire::decode(bytes, limit::STORE_BYTES_MAX);
    if read == Err(Rejection::Malformed)
        && let Ok(map) = serde_ipld_dagcbor::from_slice::<BTreeMap<String, IgnoredAny>>(bytes)
        && map.len() == 1
        && map.keys().all(|kind| !KINDS.contains(&kind.as_str()))
    {
        return Err(Rejection::Unsupported);
    }
    read
}

/// See [`StoreAsk::Put`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The whole record.
    #[serde(with = "serde_bytes")]
    pub record: Vec<u8>,
    /// Proof of work over the record key, [`crate::limit::STAMP_BYTES`] long; empty from whoever is
    /// older than stamps are.
    #[serde(with = "serde_bytes")]
    pub stamp: Vec<u8>,
    /// How many forwarders it has passed; more than [`crate::limit::HOPS_MAX`] is malformed.
    pub hops: u8,
    /// Place this many more copies among your neighbours; 0 while authors place all themselves.
    /// A holder that does not spread ignores it.
    pub spread: u8,
}

/// See [`StoreAsk::Get`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// Which record.
    pub key: RecordKey,
    /// How many forwarders the question has passed; bounded likewise.
    pub hops: u8,
}

/// See [`StoreAsk::Count`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Which record.
    pub key: RecordKey,
    /// How many forwarders the question has passed; bounded likewise.
    pub hops: u8,
}

/// See [`StoreAsk::Release`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Which record, and by what right.
    pub tombstone: Tombstone,
    /// How many forwarders it has passed; bounded likewise.
    pub hops: u8,
}

/// That a record was released, and the proof of it for everyone who has seen the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// Which record.
    pub key: RecordKey,
    /// The deletion token, whose hash is in the record's header: 16 bytes.
    #[serde(with = "serde_bytes")]
    pub token: Vec<u8>,
    /// When the record would have expired, in hours since 1970; until then this is remembered.
    pub expires_h: u32,
}

/// See [`StoreAsk::Digest`]. A record is named by the first eight bytes of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// How many names you should have of me, plus all of them as big-endian numbers, modulo 2^64.
    pub base: u64,
    /// Names to add.
    #[serde(with = "serde_bytes")]
    pub add: Vec<u8>,
    /// Names to take away.
    #[serde(with = "serde_bytes")]
    pub drop: Vec<u8>,
    /// Records that I watch over and lack: put them to me.
    #[serde(with = "serde_bytes")]
    pub want: Vec<u8>,
}

/// The answer to a [`Digest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digested {
    /// I have another base, or none: begin anew. Nothing was changed.
    pub again: bool,
    /// Of the records that were added, those that were released.
    pub gone: Vec<Tombstone>,
}

/// A holder's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StoreAnswer {
    /// Kept, durably; one receipt of each holder that now has it.
    Kept(Vec<Receipt>),
    /// The record that was asked for.
    Record(serde_bytes::ByteBuf),
    /// One entry for each key of the question, in its order.
    Have(Vec<bool>),
    /// Released: it is not here any more, and will not be taken again.
    Released,
    /// Not kept, because it was released, as this shows.
    Gone(Tombstone),
    /// A digest was taken in.
    Digest(Digested),
    /// Who holds the record, as far as whoever asked them was told; each once.
    Counted(Vec<Holder>),
    /// A coded no.
    Rejected(Rejection),
}

/// Somebody who is said to hold a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Who.
    pub seed: SeedId,
    /// Where it can be asked, as binary multiaddrs; at most
    /// [`crate::limit::COUNTED_ADDRESSES_MAX`], and none where they are not known.
    pub addresses: Vec<serde_bytes::ByteBuf>,
}

/// A holder's signed promise to keep a record until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Which record.
    pub key: RecordKey,
    /// Until when, in hours since 1970, as the record's header says.
    pub expires_h: u32,
    /// Who promised; the key that signed.
    pub seed: SeedId,
    /// Ed25519 over [`Receipt::signed_bytes`], 64 bytes (RFC 8032).
    #[serde(with = "serde_bytes")]
    pub signature: Vec<u8>,
}

impl Receipt {
    /// What a receipt's signature covers.
    #[must_use]
    pub fn signed_bytes(key: &RecordKey, expires_h: u32, seed: &SeedId) -> Vec<u8> {
        let expires = expires_h.to_be_bytes();
        [b"muttr/receipt/1\0".as_slice(), &key.0, &expires, &seed.0].concat()
    }
}
