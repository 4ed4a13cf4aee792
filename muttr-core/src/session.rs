//! The private channel's Noise session: what both ends share.
//!
//! `Noise_NX_25519_ChaChaPoly_SHA256` (Noise Protocol Framework, revision 34): the pod has a
//! static key, the seed has none and proves who its person is later, inside. One binary
//! WebSocket message carries one Noise message. The prologue is
//! `"muttr/channel/1\0" ‖ u16 length ‖ host ‖ u16 length ‖ purpose`, lengths big-endian, the host
//! as each side knows it: the seed's is what the person typed, the pod's is its configured name.
//!
//! ```text
//! seed → pod   e                payload, clear: version u8 (1 to 5) ‖ host
//! pod → seed   e, ee, s, es     payload: PodProof
//!   or         one byte         the number of a rejection, clear; the pod then closes
//! seed → pod   ToPod::Identify  the first message of the open session
//! ```
//!
//! The clear host lets a pod tell "you meant another pod" (`WRONG_HOST`) from tampering. It adds
//! no trust: the prologue and the pod's proof bind the host again. A clear refusal is not
//! authenticated; whoever can forge one could as well cut the line. Therefore only codes that say
//! nothing about a person or a key are believed; any other is read as `MALFORMED`.
//!
//! In the open session each Noise message holds one flag byte (1: more follows, 0: last) and at
//! most [`limit::NOISE_CHUNK_BYTES`] − 1 bytes of a message; a piece with more to follow is full.
//! A frame that was changed, cut, repeated or left out ends the session with `TAMPERED`.

use alloc::{boxed::Box, vec, vec::Vec};
use core::fmt;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};
use snow::{
    HandshakeState, TransportState,
    params::{CipherChoice, DHChoice, HashChoice, NoiseParams},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};

use crate::{
    keyring::Certificate,
    limit,
    name::{DeviceId, Fingerprint, Host},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::{PodProof, Succession},
    },
};

/// What the pod's authentication subkey signs its static Noise key under.
pub const POD_KEY_LABEL: &[u8] = b"muttr/pod-key/1\0";
/// What a pod's old primary key signs the fingerprint of its new certificate under.
pub const SUCCESSION_LABEL: &[u8] = b"muttr/pod-succession/1\0";
/// What a person's authentication subkey signs a login under.
pub const LOGIN_LABEL: &[u8] = b"muttr/login/1\0";

const PATTERN: &str = "Noise_NX_25519_ChaChaPoly_SHA256";
const PROLOGUE_LABEL: &[u8] = b"muttr/channel/1\0";
/// What may be said in clear.
const REFUSALS: [Rejection; 6] = [
    Rejection::Malformed,
    Rejection::Unsupported,
    Rejection::TooLarge,
    Rejection::RateLimited,
    Rejection::Busy,
    Rejection::WrongHost,
];
/// Sets this use of the handshake apart from later ones.
const PURPOSE: &[u8] = b"home";
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const LAST: u8 = 0;
const MORE: u8 = 1;
/// Message bytes in a piece that is not the last.
const PIECE_BYTES: usize = limit::NOISE_CHUNK_BYTES - 1;

/// What may be said in a session. A seed names the lowest one that has what it needs, so that it
/// is understood by as many pods as can be; a pod takes every one it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Everything but what a later one adds.
    First,
    /// Adds that a pod places records with seeds for somebody who has no links of their own.
    Second,
    /// Adds people of other pods, and capabilities.
    Third,
    /// Adds that a pod counts for somebody who has no links of their own, and tells what is lost of
    /// all that it was to watch over.
    Fourth,
    /// Adds stamps beside records. A pod keeps nothing without.
    Fifth,
}

impl Version {
    const ALL: [Self; 5] = [
        Self::First,
        Self::Second,
        Self::Third,
        Self::Fourth,
        Self::Fifth,
    ];

    const fn byte(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Third => 3,
            Self::Fourth => 4,
            Self::Fifth => 5,
        }
    }
}

/// What a seed has between its first handshake message and the pod's answer.
pub struct Greeting {
    noise: HandshakeState,
    version: Version,
}

impl Greeting {
    /// Begins a handshake with the pod that goes by `host`; yields the first frame to send.
    ///
    /// # Errors
    /// [`Rejection::Unsupported`] if the Noise pattern cannot be built.
    pub fn start(
        host: &Host,
        version: Version,
        random: [u8; 32],
    ) -> Result<(Self, Vec<u8>), Rejection> {
        let mut noise = builder(random)?
            .prologue(&prologue(host))
            .and_then(snow::Builder::build_initiator)
            .map_err(|_| Rejection::Unsupported)?;
        let hello = [&[version.byte()], host.as_str().as_bytes()].concat();
        let first = write_handshake(&mut noise, &hello)?;
        Ok((Self { noise, version }, first))
    }

