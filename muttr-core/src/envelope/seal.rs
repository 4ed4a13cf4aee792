//! Payload → record: sign, pad, encrypt.

use alloc::{vec, vec::Vec};

use pgp::{
    composed::RawSessionKey,
    crypto::{
        aead::{AeadAlgorithm, ChunkSize},
        hash::HashAlgorithm,
        public_key::PublicKeyAlgorithm,
        sym::SymmetricKeyAlgorithm,
    },
    errors::Error,
    packet::{
        OnePassSignature, PublicKeyEncryptedSessionKey, PublicSubkey, SecretKey, SignatureConfig,
        SignatureType, SignatureVersionSpecific, Subpacket, SubpacketData,
        SymEncryptedProtectedData,
    },
    ser::Serialize,
    types::{Fingerprint as PgpFingerprint, KeyDetails, Password, Timestamp},
};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{
    packet::{self, tag},
    payload::{Attached, Kind, Payload},
    record::{self, Record},
};
use crate::{
    keyring::{Certificate, Identity},
    limit,
    name::Fingerprint,
    rejection::Rejection,
    time::Time,
};

/// Header and version, cipher, mode, chunk size, salt; then a tag for the one chunk and one for
/// the end (RFC 9580, section 5.13.2).
const ENCRYPTED_BYTES: usize = 36 + 16 + 16;

/// Seals `payload` for `recipient` into the smallest record that holds it, to live for
/// `life_ms`. The same `rng`, `now` and payload give the same bytes.
///
/// The payload must tell the truth: `identity` and `recipient` as its ends, a subkey of the
/// recipient that can be encrypted to, and a time that is now
/// ([`Payload::message`] takes care of all of it).
///
/// # Errors
/// [`Rejection::TooLarge`] when the body is larger than allowed or nothing holds it;
/// [`Rejection::CertificateUnusable`] when the subkey cannot be encrypted to (any more);
/// [`Rejection::Misuse`] when the payload and the other arguments contradict each other.
pub fn seal(
    rng: &mut (impl CryptoRng + RngCore),
    now: Time,
    identity: &Identity,
    recipient: &Certificate,
    payload: &Payload,
    life_ms: u64,
) -> Result<Record, Rejection> {
    if payload.body.len() > limit::BODY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    let own = match &payload.attached {
        Attached::Certificate(bytes) => bytes == identity.certificate().bytes(),
        Attached::Hash(hash) => *hash == identity.certificate().hash(),
    };
    if !own
        || payload.from.fingerprint != identity.fingerprint()
        || payload.to.fingerprint != recipient.fingerprint()
        || now.wall_ms.abs_diff(payload.sent_ms) > limit::CLOCK_SKEW_MS
        || matches!(payload.kind, Kind::Unknown(_))
    {
        return Err(Rejection::Misuse);
    }
    let encoded = payload.encode();
    // What would not be read is not sent either.
    Payload::decode(&encoded).map_err(|no| {
        if no == Rejection::TooLarge {
            no
        } else {
            Rejection::Misuse
        }
    })?;
    let subkeys = recipient.encryption_subkeys(now);
    let subkey = subkeys
        .into_iter()
        .find(|subkey| subkey.fingerprint == payload.to_subkey);
    let subkey = subkey.ok_or(Rejection::CertificateUnusable)?;

    let signed = sign(
        rng,
        payload.sent_ms / 1000,
        identity.primary(),
        recipient.fingerprint(),
        &encoded,
    )
    .map_err(|_| Rejection::Misuse)?;
    let session_key = session_key(rng);
    let mut ciphertext =
        key_packet(rng, &session_key, &subkey.key).map_err(|_| Rejection::Misuse)?;
    let inside = pad(rng, signed, ciphertext.len()).ok_or(Rejection::TooLarge)?;
    let encrypted = encrypt(rng, &session_key, &inside).map_err(|_| Rejection::Misuse)?;
    packet::push(&mut ciphertext, tag::ENCRYPTED, &encrypted);
    let expires_h = record::expiry_h(now, life_ms);
    Record::new(
        record::Kind::Message,
        expires_h,
        payload.deletion_hash(),
        &ciphertext,
    )
}

/// A fresh AES-256 key.
pub(super) fn session_key(rng: &mut (impl CryptoRng + RngCore)) -> RawSessionKey {
    let mut key = Zeroizing::new(vec![0; 32]);
    rng.fill_bytes(&mut key);
    RawSessionKey::from(key)
}

