//! A person's own secrets.

use alloc::vec::Vec;

use pgp::{
    crypto::{ed25519, ml_kem768_x25519, public_key::PublicKeyAlgorithm, x25519},
    errors::Error,
    packet::{PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey},
    ser::Serialize,
    types::{KeyDetails, KeyVersion, PlainSecretParams, PublicParams, SecretParams},
};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{
    certificate::Certificate,
    key::{algorithm, key_bytes, key_shape},
    proof,
    selfsign::{self, Use, timestamp},
    statement,
};
use crate::{
    envelope::packet::{self, Packet, tag},
    limit,
    name::Fingerprint,
    rejection::Rejection,
    time::Time,
};

/// An OpenPGP identity: a certificate and the secrets that belong to it.
///
/// The secrets are wiped from memory when it is dropped, and `Debug` shows none of it.
#[derive(Clone)]
pub struct Identity {
    certificate: Certificate,
    pub(super) primary: SecretKey,
    pub(super) subkeys: Vec<SecretSubkey>,
}

impl Identity {
    /// Makes a new identity: an Ed25519 primary key that certifies and signs; ML-KEM-768 with
    /// X25519 subkeys to encrypt to, one as fallback for ever and one to rotate; an Ed25519
    /// subkey to authenticate with. The same `rng` and `now` give the same bytes.
    ///
    /// It is dated to the beginning of the day before: that tells little about the person, and a
    /// clock that is some hours ahead does not make a certificate that nobody takes yet.
    ///
    /// # Errors
    /// [`Rejection::BadIdentity`] when the OpenPGP library fails, which it has no reason to.
    pub fn generate(rng: &mut (impl CryptoRng + RngCore), now: Time) -> Result<Self, Rejection> {
        let yesterday = now.wall_ms.div_euclid(limit::DAY_MS).saturating_sub(1);
        let at_s = yesterday.saturating_mul(limit::DAY_MS) / 1000;
        Self::generate_at(rng, at_s).map_err(|_| Rejection::BadIdentity)
    }

    fn generate_at(rng: &mut (impl CryptoRng + RngCore), at_s: u64) -> Result<Self, Error> {
        let secret = ed25519::SecretKey::generate(&mut *rng, ed25519::Mode::Ed25519);
        let (inner, secret) = key(at_s, PlainSecretParams::Ed25519(secret))?;
        let primary = SecretKey::new(PublicKey::from_inner(inner)?, secret)?;
        let direct = selfsign::direct(rng, at_s, &primary)?;
        let mut certificate = Vec::new();
        packet::push(
            &mut certificate,
            tag::PRIMARY,
            &primary.public_key().to_bytes()?,
        );
        packet::push(&mut certificate, tag::SIGNATURE, &direct.to_bytes()?);

        let rotating_s =
            u32::try_from(limit::ROTATING_LIFE_MS.div_euclid(1000)).unwrap_or(u32::MAX);
        let mut subkeys = Vec::new();
        for purpose in [
            Use::Fallback,
            Use::Rotating(rotating_s),
            Use::Authentication,
        ] {
            let params = match purpose {
                Use::Authentication => {
                    let secret = ed25519::SecretKey::generate(&mut *rng, ed25519::Mode::Ed25519);
                    PlainSecretParams::Ed25519(secret)
                }
                Use::Fallback | Use::Rotating(_) => {
                    let secret = ml_kem768_x25519::SecretKey::generate(&mut *rng);
                    PlainSecretParams::MlKem768X25519(secret)
                }
            };
            let (inner, secret) = key(at_s, params)?;
            let subkey = SecretSubkey::new(PublicSubkey::from_inner(inner)?, secret)?;
            let binding = selfsign::bind(rng, at_s, &primary, &subkey, purpose)?;
            packet::push(
                &mut certificate,
                tag::SUBKEY,
                &subkey.public_key().to_bytes()?,
            );
            packet::push(&mut certificate, tag::SIGNATURE, &binding.to_bytes()?);
            subkeys.push(subkey);
        }
        let certificate = Certificate::read(&certificate)
            .map_err(|rejection| Error::from(alloc::format!("{rejection}")))?;
        Ok(Self {
            certificate,
            primary,
            subkeys,
        })
    }

    /// Reads what [`to_secret`](Self::to_secret) wrote.
    ///
    /// # Errors
    /// [`Rejection::BadIdentity`] when it is not an unprotected transferable secret key of
    /// version 6 (RFC 9580, section 10.2), or its secrets do not belong to its certificate.
    pub fn from_secret(bytes: &[u8]) -> Result<Self, Rejection> {
        let packets = secret_packets(bytes)?;
        Self::from_packets(&packets, |packet, algorithm| {
            let secret = secret_part(packet.body, algorithm).and_then(<[u8]>::split_first);
            match secret {
                Some((0, secret)) => plain(algorithm, secret).ok_or(Rejection::BadIdentity),
                _ => Err(Rejection::BadIdentity),
            }
        })
    }

