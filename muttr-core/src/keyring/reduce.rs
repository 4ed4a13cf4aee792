//! Takes a certificate apart and keeps what its primary key signed.

use alloc::vec::Vec;

use pgp::{
    packet::{PublicKey, PublicSubkey},
    ser::Serialize,
    types::KeyDetails,
};

use super::{
    key::{Life, Subkey, key_shape, primary_key, subkey_key},
    statement::{self, Statement, flag, kind},
};
use crate::{
    envelope::packet::{self, Packet, tag, take},
    limit,
    name::Fingerprint,
    rejection::Rejection,
};

/// What is left of a certificate.
pub(super) struct Reduced {
    /// The packets that count, framed anew.
    pub(super) bytes: Vec<u8>,
    pub(super) fingerprint: Fingerprint,
    pub(super) primary: PublicKey,
    pub(super) life: Life,
    /// When its owner last signed anything in it, in seconds since 1970.
    pub(super) updated_s: u64,
    pub(super) subkeys: Vec<Subkey>,
}

/// Reduces a certificate to the primary key, the newest word it has about itself, and every
/// subkey that it vouched for; and revocations of all of these.
pub(super) fn reduce(bytes: &[u8]) -> Result<Reduced, Rejection> {
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

    let statements = first.statements(fingerprint);
    let holds = |expected, flags| {
        newest(&statements, |it| {
            let signs = it.flags & flags == flags;
            it.kind == expected && signs && it.signature().verify_key(&primary).is_ok()
        })
    };
    let revoked = holds(kind::KEY_REVOCATION, 0);
    let direct = holds(kind::DIRECT, flag::SIGN).ok_or(Rejection::Malformed)?;
    let mut reduced = Reduced {
        bytes: Vec::with_capacity(bytes.len()),
        fingerprint,
        life: Life::of(&primary, &direct.0, revoked.is_some()),
        updated_s: direct.0.created_s,
        subkeys: Vec::new(),
        primary,
    };
    packet::push(&mut reduced.bytes, tag::PRIMARY, first.key.body);
    push_signatures(&mut reduced.bytes, revoked, direct);
    for part in rest.iter().filter(|part| part.key.tag == tag::SUBKEY) {
        part.add_to(&mut reduced);
    }
    if reduced.subkeys.len() > limit::CERTIFICATE_SUBKEYS_MAX {
        return Err(Rejection::TooLarge);
    }
    Ok(reduced)
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

    /// Adds a subkey and its binding, if there is a good one.
    fn add_to(&self, to: &mut Reduced) -> Option<()> {
        let algorithm = key_shape(self.key.body)?;
        let key = subkey_key(self.key.body)?;
        let fingerprint = statement::fingerprint(&key.fingerprint())?;
        if to.subkeys.iter().any(|it| it.fingerprint == fingerprint) {
            return None;
        }
        let statements = self.statements(to.fingerprint);
        let holds = |expected| {
            newest(&statements, |it| {
                it.kind == expected
                    && it
                        .signature()
                        .verify_subkey_binding(&to.primary, &key)
                        .is_ok()
                    && (expected != kind::SUBKEY || consents(it, &to.primary, &key))
            })
        };
        let revoked = holds(kind::SUBKEY_REVOCATION);
        let binding = holds(kind::SUBKEY)?;
        packet::push(&mut to.bytes, tag::SUBKEY, self.key.body);
        push_signatures(&mut to.bytes, revoked, binding);
        to.updated_s = to.updated_s.max(binding.0.created_s);
        let life = Life::of(&key, &binding.0, revoked.is_some());
        let flags = binding.0.flags;
        to.subkeys.push(Subkey {
            key,
            fingerprint,
            algorithm,
            flags,
            life,
        });
        Some(())
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
