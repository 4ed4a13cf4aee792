//! The certificate of a person or a pod, reduced to what its primary key really signed.

use alloc::vec::Vec;

use pgp::packet::PublicKey;
use sha2::{Digest, Sha256};

use super::{
    key::{Life, Subkey, Unusable, algorithm},
    proof, reduce,
};
use crate::{name::Fingerprint, rejection::Rejection, time::Time};

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
        let reduced = reduce::reduce(bytes)?;
        Ok(Self {
            bytes: reduced.bytes,
            fingerprint: reduced.fingerprint,
            primary: reduced.primary,
            life: reduced.life,
            updated_s: reduced.updated_s,
            subkeys: reduced.subkeys,
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