    /// The identity as an unprotected transferable secret key. Whoever has these bytes is this
    /// person.
    #[must_use]
    pub fn to_secret(&self) -> Zeroizing<Vec<u8>> {
        self.to_packets(&self.primary, &self.subkeys)
    }

    /// The certificate, which is for everybody.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What the certificate is named by.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// Proves who one is: the authentication subkey's signature over `label` and `bytes`, to be
    /// checked by [`Certificate::check_proof`]. Empty, and so never accepted, when the identity
    /// has no such subkey.
    ///
    /// A label starts with `muttr/` and ends with the only NUL in it.
    #[must_use]
    pub fn prove(
        &self,
        rng: &mut (impl CryptoRng + RngCore),
        now: Time,
        label: &[u8],
        bytes: &[u8],
    ) -> Vec<u8> {
        let by = self
            .certificate
            .subkeys()
            .iter()
            .find(|subkey| subkey.authenticates());
        let secret = by.and_then(|by| {
            self.subkeys
                .iter()
                .find(|secret| secret.fingerprint() == by.key.fingerprint())
        });
        let signature = secret.map(|secret| proof::sign(rng, now, secret, label, bytes));
        signature.and_then(Result::ok).unwrap_or_default()
    }

    /// Attests something with the primary key, to be checked by
    /// [`Certificate::check_attestation`]. For statements of one's own making only: the primary
    /// key never signs bytes that somebody else chose.
    #[must_use]
    pub fn attest(
        &self,
        rng: &mut (impl CryptoRng + RngCore),
        now: Time,
        label: &[u8],
        bytes: &[u8],
    ) -> Vec<u8> {
        proof::sign(rng, now, &self.primary, label, bytes).unwrap_or_default()
    }

    pub(crate) const fn primary(&self) -> &SecretKey {
        &self.primary
    }

    /// Secrets of the subkeys that messages may have been encrypted to, expired ones included.
    pub(crate) fn encryption_secrets(
        &self,
    ) -> impl Iterator<Item = (Fingerprint, u8, &SecretSubkey)> {
        self.subkeys.iter().filter_map(|secret| {
            let fingerprint = statement::fingerprint(&secret.fingerprint())?;
            let known = self.certificate.subkeys().iter();
            let subkey = known
                .into_iter()
                .find(|subkey| subkey.fingerprint == fingerprint)?;
            subkey
                .encrypts()
                .then_some((fingerprint, subkey.algorithm, secret))
        })
    }

    /// Writes the certificate with secret key packets in the place of the public ones.
    pub(super) fn to_packets(
        &self,
        primary: &SecretKey,
        subkeys: &[SecretSubkey],
    ) -> Zeroizing<Vec<u8>> {
        // Room for everything at once: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit::IDENTITY_BYTES_MAX));
        let packets = packet::all(self.certificate.bytes(), limit::CERTIFICATE_PACKETS_MAX);
        let mut subkeys = subkeys.iter();
        for packet in packets.unwrap_or_default() {
            let secret = match packet.tag {
                tag::PRIMARY => primary
                    .to_bytes()
                    .map(|body| (tag::SECRET_PRIMARY, body))
                    .ok(),
                tag::SUBKEY => subkeys
                    .next()
                    .and_then(|subkey| subkey.to_bytes().ok())
                    .map(|body| (tag::SECRET_SUBKEY, body)),
                _ => None,
            };
            match secret {
                Some((tag, body)) => packet::push(&mut bytes, tag, &Zeroizing::new(body)),
                None => packet::push(&mut bytes, packet.tag, packet.body),
            }
        }
        bytes
    }

