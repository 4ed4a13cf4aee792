//! The certificate of a person or a pod, reduced to what its primary key really signed.

use alloc::vec::Vec;

use pgp::{
    packet::{PacketHeader, PublicKey, PublicSubkey},
    ser::Serialize,
    types::{KeyDetails, PublicParams, Tag},
};
use sha2::{Digest, Sha256};

use super::{
    proof,
    statement::{self, Statement, flag, kind},
};
use crate::{
    envelope::packet::{self, Packet, tag, take},
    limit,
    name::Fingerprint,
    rejection::Rejection,
    time::Time,
};

/// Public-key algorithms (RFC 9580, section 9.1; RFC 9980).
pub(crate) mod algorithm {
    /// X25519, 32 octets.
    pub(crate) const X25519: u8 = 25;
    /// Ed25519, 32 octets.
    pub(crate) const ED25519: u8 = 27;
    /// ML-KEM-768 with X25519, 32 + 1184 octets.
    pub(crate) const ML_KEM_768_X25519: u8 = 35;
}

/// An OpenPGP certificate of version 6 (RFC 9580, section 10.1), in Muttr's form.
///
/// The form holds the primary key, its newest direct-key signature, and each subkey with its
/// newest binding, plus revocations. Everything else that came along (user ids, foreign subkeys,
/// outdated or broken signatures, whatever is not signed) is dropped piece by piece, so that
/// nobody can spoil a certificate by adding to it, and one certificate has one [`hash`](Self::hash).
#[derive(Clone)]
pub struct Certificate {
    bytes: Vec<u8>,
    fingerprint: Fingerprint,
    primary: PublicKey,
    life: Life,
    updated_s: u64,
    subkeys: Vec<Subkey>,
}

/// A subkey that the primary key vouched for.
#[derive(Clone)]
pub(crate) struct Subkey {
    pub(crate) key: PublicSubkey,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) algorithm: u8,
    flags: u8,
    life: Life,
}

/// From when to when a key is good.
#[derive(Clone, Copy)]
struct Life {
    created_s: u64,
    expires_s: Option<u64>,
    revoked: bool,
}

/// Why a key is not good at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Revoked,
    Expired,
    NotYet,
}

