//! Messages as Mallory would make them: signed by a real key, and wrong in one point.

use alloc::{vec, vec::Vec};

use pgp::{
    crypto::{hash::HashAlgorithm, public_key::PublicKeyAlgorithm},
    packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData},
    types::{Duration, Fingerprint as PgpFingerprint, Timestamp},
};
use zeroize::Zeroizing;

use super::{NOW, dice, draft};
use crate::{
    envelope::{
        Payload,
        packet::{self, tag},
        record::{self, Record},
        seal,
    },
    keyring::{
        Certificate, Identity,
        cast::{alice, bob},
    },
    limit,
    name::Fingerprint,
};

/// A message whose every claim can be changed before it is signed. Honest unless changed.
pub(super) struct Forgery {
    pub(super) payload: Payload,
    /// Signed instead of the payload.
    pub(super) literal: Option<Vec<u8>>,
    pub(super) signer: Identity,
    pub(super) sealed_to: Certificate,
    pub(super) kind: SignatureType,
    pub(super) hash: HashAlgorithm,
    pub(super) created_s: u64,
    pub(super) lives_s: Option<u32>,
    pub(super) issuer: Option<Fingerprint>,
    pub(super) intended: Option<Fingerprint>,
    pub(super) more: Vec<Subpacket>,
    pub(super) unsigned: Vec<Subpacket>,
    pub(super) deletion_hash: Option<[u8; 32]>,
    /// Changes the packets inside, after signing.
    pub(super) bend: fn(&mut Vec<u8>),
}

impl Forgery {
    pub(super) fn new() -> Self {
        let payload = draft(NOW, b"hello");
        Self {
            literal: None,
            signer: alice(),
            sealed_to: bob().certificate().clone(),
            kind: SignatureType::Binary,
            hash: HashAlgorithm::Sha512,
            created_s: payload.sent_ms / 1000,
            lives_s: None,
            issuer: Some(alice().fingerprint()),
            intended: Some(bob().fingerprint()),
            more: vec![],
            unsigned: vec![],
            deletion_hash: None,
            bend: |_| (),
            payload,
        }
    }

    /// One-pass signature, literal and signature.
    pub(super) fn packets(&self) -> Vec<u8> {
        let mut rng = dice(9);
        let algorithm = PublicKeyAlgorithm::Ed25519;
        let mut config = SignatureConfig::v6(&mut rng, self.kind, algorithm, self.hash).unwrap();
        let at = Timestamp::from_secs(self.created_s.try_into().unwrap());
        let fingerprint = |of: Fingerprint| PgpFingerprint::V6(of.0);
        config.hashed_subpackets = [
            Some(SubpacketData::SignatureCreationTime(at)),
            self.lives_s
                .map(|it| SubpacketData::SignatureExpirationTime(Duration::from_secs(it))),
            self.issuer
                .map(|it| SubpacketData::IssuerFingerprint(fingerprint(it))),
            self.intended
                .map(|it| SubpacketData::IntendedRecipientFingerprint(fingerprint(it))),
        ]
        .into_iter()
        .flatten()
        .map(|data| Subpacket::regular(data).unwrap())
        .chain(self.more.clone())
        .collect();
        config.unhashed_subpackets.clone_from(&self.unsigned);
        let literal = self
            .literal
            .clone()
            .unwrap_or_else(|| self.payload.encode());
        seal::one_pass_signed(config, self.signer.primary(), &literal)
            .unwrap()
            .to_vec()
    }

    pub(super) fn sealed(self) -> Record {
        let deletion_hash = self
            .deletion_hash
            .unwrap_or_else(|| self.payload.deletion_hash());
        let ciphertext = enclose(&self.sealed_to, &self.packets(), self.bend);
        let expires_h = record::expiry_h(NOW, limit::DAY_MS);
        Record::new(record::Kind::Message, expires_h, deletion_hash, &ciphertext).unwrap()
    }
}

/// Pads, bends and encrypts packets, to the preferred subkey of a certificate.
pub(super) fn enclose(
    to: &Certificate,
    packets: &[u8],
    bend: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut rng = dice(10);
    let subkey = to.encryption_subkeys(NOW)[0];
    let session_key = seal::session_key(&mut rng);
    let mut ciphertext = seal::key_packet(&mut rng, &session_key, &subkey.key).unwrap();
    let padded = seal::pad(&mut rng, Zeroizing::new(packets.to_vec()), ciphertext.len()).unwrap();
    let mut inside = padded.to_vec();
    let len = inside.len();
    bend(&mut inside);
    // Whatever was bent, the record keeps its size: the padding stands at the end.
    let mut missing = len.saturating_sub(inside.len());
    if missing > 0 && missing < packet::LONG_HEADER_BYTES {
        missing = packet::LONG_HEADER_BYTES;
    }
    if missing > 0 {
        packet::push_long(
            &mut inside,
            tag::PADDING,
            &vec![0; missing - packet::LONG_HEADER_BYTES],
        );
    }
    inside.truncate(len);
    let encrypted = seal::encrypt(&mut rng, &session_key, &inside).unwrap();
    packet::push(&mut ciphertext, tag::ENCRYPTED, &encrypted);
    ciphertext
}
