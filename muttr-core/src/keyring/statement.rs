//! One OpenPGP signature, read into the facts that it states.
//!
//! The OpenPGP library checks the mathematics. What a signature *means* (who, when, for whom, for
//! how long) is read here, and judged by whoever asked. Only version 6 signatures by Ed25519 keys
//! exist for Muttr (RFC 9580, sections 5.2.3 and 5.2.3.7).

use pgp::{
    packet::{PacketHeader, Signature, SubpacketData},
    types::{KeyVersion, Tag, VerifyingKey},
};

use crate::{
    envelope::packet::{take, take_slice},
    limit,
    name::Fingerprint,
};

/// Signature types (RFC 9580, section 5.2.1).
pub(crate) mod kind {
    /// Over bytes.
    pub(crate) const BINARY: u8 = 0x00;
    /// Ties a subkey to its primary key.
    pub(crate) const SUBKEY: u8 = 0x18;
    /// A subkey's consent to be tied.
    pub(crate) const CONSENT: u8 = 0x19;
    /// Of a primary key about itself.
    pub(crate) const DIRECT: u8 = 0x1F;
    /// Takes a primary key back.
    pub(crate) const KEY_REVOCATION: u8 = 0x20;
    /// Takes a subkey back.
    pub(crate) const SUBKEY_REVOCATION: u8 = 0x28;
}

/// Key flags (RFC 9580, section 5.2.3.29).
pub(crate) mod flag {
    /// May sign.
    pub(crate) const SIGN: u8 = 0x02;
    /// May encrypt what is sent.
    pub(crate) const SENT: u8 = 0x04;
    /// May encrypt what is stored.
    pub(crate) const STORED: u8 = 0x08;
    /// May prove who one is.
    pub(crate) const AUTHENTICATE: u8 = 0x20;
}

const ED25519: u8 = 27;
const ED25519_SIGNATURE_BYTES: usize = 64;

/// Why bytes are no signature that Muttr can judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Not a version 6 Ed25519 signature, or its parts do not add up.
    Shape,
    /// Made over a hash that is not trusted (RFC 9580, section 9.5).
    Hash,
    /// It demands to be understood in a way that Muttr does not know.
    Critical,
}

/// A signature whose form was checked and whose facts were read. Nothing is verified yet.
#[derive(Clone)]
pub(crate) struct Statement {
    signature: Signature,
    /// Signature type.
    pub(crate) kind: u8,
    /// When it was made, in seconds since 1970.
    pub(crate) created_s: u64,
    /// When it stops counting, in seconds since 1970.
    pub(crate) expires_s: Option<u64>,
    /// How long the key it speaks of is good, in seconds after the key's creation.
    pub(crate) key_life_s: Option<u64>,
    /// The first octet of the key flags.
    pub(crate) flags: u8,
    /// Who made it.
    pub(crate) issuer: Option<Fingerprint>,
    /// Whom it is meant for (RFC 9580, section 5.2.3.36).
    pub(crate) intended: Option<Fingerprint>,
    /// Whether anything stands in the part that is not signed.
    pub(crate) has_unsigned_part: bool,
}

/// The number of octets of salt that belong to a trusted hash (RFC 9580, section 9.5).
fn salt_bytes(hash: u8) -> Option<usize> {
    match hash {
        8 | 12 => Some(16),
        10 | 14 => Some(32),
        _ => None,
    }
}

/// Salt of a v6 Ed25519 signature packet, after checking that its parts add up.
pub(crate) fn salt(mut body: &[u8]) -> Result<&[u8], Unreadable> {
    if body.len() > limit::SIGNATURE_BYTES_MAX {
        return Err(Unreadable::Shape);
    }
    let [version, _, algorithm, hash] = take(&mut body).ok_or(Unreadable::Shape)?;
    if version != 6 || algorithm != ED25519 {
        return Err(Unreadable::Shape);
    }
    let expected = salt_bytes(hash).ok_or(Unreadable::Hash)?;
    let mut parts = || {
        for _area in 0..2 {
            let len = u32::from_be_bytes(take(&mut body)?);
            take_slice(&mut body, usize::try_from(len).ok()?)?;
        }
        let [_, _, len] = take(&mut body)?;
        let salt = take_slice(&mut body, usize::from(len))?;
        (salt.len() == expected && body.len() == ED25519_SIGNATURE_BYTES).then_some(salt)
    };
    parts().ok_or(Unreadable::Shape)
}

