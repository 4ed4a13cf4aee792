//! The signatures that make a certificate, with the time given from outside.
//!
//! The OpenPGP library's own key generation reads a clock, which would make certificates
//! irreproducible; so each self-signature is put together here.

use alloc::{boxed::Box, vec, vec::Vec};

use pgp::{
    crypto::{
        aead::AeadAlgorithm, hash::HashAlgorithm, public_key::PublicKeyAlgorithm,
        sym::SymmetricKeyAlgorithm,
    },
    errors::Error,
    packet::{
        Features, KeyFlags, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature,
        SignatureConfig, SignatureType, Subpacket, SubpacketData,
    },
    types::{Duration, Password, SigningKey, Timestamp},
};
use rand_core::{CryptoRng, RngCore};

/// What a subkey is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Encryption, for ever: what senders fall back to.
    Fallback,
    /// Encryption of what is sent, for so many seconds after the subkey's creation.
    Rotating(u32),
    /// Proving who one is, to a pod.
    Authentication,
}

/// Whole seconds as OpenPGP counts them, until 2106.
pub(super) fn timestamp(at_s: u64) -> Timestamp {
    Timestamp::from_secs(u32::try_from(at_s).unwrap_or(u32::MAX))
}

/// What every signature of Muttr says: when it was made, and by which key.
pub(super) fn config(
    rng: &mut (impl CryptoRng + RngCore),
    kind: SignatureType,
    at_s: u64,
    signer: &impl SigningKey,
    more: Vec<Subpacket>,
) -> Result<SignatureConfig, Error> {
    let algorithm = PublicKeyAlgorithm::Ed25519;
    let mut config = SignatureConfig::v6(rng, kind, algorithm, HashAlgorithm::Sha512)?;
    config.hashed_subpackets = vec![
        Subpacket::critical(SubpacketData::SignatureCreationTime(timestamp(at_s)))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(signer.fingerprint()))?,
    ];
    config.hashed_subpackets.extend(more);
    Ok(config)
}

/// The primary key's signature about itself: it certifies and signs, and wants AES-256 with OCB.
pub(super) fn direct(
    rng: &mut (impl CryptoRng + RngCore),
    at_s: u64,
    primary: &SecretKey,
) -> Result<Signature, Error> {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    let mut features = Features::default();
    features.set_seipd_v2(true);
    let suite = (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb);
    let more = vec![
        Subpacket::critical(SubpacketData::KeyFlags(flags))?,
        Subpacket::regular(SubpacketData::Features(features))?,
        Subpacket::regular(SubpacketData::PreferredAeadAlgorithms(
            [suite].into_iter().collect(),
        ))?,
    ];
    let config = config(rng, SignatureType::Key, at_s, primary, more)?;
    config.sign_key(primary, &Password::empty(), primary.public_key())
}

/// Ties a subkey to its primary key.
pub(super) fn bind(
    rng: &mut (impl CryptoRng + RngCore),
    at_s: u64,
    primary: &SecretKey,
    subkey: &SecretSubkey,
    purpose: Use,
) -> Result<Signature, Error> {
    let mut flags = KeyFlags::default();
    let mut more = Vec::new();
    match purpose {
        Use::Fallback => {
            flags.set_encrypt_comms(true);
            flags.set_encrypt_storage(true);
        }
        Use::Rotating(life_s) => {
            flags.set_encrypt_comms(true);
            let life = SubpacketData::KeyExpirationTime(Duration::from_secs(life_s));
            more.push(Subpacket::critical(life)?);
        }
        Use::Authentication => {
            flags.set_authentication(true);
            let consent = consent(rng, at_s, primary.public_key(), subkey)?;
            more.push(Subpacket::regular(SubpacketData::EmbeddedSignature(
                Box::new(consent),
            ))?);
        }
    }
    more.insert(0, Subpacket::critical(SubpacketData::KeyFlags(flags))?);
    let config = config(rng, SignatureType::SubkeyBinding, at_s, primary, more)?;
    let public: &PublicSubkey = subkey.public_key();
    config.sign_subkey_binding(primary, primary.public_key(), &Password::empty(), public)
}

/// The subkey's own signature that it belongs to this primary key.
fn consent(
    rng: &mut (impl CryptoRng + RngCore),
    at_s: u64,
    primary: &PublicKey,
    subkey: &SecretSubkey,
) -> Result<Signature, Error> {
    let config = config(rng, SignatureType::KeyBinding, at_s, subkey, Vec::new())?;
    config.sign_primary_key_binding(subkey, subkey.public_key(), &Password::empty(), primary)
}