impl Life {
    fn of(key: &impl KeyDetails, statement: &Statement, revoked: bool) -> Self {
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

    fn check(self, at_s: u64) -> Result<(), Unusable> {
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

impl Certificate {
    /// Reads a certificate that someone sent, and checks that it can be used now.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`]; [`Rejection::Malformed`] when there is no primary key that signed
    /// anything about itself; [`Rejection::CertificateUnusable`] when it is revoked, expired, or
    /// not valid yet.
    pub fn parse(bytes: &[u8], now: Time) -> Result<Self, Rejection> {
        let this = Self::read(bytes)?;
        this.check(now.wall_s())
            .map_err(|_| Rejection::CertificateUnusable)?;
        Ok(this)
    }

    /// Reads a certificate, whatever the time.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Rejection> {
        if bytes.len() > limit::CERTIFICATE_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let packets = packet::all(bytes, limit::CERTIFICATE_PACKETS_MAX);
        let parts = parts(&packets.ok_or(Rejection::Malformed)?);
        let (first, rest) = parts.split_first().ok_or(Rejection::Malformed)?;
        if first.key.tag != tag::PRIMARY {
            return Err(Rejection::Malformed);
        }
        let primary = primary_key(first.key.body).ok_or(Rejection::Malformed)?;
        let fingerprint = statement::fingerprint(&primary.fingerprint());
        let fingerprint = fingerprint.ok_or(Rejection::Malformed)?;

        let by_primary = first.statements(fingerprint);
        let holds = |expected, signs: bool| {
            newest(&by_primary, |it| {
                it.kind == expected
                    && (!signs || it.flags & flag::SIGN != 0)
                    && it.signature().verify_key(&primary).is_ok()
            })
        };
        let revoked = holds(kind::KEY_REVOCATION, false);
        let direct = holds(kind::DIRECT, true).ok_or(Rejection::Malformed)?;

        let mut clean = Vec::with_capacity(bytes.len());
        packet::push(&mut clean, tag::PRIMARY, first.key.body);
        push_signatures(&mut clean, revoked, direct);
        let life = Life::of(&primary, &direct.0, revoked.is_some());
        let mut updated_s = direct.0.created_s;
        let mut subkeys: Vec<Subkey> = Vec::new();
        for part in rest.iter().filter(|part| part.key.tag == tag::SUBKEY) {
            let Some((subkey, statement)) =
                part.subkey(&primary, fingerprint, &mut clean, &subkeys)
            else {
                continue;
            };
            updated_s = updated_s.max(statement);
            subkeys.push(subkey);
        }
        if subkeys.len() > limit::CERTIFICATE_SUBKEYS_MAX {
            return Err(Rejection::TooLarge);
        }
        Ok(Self {
            bytes: clean,
            fingerprint,
            primary,
            life,
            updated_s,
            subkeys,
        })
    }

    /// The certificate in Muttr's form, as binary OpenPGP packets.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of [`bytes`](Self::bytes).
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// What it is named by.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When its owner last signed anything in it, in seconds since 1970. Of two certificates
    /// with one fingerprint the later one is to be kept.
    #[must_use]
    pub const fn updated_s(&self) -> u64 {
        self.updated_s
    }

    /// The subkey to encrypt to: of the rotating ones that are good now the one that expires
    /// soonest, otherwise the fallback.
    ///
    /// # Errors
    /// [`Rejection::CertificateUnusable`] when there is none, or the certificate is no good now.
    pub fn encryption_subkey(&self, now: Time) -> Result<Fingerprint, Rejection> {
        self.encryption_subkeys(now)
            .first()
            .map(|subkey| subkey.fingerprint)
            .ok_or(Rejection::CertificateUnusable)
    }

    /// Whether a subkey is one without expiry: what is sealed to it stays readable for whoever
    /// holds the secret, however old.
    #[must_use]
    pub fn is_fallback(&self, subkey: &Fingerprint) -> bool {
        self.subkeys
            .iter()
            .any(|it| it.fingerprint == *subkey && it.encrypts() && it.life.expires_s.is_none())
    }

    /// All subkeys that can be encrypted to at `now`, the preferred one first.
    pub(crate) fn encryption_subkeys(&self, now: Time) -> Vec<&Subkey> {
        let at_s = now.wall_s();
        if self.check(at_s).is_err() {
            return Vec::new();
        }
        let good = |subkey: &&Subkey| subkey.encrypts() && subkey.life.check(at_s).is_ok();
        let mut subkeys: Vec<_> = self.subkeys.iter().filter(good).collect();
        subkeys.sort_by_key(|subkey| {
            let classic = subkey.algorithm != algorithm::ML_KEM_768_X25519;
            (classic, subkey.life.expires_s.unwrap_or(u64::MAX))
        });
        subkeys
    }

    /// Checks a proof of identity: a signature over `label` and `bytes` by an authentication
    /// subkey, as [`Identity::prove`](super::Identity::prove) makes it.
    ///
    /// # Errors
    /// [`Rejection::BadSignature`].
    pub fn check_proof(
        &self,
        now: Time,
        label: &[u8],
        bytes: &[u8],
        signature: &[u8],
    ) -> Result<(), Rejection> {
        self.check(now.wall_s())
            .map_err(|_| Rejection::BadSignature)?;
        let statement = proof::read(now, signature)?;
        let good = |subkey: &&Subkey| {
            subkey.authenticates()
                && Some(subkey.fingerprint) == statement.issuer
                && subkey.life.check(now.wall_s()).is_ok()
        };
        let subkey = self
            .subkeys
            .iter()
            .find(good)
            .ok_or(Rejection::BadSignature)?;
        proof::check(&statement, &subkey.key, label, bytes)
    }

    /// Checks what the primary key attested, as [`Identity::attest`](super::Identity::attest)
    /// does it.
    ///
    /// # Errors
    /// [`Rejection::BadSignature`].
    pub fn check_attestation(
        &self,
        now: Time,
        label: &[u8],
        bytes: &[u8],
        signature: &[u8],
    ) -> Result<(), Rejection> {
        self.check(now.wall_s())
            .map_err(|_| Rejection::BadSignature)?;
        let statement = proof::read(now, signature)?;
        if statement.issuer != Some(self.fingerprint) {
            return Err(Rejection::BadSignature);
        }
        proof::check(&statement, &self.primary, label, bytes)
    }

    /// Whether the primary key is good at `at_s`.
    pub(crate) fn check(&self, at_s: u64) -> Result<(), Unusable> {
        self.life.check(at_s)
    }

    pub(crate) const fn is_revoked(&self) -> bool {
        self.life.revoked
    }

    pub(crate) const fn primary(&self) -> &PublicKey {
        &self.primary
    }

    pub(crate) fn subkeys(&self) -> &[Subkey] {
        &self.subkeys
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Certificate {}

/// Certificates name people, so `Debug` prints the size alone.
impl core::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Certificate({} bytes)", self.bytes.len())
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

/// A key packet and the signatures that follow it.
struct Part<'a> {
    key: Packet<'a>,
    signatures: Vec<&'a [u8]>,
}

/// A signature and its body without the part that is not signed.
type Signed = (Statement, Vec<u8>);

/// Cuts a certificate before every packet that is not a signature.
fn parts<'a>(packets: &[Packet<'a>]) -> Vec<Part<'a>> {
    let mut parts: Vec<Part<'a>> = Vec::new();
    for &key in packets {
        match parts.last_mut() {
            Some(part) if key.tag == tag::SIGNATURE => part.signatures.push(key.body),
            _ => parts.push(Part {
                key,
                signatures: Vec::new(),
            }),
        }
    }
    parts
}

