//! Record → payload: decrypt wholly, then believe nothing that one rule does not allow.

use alloc::vec::Vec;

use pgp::{
    composed::PlainSessionKey,
    packet::{PacketHeader, PublicKeyEncryptedSessionKey, SymEncryptedProtectedData},
    types::{DecryptionKey, EskType, Password, Seipdv1ReadMode, Tag},
};
use zeroize::Zeroizing;

use super::{
    container::{self, Inside},
    fault::Fault,
    payload::{Attached, Payload},
    record::{self, Record},
};
use crate::{
    keyring::{
        Certificate, Identity, Unusable,
        statement::{Statement, kind},
    },
    limit,
    name::Fingerprint,
    rejection::Rejection,
    time::Time,
};

/// A message that was opened and whose author is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was signed.
    pub payload: Payload,
    /// By whom; of the one known before and the one that came along, the later.
    pub sender: Certificate,
}

/// Looks a certificate up by its fingerprint.
pub type Known<'a> = &'a dyn Fn(&Fingerprint) -> Option<Certificate>;

/// Opens a record that is for `identity`. `known` finds the certificates that are at hand.
///
/// Nothing of the content is looked at before the last authentication tag was checked. What
/// comes back obeys the whole rule (see `PROTOCOL.md`, Opening). Whether `to` is an alias
/// of ours, whether `from` is bound to the certificate, and whether the message was seen before
/// are questions that the caller answers.
///
/// # Errors
/// A [`Fault`]; after [`Fault::UnknownSender`] it is worth another try.
pub fn open(
    now: Time,
    identity: &Identity,
    record: &Record,
    known: Known<'_>,
) -> Result<Opened, Fault> {
    if record.kind() != record::Kind::Message {
        return Err(Fault::NotAMessage);
    }
    let (inside, subkey) = decrypt(identity, record)?;
    let inside = container::inside(&inside).ok_or(Fault::Inside)?;
    let payload = Payload::decode(inside.literal).map_err(|no| match no {
        Rejection::Unsupported => Fault::NewerVersion,
        _ => Fault::Payload,
    })?;
    #[cfg(feature = "test-trap")]
    assert!(
        payload.content_type != "muttr/test-trap",
        "a trap for tests"
    );
    let facts = Facts {
        now,
        me: identity.fingerprint(),
        subkey,
        record,
        inside: &inside,
    };
    let sender = verify(&facts, &payload, known)?;
    Ok(Opened { payload, sender })
}

/// What a payload has to agree with.
struct Facts<'a> {
    now: Time,
    me: Fingerprint,
    /// The subkey that opened it.
    subkey: Fingerprint,
    record: &'a Record,
    inside: &'a Inside<'a>,
}

/// The one rule by which a message is believed. Yields its author's certificate.
fn verify(facts: &Facts<'_>, payload: &Payload, known: Known<'_>) -> Result<Certificate, Fault> {
    let Facts {
        now,
        me,
        subkey,
        record,
        inside,
    } = *facts;
    let statement = Statement::read(inside.signature)?;
    let announced = inside.announced;
    let latest_s = now.wall_ms.saturating_add(limit::CLOCK_SKEW_MS) / 1000;
    let longest_ms = limit::RECORD_LIFE_MAX_MS
        .saturating_add(limit::RECORD_EXPIRY_STEP_MS)
        .saturating_add(limit::CLOCK_SKEW_MS);
    let earliest_s = now.wall_ms.saturating_sub(longest_ms) / 1000;
    let over = statement
        .expires_s
        .is_some_and(|expires_s| expires_s <= now.wall_s());
    let require = |holds: bool, fault: Fault| if holds { Ok(()) } else { Err(fault) };

    require(statement.kind == kind::BINARY, Fault::SignatureType)?;
    require(!statement.has_unsigned_part, Fault::UnsignedPart)?;
    require(announced.is(inside.signature), Fault::Announced)?;
    require(
        announced.issuer == payload.from.fingerprint.as_bytes(),
        Fault::Announced,
    )?;
    require(
        statement.issuer == Some(payload.from.fingerprint),
        Fault::Issuer,
    )?;
    require(statement.created_s <= latest_s, Fault::Future)?;
    require(statement.created_s >= earliest_s, Fault::TooOld)?;
    require(!over, Fault::SignatureExpired)?;
    let intended = statement.intended.ok_or(Fault::NoIntendedRecipient)?;
    require(intended == me, Fault::OtherRecipient)?;
    require(payload.to.fingerprint == me, Fault::PayloadRecipient)?;
    require(payload.to_subkey == subkey, Fault::PayloadSubkey)?;
    require(
        payload.sent_ms / 1000 == statement.created_s,
        Fault::PayloadTime,
    )?;
    require(
        payload.deletion_hash() == *record.deletion_hash(),
        Fault::DeletionHash,
    )?;
    let sender = sender(payload, known)?;
    sender
        .check(statement.created_s)
        .map_err(|unusable| match unusable {
            Unusable::Revoked => Fault::SenderRevoked,
            Unusable::Expired | Unusable::NotYet => Fault::SenderExpired,
        })?;
    require(
        statement.verifies(sender.primary(), inside.literal),
        Fault::BadSignature,
    )?;
    Ok(sender)
}

