//! `/muttr/store/1.0.0`: one question, one answer, each a canonical CBOR message.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    name::{RecordKey, SeedId},
    rejection::Rejection,
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
}

/// See [`StoreAsk::Put`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Put {
    /// The whole record.
    #[serde(with = "serde_bytes")]
    pub record: Vec<u8>,
    /// Proof of work over the record key; empty while no pod asks for one.
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
    /// A coded no.
    Rejected(Rejection),
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
