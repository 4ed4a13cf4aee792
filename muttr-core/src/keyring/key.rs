//! Keys inside certificates: what they are for, and from when to when they are good.

use pgp::{
    packet::{PacketHeader, PublicKey, PublicSubkey},
    types::{KeyDetails, PublicParams, Tag},
};

use super::statement::{Statement, flag};
use crate::{envelope::packet::take, limit, name::Fingerprint};

/// Public-key algorithms (RFC 9580, section 9.1; RFC 9980).
pub(crate) mod algorithm {
    /// X25519, 32 octets.
    pub(crate) const X25519: u8 = 25;
    /// Ed25519, 32 octets.
    pub(crate) const ED25519: u8 = 27;
    /// ML-KEM-768 with X25519, 32 + 1184 octets.
    pub(crate) const ML_KEM_768_X25519: u8 = 35;
}

/// A subkey that the primary key vouched for.
#[derive(Clone)]
pub(crate) struct Subkey {
    pub(crate) key: PublicSubkey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) algorithm: u8,
    pub(super) flags: u8,
    pub(super) life: Life,
}

/// From when to when a key is good.
#[derive(Clone, Copy)]
pub(super) struct Life {
    created_s: u64,
    pub(super) expires_s: Option<u64>,
    pub(super) revoked: bool,
}

/// Why a key is not good at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Revoked,
    Expired,
    NotYet,
}

impl Life {
    pub(super) fn of(key: &impl KeyDetails, statement: &Statement, revoked: bool) -> Self {
        let created_s = u64::from(key.created_at().as_secs());
        let expires_s = statement
            .key_life_s
            .map(|life_s| created_s.saturating_add(life_s));
        Self {
            created_s,
            expires_s,
            revoked,
        }
    }

    pub(super) fn check(self, at_s: u64) -> Result<(), Unusable> {
        let skew_s = limit::CLOCK_SKEW_MS.div_ceil(1000);
        if self.revoked {
            Err(Unusable::Revoked)
        } else if self.expires_s.is_some_and(|expires_s| expires_s <= at_s) {
            Err(Unusable::Expired)
        } else if self.created_s > at_s.saturating_add(skew_s) {
            Err(Unusable::NotYet)
        } else {
            Ok(())
        }
    }
}

impl Subkey {
    pub(crate) const fn encrypts(&self) -> bool {
        self.flags & (flag::SENT | flag::STORED) != 0 && self.algorithm != algorithm::ED25519
    }

    pub(crate) const fn authenticates(&self) -> bool {
        self.flags & flag::AUTHENTICATE != 0 && self.algorithm == algorithm::ED25519
    }
}

/// The algorithm of a version 6 key packet whose parts have exactly the right length.
pub(crate) fn key_shape(mut body: &[u8]) -> Option<u8> {
    let [version, _, _, _, _, algorithm, l0, l1, l2, l3] = take(&mut body)?;
    let len = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).ok()?;
    let expected = key_bytes(algorithm)?;
    (version == 6 && len == expected && body.len() == expected).then_some(algorithm)
}

/// Bytes of public key material.
pub(crate) const fn key_bytes(algorithm: u8) -> Option<usize> {
    match algorithm {
        algorithm::X25519 | algorithm::ED25519 => Some(32),
        algorithm::ML_KEM_768_X25519 => Some(32 + 1184),
        _ => None,
    }
}

/// Reads the body of a primary key packet.
pub(super) fn primary_key(body: &[u8]) -> Option<PublicKey> {
    let good = key_shape(body) == Some(algorithm::ED25519);
    let header = PacketHeader::new_fixed(Tag::PublicKey, u32::try_from(body.len()).ok()?);
    let key = good
        .then(|| PublicKey::try_from_reader(header, body).ok())
        .flatten();
    key.filter(|key| !is_weak(key.public_params()))
}

/// Reads the body of a subkey packet.
pub(super) fn subkey_key(body: &[u8]) -> Option<PublicSubkey> {
    let header = PacketHeader::new_fixed(Tag::PublicSubkey, u32::try_from(body.len()).ok()?);
    let good = key_shape(body).is_some();
    let key = good
        .then(|| PublicSubkey::try_from_reader(header, body).ok())
        .flatten();
    key.filter(|key| !is_weak(key.public_params()))
}

/// Whether a key of Ed25519 is one that anybody could sign for (a point of small order).
fn is_weak(params: &PublicParams) -> bool {
    matches!(params, PublicParams::Ed25519(params) if params.key.is_weak())
}