/// The signature's own facts: when, by whom, for whom. The last is not marked critical, since
/// other implementations refuse to know it; that it must be there is the reader's rule.
fn sign(
    rng: &mut (impl CryptoRng + RngCore),
    at_s: u64,
    key: &SecretKey,
    recipient: Fingerprint,
    literal: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let at = Timestamp::from_secs(u32::try_from(at_s).unwrap_or(u32::MAX));
    let algorithm = PublicKeyAlgorithm::Ed25519;
    let mut config =
        SignatureConfig::v6(rng, SignatureType::Binary, algorithm, HashAlgorithm::Sha512)?;
    let intended = SubpacketData::IntendedRecipientFingerprint(PgpFingerprint::V6(recipient.0));
    config.hashed_subpackets = vec![
        Subpacket::critical(SubpacketData::SignatureCreationTime(at))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        Subpacket::regular(intended)?,
    ];
    one_pass_signed(config, key, literal)
}

/// One-pass signature, literal and signature packets.
pub(super) fn one_pass_signed(
    config: SignatureConfig,
    key: &SecretKey,
    literal: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let salt = match &config.version_specific {
        SignatureVersionSpecific::V6 { salt } => salt.clone(),
        _ => Vec::new(),
    };
    let issuer = key.fingerprint().as_bytes().try_into().unwrap_or_default();
    let one_pass = OnePassSignature::v6(config.typ, config.hash_alg, config.pub_alg, salt, issuer);
    let signature = config.sign(key, &Password::empty(), literal)?;
    // Room for everything at once: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit::RECORD_BYTES_MAX));
    packet::push(&mut bytes, tag::ONE_PASS, &one_pass.to_bytes()?);
    let literal = Zeroizing::new([&[b'b', 0, 0, 0, 0, 0], literal].concat());
    packet::push(&mut bytes, tag::LITERAL, &literal);
    packet::push(&mut bytes, tag::SIGNATURE, &signature.to_bytes()?);
    Ok(bytes)
}

/// A key packet that does not say whom it is for.
pub(super) fn key_packet(
    rng: &mut (impl CryptoRng + RngCore),
    session_key: &RawSessionKey,
    subkey: &PublicSubkey,
) -> Result<Vec<u8>, Error> {
    let named = PublicKeyEncryptedSessionKey::from_session_key_v6(rng, session_key, subkey)?;
    let values = named.values()?.to_bytes()?;
    let body = [&[6, 0, u8::from(named.algorithm()?)], values.as_slice()].concat();
    let mut bytes = Vec::with_capacity(limit::RECORD_BYTES_MAX);
    packet::push(&mut bytes, tag::KEY, &body);
    Ok(bytes)
}

/// Adds the padding that fills the smallest record; `key_bytes` is the size of the key packet.
pub(super) fn pad(
    rng: &mut (impl CryptoRng + RngCore),
    mut signed: Zeroizing<Vec<u8>>,
    key_bytes: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let least = signed.len().checked_add(packet::LONG_HEADER_BYTES)?;
    let room = limit::RECORD_CLASSES_BYTES.into_iter().find_map(|class| {
        let left = class
            .checked_sub(limit::RECORD_HEADER_BYTES)?
            .checked_sub(key_bytes)?;
        let body = match left {
            0..8387 => left.checked_sub(3)?,
            _ => left.checked_sub(packet::LONG_HEADER_BYTES)?,
        };
        body.checked_sub(ENCRYPTED_BYTES)
            .filter(|room| *room >= least)
    })?;
    let mut padding = vec![0; room.checked_sub(least)?];
    rng.fill_bytes(&mut padding);
    packet::push_long(&mut signed, tag::PADDING, &padding);
    Some(signed)
}

/// Body of the encrypted container.
pub(super) fn encrypt(
    rng: &mut (impl CryptoRng + RngCore),
    session_key: &RawSessionKey,
    inside: &[u8],
) -> Result<Vec<u8>, Error> {
    let sealed = SymEncryptedProtectedData::encrypt_seipdv2(
        rng,
        SymmetricKeyAlgorithm::AES256,
        AeadAlgorithm::Ocb,
        ChunkSize::C64KiB,
        session_key.as_ref(),
        inside,
    )?;
    sealed.to_bytes()
}
