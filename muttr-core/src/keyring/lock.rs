//! Identities under a passphrase, to be kept outside: a transferable secret key as other OpenPGP
//! implementations read it, each secret locked with Argon2id and AES-256-OCB
//! (RFC 9580, sections 3.7.1.4 and 3.7.2.1).

use alloc::{string::String, vec, vec::Vec};

use pgp::{
    crypto::{aead::AeadAlgorithm, sym::SymmetricKeyAlgorithm},
    errors::Error,
    packet::{SecretKey, SecretSubkey},
    types::{EncryptedSecretParams, Password, PlainSecretParams, S2kParams, StringToKey, Tag},
};
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{
    armor,
    identity::{Identity, plain, public_part, secret_packets, secret_part},
    key::{primary_key, subkey_key},
};
use crate::{
    envelope::packet::{Packet, tag, take},
    limit,
    rejection::Rejection,
};

const SALT_BYTES: usize = 16;
/// OCB's (RFC 9580, section 9.6).
const NONCE_BYTES: usize = 15;
/// Cipher, mode, length of the key derivation, its type, salt, passes, lanes, memory, nonce.
const PARAMETER_BYTES: u8 = 38;

impl Identity {
    /// Writes the identity as text that is worth nothing without the passphrase. Takes some
    /// hundred milliseconds and 64 MiB, on purpose.
    ///
    /// # Errors
    /// [`Rejection::BadPassphrase`] for an empty one.
    pub fn export(
        &self,
        rng: &mut (impl CryptoRng + RngCore),
        passphrase: &str,
    ) -> Result<String, Rejection> {
        if passphrase.is_empty() {
            return Err(Rejection::BadPassphrase);
        }
        let locked = self.locked(rng, &Password::from(passphrase));
        let (primary, subkeys) = locked.map_err(|_| Rejection::BadIdentity)?;
        Ok(armor::encode(&self.to_packets(&primary, &subkeys)))
    }

    fn locked(
        &self,
        rng: &mut (impl CryptoRng + RngCore),
        password: &Password,
    ) -> Result<(SecretKey, Vec<SecretSubkey>), Error> {
        let mut primary = self.primary.clone();
        primary.set_password_with_s2k(password, parameters(rng))?;
        let mut subkeys = self.subkeys.clone();
        for subkey in &mut subkeys {
            subkey.set_password_with_s2k(password, parameters(rng))?;
        }
        Ok((primary, subkeys))
    }

    /// Reads what [`export`](Self::export) wrote, armored or binary; what is not locked at all is
    /// read as well. Files whose passphrase would cost more than a fixed bound to try are
    /// refused unopened.
    ///
    /// # Errors
    /// [`Rejection::BadPassphrase`] when it does not open the file; [`Rejection::BadIdentity`]
    /// when the file holds no identity of this kind; [`Rejection::TooLarge`].
    pub fn import(bytes: &[u8], passphrase: &str) -> Result<Self, Rejection> {
        if bytes.len() > limit::IDENTITY_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let binary = if armor::is_armored(bytes) {
            armor::decode(bytes).ok_or(Rejection::BadIdentity)?
        } else {
            Zeroizing::new(bytes.to_vec())
        };
        let packets = secret_packets(&binary)?;
        let password = Password::from(passphrase);
        Self::from_packets(&packets, |packet, algorithm| {
            unlock(packet, algorithm, &password)
        })
    }
}

fn parameters(rng: &mut (impl CryptoRng + RngCore)) -> S2kParams {
    let mut salt = [0; SALT_BYTES];
    rng.fill_bytes(&mut salt);
    let mut nonce = vec![0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let (t, p, m_enc) = limit::ARGON2;
    S2kParams::Aead {
        sym_alg: SymmetricKeyAlgorithm::AES256,
        aead_mode: AeadAlgorithm::Ocb,
        s2k: StringToKey::Argon2 { salt, t, p, m_enc },
        nonce: nonce.into(),
    }
}

/// Opens one secret key packet, after a look at what that would cost.
fn unlock(
    packet: &Packet<'_>,
    algorithm: u8,
    password: &Password,
) -> Result<PlainSecretParams, Rejection> {
    let secret = secret_part(packet.body, algorithm).ok_or(Rejection::BadIdentity)?;
    if let Some((0, secret)) = secret.split_first() {
        return plain(algorithm, secret).ok_or(Rejection::BadIdentity);
    }
    let (parameters, ciphertext) = locked_shape(secret).ok_or(Rejection::BadIdentity)?;
    let locked = EncryptedSecretParams::new(ciphertext.to_vec().into(), parameters);
    let public = public_part(packet.body, algorithm).ok_or(Rejection::BadIdentity)?;
    let opened = if packet.tag == tag::SECRET_PRIMARY {
        let key = primary_key(public).ok_or(Rejection::BadIdentity)?;
        locked.unlock(password, &key, Some(Tag::SecretKey))
    } else {
        let key = subkey_key(public).ok_or(Rejection::BadIdentity)?;
        locked.unlock(password, &key, Some(Tag::SecretSubkey))
    };
    opened.map_err(|_| Rejection::BadPassphrase)
}

/// Reads how a secret is locked: one way only, and at a bearable cost.
fn locked_shape(mut secret: &[u8]) -> Option<(S2kParams, &[u8])> {
    // Locked with AEAD; AES-256, OCB; 20 octets of Argon2.
    let [253, PARAMETER_BYTES, 9, 2, 20, 4] = take(&mut secret)? else {
        return None;
    };
    let salt: [u8; SALT_BYTES] = take(&mut secret)?;
    let [t, p, m_enc] = take(&mut secret)?;
    let nonce: [u8; NONCE_BYTES] = take(&mut secret)?;
    let (t_max, p_max, m_max) = limit::ARGON2_MAX;
    // Below 8 KiB a lane Argon2 has no meaning (RFC 9106, section 3.1).
    let enough = 1_u32.checked_shl(m_enc.into())? >= 8 * u32::from(p);
    if !(1..=t_max).contains(&t) || !(1..=p_max).contains(&p) || m_enc > m_max || !enough {
        return None;
    }
    let parameters = S2kParams::Aead {
        sym_alg: SymmetricKeyAlgorithm::AES256,
        aead_mode: AeadAlgorithm::Ocb,
        s2k: StringToKey::Argon2 { salt, t, p, m_enc },
        nonce: nonce.to_vec().into(),
    };
    Some((parameters, secret))
}