impl Statement {
    /// Reads the body of a signature packet.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        salt(body)?;
        let len = u32::try_from(body.len()).map_err(|_| Unreadable::Shape)?;
        let header = PacketHeader::new_fixed(Tag::Signature, len);
        let signature = Signature::try_from_reader(header, body).map_err(|_| Unreadable::Shape)?;
        let config = signature.config().ok_or(Unreadable::Shape)?;
        let mut this = Self {
            kind: config.typ.into(),
            created_s: 0,
            expires_s: None,
            key_life_s: None,
            flags: 0,
            issuer: None,
            intended: None,
            has_unsigned_part: !config.unhashed_subpackets.is_empty(),
            signature: signature.clone(),
        };
        let mut created = None;
        let mut life_s = None;
        for part in &config.hashed_subpackets {
            // A fact that is stated twice is two facts, and nobody can say which one was meant.
            let first = match &part.data {
                SubpacketData::SignatureCreationTime(at) => created.replace(at.as_secs()).is_none(),
                SubpacketData::SignatureExpirationTime(after) => {
                    life_s.replace(u64::from(after.as_secs())).is_none()
                }
                SubpacketData::KeyExpirationTime(after) => this
                    .key_life_s
                    .replace(u64::from(after.as_secs()))
                    .is_none(),
                SubpacketData::KeyFlags(flags) => {
                    this.flags = flags_octet(flags);
                    true
                }
                SubpacketData::IssuerFingerprint(of) => this
                    .issuer
                    .replace(fingerprint(of).ok_or(Unreadable::Shape)?)
                    .is_none(),
                SubpacketData::IntendedRecipientFingerprint(of) => this
                    .intended
                    .replace(fingerprint(of).ok_or(Unreadable::Shape)?)
                    .is_none(),
                SubpacketData::Features(_)
                | SubpacketData::PreferredAeadAlgorithms(_)
                | SubpacketData::PreferredSymmetricAlgorithms(_)
                | SubpacketData::PreferredHashAlgorithms(_)
                | SubpacketData::RevocationReason(..)
                | SubpacketData::EmbeddedSignature(_) => true,
                _ if part.is_critical => return Err(Unreadable::Critical),
                _ => true,
            };
            if !first {
                return Err(Unreadable::Shape);
            }
        }
        this.created_s = u64::from(created.ok_or(Unreadable::Shape)?);
        // Zero means "for ever" in both lifetimes (RFC 9580, sections 5.2.3.18 and 5.2.3.13).
        let life_s = life_s.filter(|&life_s| life_s != 0);
        this.expires_s = life_s.map(|life_s| this.created_s.saturating_add(life_s));
        this.key_life_s = this.key_life_s.filter(|&life_s| life_s != 0);
        Ok(this)
    }

    /// The library's form, for its own checks.
    pub(crate) const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Whether this is a signature by `key` over `bytes`.
    pub(crate) fn verifies(&self, key: &impl VerifyingKey, bytes: &[u8]) -> bool {
        self.signature.verify(key, bytes).is_ok()
    }
}

fn flags_octet(flags: &pgp::packet::KeyFlags) -> u8 {
    let pairs = [
        (flags.certify(), 0x01),
        (flags.sign(), flag::SIGN),
        (flags.encrypt_comms(), flag::SENT),
        (flags.encrypt_storage(), flag::STORED),
        (flags.authentication(), flag::AUTHENTICATE),
    ];
    pairs
        .into_iter()
        .filter(|(set, _)| *set)
        .fold(0, |octet, (_, bit)| octet | bit)
}

/// Muttr's name for a version 6 fingerprint.
pub(crate) fn fingerprint(of: &pgp::types::Fingerprint) -> Option<Fingerprint> {
    if of.version() != Some(KeyVersion::V6) {
        return None;
    }
    Fingerprint::from_slice(of.as_bytes()).ok()
}