impl Part<'_> {
    /// The signatures that can be read and that may be by `primary`.
    fn statements(&self, primary: Fingerprint) -> Vec<Signed> {
        let read = |body: &&[u8]| {
            let body = signed_part(body)?;
            let statement = Statement::read(&body).ok()?;
            let own = statement.issuer.is_none_or(|issuer| issuer == primary);
            // Muttr's own never run out by themselves: the key's life is what ends.
            (own && statement.expires_s.is_none()).then_some((statement, body))
        };
        self.signatures.iter().filter_map(read).collect()
    }

    /// Reads a subkey with its binding, and appends both to `clean`. Also says when it was bound.
    fn subkey(
        &self,
        primary: &PublicKey,
        owner: Fingerprint,
        clean: &mut Vec<u8>,
        before: &[Subkey],
    ) -> Option<(Subkey, u64)> {
        let algorithm = key_shape(self.key.body)?;
        let key = subkey_key(self.key.body)?;
        let fingerprint = statement::fingerprint(&key.fingerprint())?;
        if before.iter().any(|it| it.fingerprint == fingerprint) {
            return None;
        }
        let statements = self.statements(owner);
        let holds = |expected| {
            newest(&statements, |it| {
                it.kind == expected
                    && it.signature().verify_subkey_binding(primary, &key).is_ok()
                    && (expected != kind::SUBKEY || consents(it, primary, &key))
            })
        };
        let revoked = holds(kind::SUBKEY_REVOCATION);
        let binding = holds(kind::SUBKEY)?;
        packet::push(clean, tag::SUBKEY, self.key.body);
        push_signatures(clean, revoked, binding);
        let life = Life::of(&key, &binding.0, revoked.is_some());
        let flags = binding.0.flags;
        Some((
            Subkey {
                key,
                fingerprint,
                algorithm,
                flags,
                life,
            },
            binding.0.created_s,
        ))
    }
}

/// Whether a subkey that can sign agreed to be bound. Otherwise anyone could bind another's
/// subkey to their own certificate and pass its signatures off as theirs.
fn consents(binding: &Statement, primary: &PublicKey, key: &PublicSubkey) -> bool {
    if binding.flags & (flag::AUTHENTICATE | flag::SIGN) == 0 {
        return true;
    }
    let Some(consent) = binding.signature().embedded_signature() else {
        return false;
    };
    let Ok(bytes) = consent.to_bytes() else {
        return false;
    };
    let Ok(consent) = Statement::read(&bytes) else {
        return false;
    };
    consent.kind == kind::CONSENT
        && consent
            .signature()
            .verify_primary_key_binding(key, primary)
            .is_ok()
}

fn newest(statements: &[Signed], holds: impl Fn(&Statement) -> bool) -> Option<&Signed> {
    let good = statements.iter().filter(|(statement, _)| holds(statement));
    good.max_by_key(|(statement, body)| (statement.created_s, body))
}

fn push_signatures(clean: &mut Vec<u8>, revoked: Option<&Signed>, binding: &Signed) {
    if let Some((_, body)) = revoked {
        packet::push(clean, tag::SIGNATURE, body);
    }
    packet::push(clean, tag::SIGNATURE, &binding.1);
}

/// A signature body with nothing in its unsigned area, which anyone could have written.
fn signed_part(body: &[u8]) -> Option<Vec<u8>> {
    statement::salt(body).ok()?;
    let mut rest = body;
    let _fixed: [u8; 4] = take(&mut rest)?;
    let hashed = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
    let (_, mut rest) = rest.split_at_checked(hashed)?;
    let unhashed = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
    let (_, signature) = rest.split_at_checked(unhashed)?;
    let signed = body.get(..hashed.checked_add(8)?)?;
    Some([signed, &[0; 4], signature].concat())
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