/// The certificate that the payload names: the later of the one at hand and the one inside, but
/// one that was taken back outweighs both.
fn sender(payload: &Payload, known: Known<'_>) -> Result<Certificate, Fault> {
    let fingerprint = payload.from.fingerprint;
    let at_hand = known(&fingerprint).filter(|it| it.fingerprint() == fingerprint);
    let inside = match &payload.attached {
        Attached::Certificate(bytes) => {
            let read = Certificate::read(bytes).map_err(|_| Fault::BadCertificate)?;
            if read.fingerprint() != fingerprint {
                return Err(Fault::BadCertificate);
            }
            Some(read)
        }
        Attached::Hash(_) => None,
    };
    let mut both: Vec<_> = [inside, at_hand].into_iter().flatten().collect();
    if let Some(revoked) = both.iter().position(Certificate::is_revoked) {
        return Ok(both.swap_remove(revoked));
    }
    let later = both.into_iter().max_by_key(Certificate::updated_s);
    let alias = &payload.from.alias;
    later.ok_or_else(|| Fault::UnknownSender {
        alias: alias.clone(),
        fingerprint,
    })
}

/// What is inside, whole, and the subkey that opened it.
fn decrypt(
    identity: &Identity,
    record: &Record,
) -> Result<(Zeroizing<Vec<u8>>, Fingerprint), Fault> {
    let message = container::message(record.ciphertext()).ok_or(Fault::Container)?;
    let header = header(Tag::PublicKeyEncryptedSessionKey, message.key)?;
    let key = PublicKeyEncryptedSessionKey::try_from_reader(header, message.key)
        .map_err(|_| Fault::Container)?;
    let values = key.values().map_err(|_| Fault::Container)?;
    let ours = identity
        .encryption_secrets()
        .filter(|(_, algorithm, _)| *algorithm == message.algorithm);
    let (session_key, subkey) = ours
        .filter_map(|(fingerprint, _, secret)| {
            match secret.decrypt(&Password::empty(), values, EskType::V6) {
                Ok(Ok(PlainSessionKey::V6 { ref key })) => Some((key.clone(), fingerprint)),
                _ => None,
            }
        })
        .next()
        .ok_or(Fault::NotForUs)?;
    let header = self::header(Tag::SymEncryptedProtectedData, message.encrypted)?;
    let encrypted = SymEncryptedProtectedData::try_from_reader(header, message.encrypted)
        .map_err(|_| Fault::Container)?;
    let inside = encrypted.decrypt(session_key.as_ref(), None, Seipdv1ReadMode::default());
    Ok((Zeroizing::new(inside.map_err(|_| Fault::Damaged)?), subkey))
}

fn header(tag: Tag, body: &[u8]) -> Result<PacketHeader, Fault> {
    let len = u32::try_from(body.len()).map_err(|_| Fault::Container)?;
    Ok(PacketHeader::new_fixed(tag, len))
}
