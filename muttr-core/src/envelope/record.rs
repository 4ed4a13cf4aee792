//! A record: the clear header that holders read, and the ciphertext that they do not.
//!
//! ```text
//! "MUT1" ‖ kind u8 ‖ size class u8 ‖ expires u32 (hours since 1970) ‖ deletion hash 32 ‖ ciphertext
//! ```

use alloc::vec::Vec;

use sha2::{Digest, Sha256};

use super::container;
use crate::{limit, name::RecordKey, rejection::Rejection, time::Time};

const MAGIC: &[u8; 4] = b"MUT1";
const HOUR_MS: u64 = limit::HOUR_MS;

/// What kind of ciphertext a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sealed message: one anonymous key packet and one encrypted container.
    Message,
    /// A piece of a larger content, encrypted under a key its manifest tells.
    Chunk,
}

/// A record whose form was checked. It may have expired, and its ciphertext is not opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Vec<u8>,
    kind: Kind,
    expires_h: u32,
    deletion_hash: [u8; 32],
}

impl core::fmt::Debug for Record {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Record({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Record {
    /// Puts a record together. `ciphertext` must fill a size class exactly.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`] when it fills none.
    pub fn new(
        kind: Kind,
        expires_h: u32,
        deletion_hash: [u8; 32],
        ciphertext: &[u8],
    ) -> Result<Self, Rejection> {
        let len = ciphertext.len().saturating_add(limit::RECORD_HEADER_BYTES);
        let class = limit::RECORD_CLASSES_BYTES
            .iter()
            .position(|&class| class == len);
        let class = class.ok_or(Rejection::TooLarge)?;
        let mut bytes = Vec::with_capacity(len);
        bytes.extend_from_slice(MAGIC);
        bytes.push(match kind {
            Kind::Message => 1,
            Kind::Chunk => 2,
        });
        bytes.push(u8::try_from(class).unwrap_or(u8::MAX));
        bytes.extend_from_slice(&expires_h.to_be_bytes());
        bytes.extend_from_slice(&deletion_hash);
        bytes.extend_from_slice(ciphertext);
        Ok(Self {
            bytes,
            kind,
            expires_h,
            deletion_hash,
        })
    }

    /// Checks everything about a record that can be checked without a key and without a clock.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`], [`Rejection::Unsupported`] for a newer magic, otherwise
    /// [`Rejection::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejection> {
        if bytes.len() > limit::RECORD_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let (header, ciphertext) = bytes
            .split_at_checked(limit::RECORD_HEADER_BYTES)
            .ok_or(Rejection::Malformed)?;
        let (magic, rest) = header.split_at_checked(4).ok_or(Rejection::Malformed)?;
        if magic != MAGIC {
            let ours = magic.starts_with(b"MUT");
            return Err(if ours {
                Rejection::Unsupported
            } else {
                Rejection::Malformed
            });
        }
        let [kind, class, e0, e1, e2, e3, deletion_hash @ ..] = rest else {
            return Err(Rejection::Malformed);
        };
        let class_bytes = limit::RECORD_CLASSES_BYTES.get(usize::from(*class));
        if class_bytes != Some(&bytes.len()) {
            return Err(Rejection::Malformed);
        }
        let kind = match kind {
            1 => Kind::Message,
            2 => Kind::Chunk,
            _ => return Err(Rejection::Malformed),
        };
        let expires_h = u32::from_be_bytes([*e0, *e1, *e2, *e3]);
        if !(u64::from(expires_h).saturating_mul(HOUR_MS))
            .is_multiple_of(limit::RECORD_EXPIRY_STEP_MS)
        {
            return Err(Rejection::Malformed);
        }
        container::check(kind, ciphertext)?;
        let deletion_hash = deletion_hash.try_into().map_err(|_| Rejection::Malformed)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            kind,
            expires_h,
            deletion_hash,
        })
    }

    /// Refuses a record that has expired or lives longer than records may.
    ///
    /// # Errors
    /// [`Rejection::Expired`].
    pub fn check_time(&self, now: Time) -> Result<(), Rejection> {
        let longest = limit::RECORD_LIFE_MAX_MS
            .saturating_add(limit::RECORD_EXPIRY_STEP_MS)
            .saturating_add(limit::CLOCK_SKEW_MS);
        let left = self.expires_ms().saturating_sub(now.wall_ms);
        if left == 0 || left > longest {
            Err(Rejection::Expired)
        } else {
            Ok(())
        }
    }

    /// The key it lies under.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        key_of(&self.bytes)
    }

    /// The whole record.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The whole record, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What follows the header.
    #[must_use]
    pub fn ciphertext(&self) -> &[u8] {
        self.bytes
            .get(limit::RECORD_HEADER_BYTES..)
            .unwrap_or_default()
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When it expires, in hours since 1970.
    #[must_use]
    pub const fn expires_h(&self) -> u32 {
        self.expires_h
    }

    /// When it expires, in milliseconds since 1970.
    #[must_use]
    pub fn expires_ms(&self) -> u64 {
        u64::from(self.expires_h).saturating_mul(HOUR_MS)
    }

    /// SHA-256 of a label and the token that releases the record.
    #[must_use]
    pub const fn deletion_hash(&self) -> &[u8; 32] {
        &self.deletion_hash
    }
}

/// The key that bytes lie under, whether they are a record or not.
#[must_use]
pub fn key_of(bytes: &[u8]) -> RecordKey {
    let hash = Sha256::new()
        .chain_update(b"muttr/rec/1\0")
        .chain_update(bytes);
    RecordKey(hash.finalize().into())
}

/// Reads the record with this key out of somebody's answer.
///
/// # Errors
/// [`Rejection::WrongBytes`] for bytes that lie under another key: somebody else may have the
/// right ones. Otherwise as [`Record::parse`]: what lies under this key is no record, whoever is
/// asked.
pub fn parse_as(key: &RecordKey, bytes: &[u8]) -> Result<Record, Rejection> {
    if key_of(bytes) == *key {
        Record::parse(bytes)
    } else {
        Err(Rejection::WrongBytes)
    }
}

/// The expiry, in hours since 1970, of a record that shall live `life_ms` from now: rounded up
/// to the next step, so that it tells little about the moment it was made.
#[must_use]
pub fn expiry_h(now: Time, life_ms: u64) -> u32 {
    let life_ms = life_ms.min(limit::RECORD_LIFE_MAX_MS);
    let at = now.wall_ms.saturating_add(life_ms);
    let rounded = at
        .div_ceil(limit::RECORD_EXPIRY_STEP_MS)
        .saturating_mul(limit::RECORD_EXPIRY_STEP_MS);
    rounded
        .checked_div(HOUR_MS)
        .and_then(|hours| u32::try_from(hours).ok())
        .unwrap_or(u32::MAX)
}
