//! Certificates that their owners changed, and certificates that somebody else did.

use alloc::{boxed::Box, vec, vec::Vec};

use pgp::{
    crypto::public_key::PublicKeyAlgorithm,
    packet::{KeyFlags, Signature, SignatureType, Subpacket, SubpacketData},
    ser::Serialize,
    types::{Duration, Password, RevocationKey, RevocationKeyClass},
};

use super::{super::selfsign, dice};
use crate::{
    envelope::packet::{self, Packet, tag},
    keyring::{Identity, cast::BORN},
};

const LATER_S: u64 = BORN.wall_ms / 1000 + 3600;

/// The packets of a certificate.
pub(crate) fn packets(of: &Identity) -> Vec<Packet<'_>> {
    packet::all(of.certificate().bytes(), 100).unwrap()
}

/// Packets as bytes.
pub(crate) fn joined<'a>(packets: impl IntoIterator<Item = &'a Packet<'a>>) -> Vec<u8> {
    let mut bytes = vec![];
    packets
        .into_iter()
        .for_each(|it| packet::push(&mut bytes, it.tag, it.body));
    bytes
}

/// A certificate with one more signature right after the primary key.
pub(crate) fn with_direct(of: &Identity, signature: &Signature) -> Vec<u8> {
    let body = signature.to_bytes().unwrap();
    let mut packets = packets(of);
    let (length, tag) = (packet::Length::Shortest, tag::SIGNATURE);
    packets.insert(
        1,
        Packet {
            tag,
            length,
            body: &body,
        },
    );
    joined(&packets)
}

/// A signature of `by` about the primary key of `of`.
pub(crate) fn about(
    by: &Identity,
    of: &Identity,
    kind: SignatureType,
    more: Vec<Subpacket>,
) -> Signature {
    let config = selfsign::config(&mut dice(5), kind, LATER_S, by.primary(), more).unwrap();
    config
        .sign_key(by.primary(), &Password::empty(), of.certificate().primary())
        .unwrap()
}

/// A signature of `by` that binds (or revokes) the subkey in `body` to the primary key of `of`.
pub(crate) fn bound(
    by: &Identity,
    of: &Identity,
    kind: SignatureType,
    body: &[u8],
    more: Vec<Subpacket>,
) -> Signature {
    let subkey = super::super::key::subkey_key(body).unwrap();
    let config = selfsign::config(&mut dice(6), kind, LATER_S, by.primary(), more).unwrap();
    let primary = of.certificate().primary();
    config
        .sign_subkey_binding(by.primary(), primary, &Password::empty(), &subkey)
        .unwrap()
}

/// A certificate that its owner took back.
pub(crate) fn revoked(of: &Identity) -> Vec<u8> {
    with_direct(of, &about(of, of, SignatureType::KeyRevocation, vec![]))
}

/// Key flags for certifying and signing.
pub(crate) fn signing_flags() -> Subpacket {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(true);
    Subpacket::critical(SubpacketData::KeyFlags(flags)).unwrap()
}

/// A certificate that its owner lets end so many seconds after its creation.
pub(crate) fn ending(of: &Identity, life_s: u64) -> Vec<u8> {
    let life = Duration::from_secs(life_s.try_into().unwrap());
    let life = Subpacket::critical(SubpacketData::KeyExpirationTime(life)).unwrap();
    with_direct(
        of,
        &about(of, of, SignatureType::Key, vec![signing_flags(), life]),
    )
}

/// A demand that nobody here knows.
pub(crate) fn demand() -> Subpacket {
    let class = RevocationKeyClass::Default;
    let key = RevocationKey::new(class, PublicKeyAlgorithm::Ed25519, &[7; 20]);
    Subpacket::critical(SubpacketData::RevocationKey(key)).unwrap()
}

/// The flag of subkeys that authenticate, with or without the subkey's consent.
pub(crate) fn authentication(consent: Option<Signature>) -> Vec<Subpacket> {
    let mut flags = KeyFlags::default();
    flags.set_authentication(true);
    let consent = consent.map(|it| SubpacketData::EmbeddedSignature(Box::new(it)));
    [Some(SubpacketData::KeyFlags(flags)), consent]
        .into_iter()
        .flatten()
        .map(|data| Subpacket::regular(data).unwrap())
        .collect()
}
