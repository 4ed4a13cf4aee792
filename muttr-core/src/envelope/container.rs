//! The strict grammar of OpenPGP containers, checked before any OpenPGP library sees a byte.
//!
//! Outside, a message is one anonymous key packet and one encrypted container; a chunk is the
//! container alone. Inside, a message is one signed literal and padding:
//!
//! ```text
//! message    = key(v6, no recipient, algorithm 25 or 35) ‖ encrypted(v2, AES-256, OCB)
//! chunk      = encrypted(v2, AES-256, GCM)
//! inside     = one-pass(v6) ‖ literal(binary, no name, no date) ‖ signature(v6) ‖ padding
//! ```
//!
//! (RFC 9580, sections 5.1.2, 5.13.2, 5.4, 5.9, 5.2.3, 5.14; RFC 9980 for algorithm 35.) Lengths
//! are definite and as short as can be, the padding's excepted, which always takes five octets:
//! then every size can be reached, and one content has one spelling.

use super::{
    packet::{self, Length, Packet, tag, take, take_slice},
    record::Kind,
};
use crate::{keyring::statement, rejection::Rejection};

const AES_256: u8 = 9;
const OCB: u8 = 2;
const GCM: u8 = 3;
/// Largest chunk size octet: 2^(10 + 6) = 64 KiB.
const CHUNK_SIZE_MAX: u8 = 10;
const X25519: u8 = 25;
const ML_KEM_768_X25519: u8 = 35;
/// A 256-bit session key, wrapped (RFC 3394).
const WRAPPED_KEY_BYTES: u8 = 40;
/// Version, cipher, mode, chunk size, salt.
const ENCRYPTED_HEAD_BYTES: usize = 36;
/// Every chunk and the end have an authentication tag of this size in both modes.
const AEAD_TAG_BYTES: usize = 16;

/// The parts of a sealed message.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    /// Public-key algorithm of the key packet, 25 or 35.
    pub(crate) algorithm: u8,
    /// Body of the key packet.
    pub(crate) key: &'a [u8],
    /// Body of the encrypted container.
    pub(crate) encrypted: &'a [u8],
}

/// The parts of what was inside.
#[derive(Clone, Copy)]
pub(crate) struct Inside<'a> {
    /// The signed bytes.
    pub(crate) literal: &'a [u8],
    /// Body of the signature packet.
    pub(crate) signature: &'a [u8],
    /// What the one-pass signature announced.
    pub(crate) announced: Announced<'a>,
}

/// What a one-pass signature announces about the signature to come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced<'a> {
    pub(crate) kind: u8,
    pub(crate) hash: u8,
    pub(crate) salt: &'a [u8],
    pub(crate) issuer: &'a [u8],
}

/// Checks the outer packets of a ciphertext.
///
/// # Errors
/// [`Rejection::Malformed`] for anything but the one allowed sequence of packets.
pub fn check(kind: Kind, ciphertext: &[u8]) -> Result<(), Rejection> {
    let good = match kind {
        Kind::Message => message(ciphertext).is_some(),
        Kind::Chunk => chunk(ciphertext).is_some(),
    };
    if good {
        Ok(())
    } else {
        Err(Rejection::Malformed)
    }
}

/// Takes a sealed message apart.
pub(crate) fn message(ciphertext: &[u8]) -> Option<Message<'_>> {
    let (key, rest) = next(ciphertext, tag::KEY, Length::Shortest)?;
    let algorithm = key_algorithm(key.body)?;
    let (encrypted, rest) = next(rest, tag::ENCRYPTED, Length::Shortest)?;
    let whole = rest.is_empty() && encrypted_shape(encrypted.body, OCB);
    whole.then_some(Message {
        algorithm,
        key: key.body,
        encrypted: encrypted.body,
    })
}

/// The body of a chunk's encrypted container.
pub(crate) fn chunk(ciphertext: &[u8]) -> Option<&[u8]> {
    let (encrypted, rest) = next(ciphertext, tag::ENCRYPTED, Length::Shortest)?;
    (rest.is_empty() && encrypted_shape(encrypted.body, GCM)).then_some(encrypted.body)
}

/// Takes apart what was inside a sealed message.
pub(crate) fn inside(bytes: &[u8]) -> Option<Inside<'_>> {
    let (one_pass, rest) = next(bytes, tag::ONE_PASS, Length::Shortest)?;
    let announced = announced(one_pass.body)?;
    let (literal, rest) = next(rest, tag::LITERAL, Length::Shortest)?;
    // Format "binary", a name of no octets, no date: nothing beside what is signed.
    let literal = literal.body.strip_prefix(&[b'b', 0, 0, 0, 0, 0])?;
    let (signature, rest) = next(rest, tag::SIGNATURE, Length::Shortest)?;
    let (padding, rest) = packet::next(rest)?;
    let short = padding.body.len() < 8384;
    let long = padding.length == Length::Long || !short;
    let whole = padding.tag == tag::PADDING && long && rest.is_empty();
    whole.then_some(Inside {
        literal,
        signature: signature.body,
        announced,
    })
}

impl Announced<'_> {
    /// Whether the signature is the one that was announced.
    pub(crate) fn is(&self, signature: &[u8]) -> bool {
        let salt = statement::salt(signature);
        matches!(signature, [6, kind, _, hash, ..] if self.kind == *kind && self.hash == *hash)
            && salt == Ok(self.salt)
    }
}

fn next(bytes: &[u8], tag: u8, length: Length) -> Option<(Packet<'_>, &[u8])> {
    let (packet, rest) = packet::next(bytes)?;
    (packet.tag == tag && packet.length == length).then_some((packet, rest))
}

fn key_algorithm(mut body: &[u8]) -> Option<u8> {
    let [version, recipient_bytes, algorithm] = take(&mut body)?;
    let shared_bytes = match algorithm {
        X25519 => 32,
        ML_KEM_768_X25519 => 32 + 1088,
        _ => return None,
    };
    take_slice(&mut body, shared_bytes)?;
    let (&len, wrapped) = body.split_first()?;
    let whole = len == WRAPPED_KEY_BYTES && wrapped.len() == usize::from(WRAPPED_KEY_BYTES);
    (version == 6 && recipient_bytes == 0 && whole).then_some(algorithm)
}

fn encrypted_shape(body: &[u8], mode: u8) -> bool {
    matches!(
        body,
        [2, AES_256, m, size, ..] if *m == mode && *size <= CHUNK_SIZE_MAX
    ) && body.len() >= ENCRYPTED_HEAD_BYTES + 2 * AEAD_TAG_BYTES
}

fn announced(mut body: &[u8]) -> Option<Announced<'_>> {
    let [version, kind, hash, _algorithm, salt_bytes] = take(&mut body)?;
    let salt = take_slice(&mut body, usize::from(salt_bytes))?;
    let issuer = take_slice(&mut body, 32)?;
    // 1: no further one-pass signature nests inside this one.
    (version == 6 && body == [1]).then_some(Announced {
        kind,
        hash,
        salt,
        issuer,
    })
}
