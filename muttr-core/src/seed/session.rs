//! The seed's end of the private channel: handshake, the pod's proof, then messages.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use rand_core::{CryptoRng, RngCore};

use crate::{
    keyring::{Certificate, Identity},
    limit,
    name::{DeviceId, Fingerprint, Host},
    rejection::Rejection,
    session::{self, Greeting, Open, Version},
    time::Time,
    wire::{
        self,
        channel::{Identify, PodProof, ToPod, ToSeed},
    },
};

/// One run of the channel, from the first frame until it closes; then make another.
pub struct Session {
    host: Host,
    pinned: Option<Fingerprint>,
    state: State,
}

enum State {
    Greeted(Box<Greeting>),
    Open(Box<Open>),
    Closed(Rejection),
}

/// What the pod's frames came to.
#[derive(Debug)]
pub enum Incoming {
    /// The pod is who it should be; time to identify.
    Ready(Box<PodIdentity>),
    /// It says something.
    Message(ToSeed),
}

/// Who the pod proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodIdentity {
    /// Its certificate, to be pinned by its fingerprint.
    pub certificate: Certificate,
    /// The pinned certificate was another one, whose key signed this one.
    pub succeeded: bool,
}

impl Session {
    /// Begins with the pod that goes by `host`, as the person typed it. `pinned` names the
    /// certificate it had before, if it was ever met, `version` what will be said in the session.
    /// `random` must be fresh for each.
    /// Yields the first frame to send.
    ///
    /// # Errors
    /// [`Rejection::Unsupported`] if the Noise pattern cannot be built.
    pub fn start(
        host: &Host,
        pinned: Option<Fingerprint>,
        version: Version,
        random: [u8; 32],
    ) -> Result<(Self, Vec<u8>), Rejection> {
        let (greeting, first) = Greeting::start(host, version, random)?;
        let state = State::Greeted(Box::new(greeting));
        Ok((
            Self {
                host: host.clone(),
                pinned,
                state,
            },
            first,
        ))
    }

    /// Takes a frame. After an error the session stays closed with that code.
    ///
    /// # Errors
    /// The pod's refusal; [`Rejection::WrongHost`] or [`Rejection::PodKeyChanged`] for a pod that
    /// is not the expected one; [`Rejection::BadSignature`] for a false proof;
    /// [`Rejection::Tampered`], [`Rejection::TooLarge`] or [`Rejection::Malformed`] for a fault.
    pub fn receive(&mut self, now: Time, frame: &[u8]) -> Result<Vec<Incoming>, Rejection> {
        let state = core::mem::replace(&mut self.state, State::Closed(Rejection::Closed));
        let result = match state {
            State::Greeted(greeting) => self.finish(now, *greeting, frame),
            State::Open(mut open) => {
                let incoming = message(&mut open, frame);
                incoming.map(|incoming| (State::Open(open), incoming.into_iter().collect()))
            }
            State::Closed(why) => Err(why),
        };
        match result {
            Ok((state, incoming)) => {
                self.state = state;
                Ok(incoming)
            }
            Err(why) => {
                self.state = State::Closed(why);
                Err(why)
            }
        }
    }

    fn finish(
        &self,
        now: Time,
        greeting: Greeting,
        frame: &[u8],
    ) -> Result<(State, Vec<Incoming>), Rejection> {
        let (open, proof, key) = greeting.finish(frame)?;
        let pod = check_pod(now, &self.host, self.pinned, &proof, &key)?;
        Ok((
            State::Open(Box::new(open)),
            [Incoming::Ready(Box::new(pod))].into(),
        ))
    }

    /// The frames that prove who we are; once, after [`Incoming::Ready`].
    ///
    /// # Errors
    /// [`Rejection::Closed`] unless the session is open, or what signing refuses with.
    pub fn identify(
        &mut self,
        rng: &mut (impl CryptoRng + RngCore),
        now: Time,
        identity: &Identity,
        device: DeviceId,
        cursor: (u64, u64),
    ) -> Result<Vec<Vec<u8>>, Rejection> {
        let hash = *self.open()?.handshake_hash();
        let login = session::login_bytes(&self.host, &device, &hash);
        let signature = identity.prove(rng, now, session::LOGIN_LABEL, &login);
        let certificate = identity.certificate().bytes().to_vec();
        self.send(&ToPod::Identify(Identify {
            certificate,
            device,
            cursor,
            signature,
        }))
    }

    /// The frames that carry a message, to be sent in this order.
    ///
    /// # Errors
    /// [`Rejection::Closed`] unless the session is open, [`Rejection::TooLarge`] past
    /// [`limit::CHANNEL_BYTES_MAX`].
    pub fn send(&mut self, message: &ToPod) -> Result<Vec<Vec<u8>>, Rejection> {
        self.open()?.seal(&wire::encode(message))
    }

    /// Seals any bytes at all, as a seed with a fault would.
    #[cfg(test)]
    pub(crate) fn send_raw(&mut self, message: &[u8]) -> Result<Vec<Vec<u8>>, Rejection> {
        self.open()?.seal(message)
    }

    fn open(&mut self) -> Result<&mut Open, Rejection> {
        match &mut self.state {
            State::Open(open) => Ok(open),
            State::Greeted(_) | State::Closed(_) => Err(Rejection::Closed),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Greeted(_) => "greeted",
            State::Open(_) => "open",
            State::Closed(why) => why.code(),
        };
        write!(f, "Session({state})")
    }
}

fn message(open: &mut Open, frame: &[u8]) -> Result<Option<Incoming>, Rejection> {
    let Some(message) = open.open(frame, limit::CHANNEL_BYTES_MAX)? else {
        return Ok(None);
    };
    Ok(Some(Incoming::Message(wire::decode(
        &message,
        limit::CHANNEL_BYTES_MAX,
    )?)))
}

fn check_pod(
    now: Time,
    host: &Host,
    pinned: Option<Fingerprint>,
    proof: &PodProof,
    key: &[u8; 32],
) -> Result<PodIdentity, Rejection> {
    if proof.host != *host {
        return Err(Rejection::WrongHost);
    }
    let certificate = Certificate::parse(&proof.certificate, now)?;
    let signed = session::pod_key_bytes(host, key);
    certificate.check_proof(now, session::POD_KEY_LABEL, &signed, &proof.signature)?;
    let new = certificate.fingerprint();
    let succeeded = match pinned {
        Some(old) if old != new => {
            let follows = session::check_succession(now, host, old, &new, &proof.succession);
            follows.map_err(|_| Rejection::PodKeyChanged)?;
            true
        }
        _ => false,
    };
    Ok(PodIdentity {
        certificate,
        succeeded,
    })
}