    /// Puts an identity together from packets, `open` turning a secret key packet of a known
    /// algorithm into the secret.
    pub(super) fn from_packets(
        packets: &[Packet<'_>],
        mut open: impl FnMut(&Packet<'_>, u8) -> Result<PlainSecretParams, Rejection>,
    ) -> Result<Self, Rejection> {
        let certificate =
            Certificate::read(&public_packets(packets)).map_err(|_| Rejection::BadIdentity)?;
        let mut secret_of = |public: &[u8], params: &PublicParams| {
            let secret_tags = [tag::SECRET_PRIMARY, tag::SECRET_SUBKEY];
            let mut secrets = packets.iter().filter(|it| secret_tags.contains(&it.tag));
            let packet = secrets.find(|packet| packet.body.starts_with(public));
            let packet = packet.ok_or(Rejection::BadIdentity)?;
            let secret = open(packet, key_shape(public).ok_or(Rejection::BadIdentity)?)?;
            // A secret that is another key's would sign and decrypt for nobody.
            let matches = PublicParams::try_from(&secret).is_ok_and(|own| own == *params);
            if matches {
                Ok(SecretParams::Plain(secret))
            } else {
                Err(Rejection::BadIdentity)
            }
        };
        let bad = |_: Error| Rejection::BadIdentity;
        let primary = certificate.primary();
        let secret = secret_of(&primary.to_bytes().map_err(bad)?, primary.public_params())?;
        let primary = SecretKey::new(primary.clone(), secret).map_err(bad)?;
        let mut subkeys = Vec::new();
        for subkey in certificate.subkeys() {
            let key = &subkey.key;
            let secret = secret_of(&key.to_bytes().map_err(bad)?, key.public_params())?;
            subkeys.push(SecretSubkey::new(key.clone(), secret).map_err(bad)?);
        }
        Ok(Self {
            certificate,
            primary,
            subkeys,
        })
    }
}

impl core::fmt::Debug for Identity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Identity(…)")
    }
}

fn key(at_s: u64, secret: PlainSecretParams) -> Result<(PubKeyInner, SecretParams), Error> {
    let public = PublicParams::try_from(&secret)?;
    let algorithm = match public {
        PublicParams::Ed25519(_) => PublicKeyAlgorithm::Ed25519,
        _ => PublicKeyAlgorithm::MlKem768X25519,
    };
    let inner = PubKeyInner::new(KeyVersion::V6, algorithm, timestamp(at_s), None, public)?;
    Ok((inner, SecretParams::Plain(secret)))
}

/// The packets of a secret key file, if there are any and not too many.
pub(super) fn secret_packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, Rejection> {
    if bytes.len() > limit::IDENTITY_BYTES_MAX {
        return Err(Rejection::TooLarge);
    }
    let packets = packet::all(bytes, limit::CERTIFICATE_PACKETS_MAX);
    packets
        .filter(|packets| !packets.is_empty())
        .ok_or(Rejection::BadIdentity)
}

/// The certificate inside a secret key file.
fn public_packets(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        let public_tag = match packet.tag {
            tag::SECRET_PRIMARY => tag::PRIMARY,
            tag::SECRET_SUBKEY => tag::SUBKEY,
            other => {
                packet::push(&mut bytes, other, packet.body);
                continue;
            }
        };
        let algorithm = packet.body.get(5).copied().unwrap_or_default();
        let public = public_part(packet.body, algorithm).unwrap_or_default();
        packet::push(&mut bytes, public_tag, public);
    }
    bytes
}

/// The public part of a secret key packet: version 1, creation time 4, algorithm 1, length 4 and
/// the material (RFC 9580, section 5.5.2.3).
pub(super) fn public_part(body: &[u8], algorithm: u8) -> Option<&[u8]> {
    body.get(..key_bytes(algorithm)?.checked_add(10)?)
}

/// What follows the public part of a secret key packet.
pub(super) fn secret_part(body: &[u8], algorithm: u8) -> Option<&[u8]> {
    body.get(key_bytes(algorithm)?.checked_add(10)?..)
}

/// Secret key material as RFC 9580, section 5.5.5, and RFC 9980 lay it out.
pub(super) fn plain(algorithm: u8, secret: &[u8]) -> Option<PlainSecretParams> {
    match algorithm {
        algorithm::ED25519 => {
            let secret = Zeroizing::new(<[u8; 32]>::try_from(secret).ok()?);
            let secret =
                ed25519::SecretKey::try_from_bytes(*secret, ed25519::Mode::Ed25519).ok()?;
            Some(PlainSecretParams::Ed25519(secret))
        }
        algorithm::X25519 => {
            let secret = Zeroizing::new(<[u8; 32]>::try_from(secret).ok()?);
            Some(PlainSecretParams::X25519(
                x25519::SecretKey::try_from_bytes(*secret).ok()?,
            ))
        }
        algorithm::ML_KEM_768_X25519 => {
            let (x25519, ml_kem) = secret.split_first_chunk::<32>()?;
            let ml_kem = Zeroizing::new(<[u8; 64]>::try_from(ml_kem).ok()?);
            let secret = ml_kem768_x25519::SecretKey::try_from_bytes(*x25519, *ml_kem).ok()?;
            Some(PlainSecretParams::MlKem768X25519(secret))
        }
        _ => None,
    }
}