    /// Takes the pod's answer: the open session, what the pod says it is, and the static key it
    /// used. The proof is decoded and nothing else; checking it is the caller's duty.
    ///
    /// # Errors
    /// The pod's own refusal, [`Rejection::TooLarge`], [`Rejection::Tampered`], or
    /// [`Rejection::Malformed`] for a proof that does not parse.
    pub fn finish(mut self, answer: &[u8]) -> Result<(Open, PodProof, [u8; 32]), Rejection> {
        if let [number] = answer {
            let refused = Rejection::from(u16::from(*number));
            let known = REFUSALS.contains(&refused);
            return Err(if known { refused } else { Rejection::Malformed });
        }
        let proof = read_handshake(&mut self.noise, answer)?;
        let proof = wire::decode(&proof, limit::POD_PROOF_BYTES_MAX)?;
        let key = self
            .noise
            .get_remote_static()
            .and_then(|key| key.try_into().ok());
        Ok((
            Open::new(self.noise, self.version)?,
            proof,
            key.ok_or(Rejection::Tampered)?,
        ))
    }
}

impl fmt::Debug for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Greeting(…)")
    }
}

/// The pod's whole part of the handshake: reads a seed's first frame, and yields the open session
/// and the frame to answer with.
///
/// # Errors
/// What to refuse the seed with, by [`refusal`]: [`Rejection::WrongHost`] when it dialled another
/// name, [`Rejection::Unsupported`] for another version, otherwise [`Rejection::Malformed`].
pub fn answer(
    host: &Host,
    secret: &[u8; 32],
    random: [u8; 32],
    proof: &PodProof,
    first: &[u8],
) -> Result<(Open, Vec<u8>), Rejection> {
    if first.len()
        > KEY_BYTES
            .saturating_add(limit::HOST_BYTES_MAX)
            .saturating_add(1)
    {
        return Err(Rejection::TooLarge);
    }
    let mut noise = builder(random)?
        .prologue(&prologue(host))
        .and_then(|builder| builder.local_private_key(secret))
        .and_then(snow::Builder::build_responder)
        .map_err(|_| Rejection::Unsupported)?;
    let hello = read_handshake(&mut noise, first).map_err(|_| Rejection::Malformed)?;
    let (version, dialled) = hello.split_first().ok_or(Rejection::Malformed)?;
    let known = Version::ALL
        .into_iter()
        .find(|known| known.byte() == *version);
    let version = known.ok_or(Rejection::Unsupported)?;
    let dialled = core::str::from_utf8(dialled).map_err(|_| Rejection::Malformed)?;
    let dialled: Host = dialled.parse().map_err(|_| Rejection::Malformed)?;
    if dialled != *host {
        return Err(Rejection::WrongHost);
    }
    let frame = write_handshake(&mut noise, &wire::encode(proof))?;
    Ok((Open::new(noise, version)?, frame))
}

/// The frame that refuses a handshake: one byte, the rejection's number.
#[must_use]
pub fn refusal(rejection: Rejection) -> Vec<u8> {
    let coded = |rejection: Rejection| u8::try_from(rejection.number()).ok();
    coded(rejection)
        .or_else(|| coded(Rejection::Malformed))
        .into_iter()
        .collect()
}

/// The public half of a pod's static Noise key.
#[must_use]
pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    let dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519);
    let key = dh.and_then(|mut dh| {
        dh.set(secret);
        dh.pubkey().try_into().ok()
    });
    key.unwrap_or_default()
}

/// What a pod signs under [`POD_KEY_LABEL`].
#[must_use]
pub fn pod_key_bytes(host: &Host, key: &[u8; 32]) -> Vec<u8> {
    [prefixed(host.as_str().as_bytes()).as_slice(), key].concat()
}

/// What a pod's old key signs under [`SUCCESSION_LABEL`].
#[must_use]
pub fn succession_bytes(host: &Host, new: &Fingerprint) -> Vec<u8> {
    [
        prefixed(host.as_str().as_bytes()).as_slice(),
        new.as_bytes(),
    ]
    .concat()
}

/// What a person signs under [`LOGIN_LABEL`]: it holds for this host, this device and this
/// handshake alone.
#[must_use]
pub fn login_bytes(host: &Host, device: &DeviceId, handshake_hash: &[u8; 32]) -> Vec<u8> {
    [
        prefixed(host.as_str().as_bytes()).as_slice(),
        device.as_bytes(),
        handshake_hash,
    ]
    .concat()
}

/// A Noise session after its handshake: messages in both directions, nobody named yet.
pub struct Open {
    noise: TransportState,
    version: Version,
    handshake_hash: [u8; 32],
    partial: Vec<u8>,
}

impl Open {
    fn new(noise: HandshakeState, version: Version) -> Result<Self, Rejection> {
        let handshake_hash = noise.get_handshake_hash().try_into();
        let handshake_hash = handshake_hash.map_err(|_| Rejection::Unsupported)?;
        let noise = noise
            .into_transport_mode()
            .map_err(|_| Rejection::Tampered)?;
        Ok(Self {
            noise,
            version,
            handshake_hash,
            partial: Vec::new(),
        })
    }

    /// What may be said in this session.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Names this handshake and no other (Noise, section 11.2).
    #[must_use]
    pub const fn handshake_hash(&self) -> &[u8; 32] {
        &self.handshake_hash
    }

    /// Cuts a message into encrypted frames, to be sent in this order.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`] past [`limit::CHANNEL_BYTES_MAX`].
    pub fn seal(&mut self, message: &[u8]) -> Result<Vec<Vec<u8>>, Rejection> {
        if message.len() > limit::CHANNEL_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let mut frames = Vec::new();
        let mut rest = message;
        loop {
            let (piece, after) = rest.split_at_checked(PIECE_BYTES).unwrap_or((rest, &[]));
            let flag = if after.is_empty() { LAST } else { MORE };
            frames.push(self.seal_piece(&[&[flag], piece].concat())?);
            if after.is_empty() {
                return Ok(frames);
            }
            rest = after;
        }
    }

    fn seal_piece(&mut self, clear: &[u8]) -> Result<Vec<u8>, Rejection> {
        let mut frame = vec![0; clear.len().saturating_add(TAG_BYTES)];
        let written = self.noise.write_message(clear, &mut frame);
        frame.truncate(written.map_err(|_| Rejection::TooLarge)?);
        Ok(frame)
    }

    /// Takes the next frame of messages of at most `bytes_max`; yields a message once its last
    /// piece is here. After an error the session is out of step and is to be dropped.
    ///
    /// # Errors
    /// [`Rejection::Tampered`] for what was not sealed next by the other side,
    /// [`Rejection::TooLarge`] or [`Rejection::Malformed`] for what it should not have sealed.
    pub fn open(&mut self, frame: &[u8], bytes_max: usize) -> Result<Option<Vec<u8>>, Rejection> {
        if frame.len() > limit::NOISE_CHUNK_BYTES.saturating_add(TAG_BYTES) {
            return Err(Rejection::TooLarge);
        }
        let mut clear = vec![0; frame.len()];
        let read = self.noise.read_message(frame, &mut clear);
        clear.truncate(read.map_err(|_| Rejection::Tampered)?);
        let (flag, piece) = clear.split_first().ok_or(Rejection::Malformed)?;
        if self.partial.len().saturating_add(piece.len()) > bytes_max {
            return Err(Rejection::TooLarge);
        }
        self.partial.extend_from_slice(piece);
        match *flag {
            LAST => Ok(Some(core::mem::take(&mut self.partial))),
            MORE if piece.len() == PIECE_BYTES => Ok(None),
            _ => Err(Rejection::Malformed),
        }
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Open({} bytes waiting)", self.partial.len())
    }
}

/// `u16` big-endian length, then the bytes.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [len.to_be_bytes().as_slice(), bytes].concat()
}

fn prologue(host: &Host) -> Vec<u8> {
    [
        PROLOGUE_LABEL,
        &prefixed(host.as_str().as_bytes()),
        &prefixed(PURPOSE),
    ]
    .concat()
}

fn builder<'a>(random: [u8; 32]) -> Result<snow::Builder<'a>, Rejection> {
    let pattern: NoiseParams = PATTERN.parse().map_err(|_| Rejection::Unsupported)?;
    Ok(snow::Builder::with_resolver(
        pattern,
        Box::new(Resolver { random }),
    ))
}

fn write_handshake(noise: &mut HandshakeState, payload: &[u8]) -> Result<Vec<u8>, Rejection> {
    // An ephemeral key, an encrypted static key and two tags at most surround the payload.
    let around = KEY_BYTES.saturating_add(TAG_BYTES).saturating_mul(2);
    let mut frame = vec![0; payload.len().saturating_add(around)];
    let written = noise.write_message(payload, &mut frame);
    frame.truncate(written.map_err(|_| Rejection::TooLarge)?);
    Ok(frame)
}

fn read_handshake(noise: &mut HandshakeState, frame: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut payload = vec![0; frame.len()];
    let read = noise.read_message(frame, &mut payload);
    payload.truncate(read.map_err(|_| Rejection::Tampered)?);
    Ok(payload)
}

/// The published primitives, with dice that the caller seeds: core has none of its own.
struct Resolver {
    random: [u8; 32],
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Dice(ChaCha20Rng::from_seed(self.random))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Dice(ChaCha20Rng);

impl Random for Dice {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill_bytes(dest);
        Ok(())
    }
}

/// Whether the old key of a pod wanted it to have the certificate that it has now.
///
/// # Errors
/// [`Rejection::PodKeyChanged`] for anything that does not prove it.
pub(crate) fn check_succession(
    now: Time,
    host: &Host,
    old: Fingerprint,
    new: &Fingerprint,
    succession: &[u8],
) -> Result<(), Rejection> {
    let changed = |_| Rejection::PodKeyChanged;
    let succession: Succession =
        wire::decode(succession, limit::POD_PROOF_BYTES_MAX).map_err(changed)?;
    let certificate = Certificate::parse(&succession.certificate, now).map_err(changed)?;
    if certificate.fingerprint() != old {
        return Err(Rejection::PodKeyChanged);
    }
    let signed = succession_bytes(host, new);
    certificate
        .check_attestation(now, SUCCESSION_LABEL, &signed, &succession.signature)
        .map_err(changed)
}

#[cfg(test)]
mod tests;
