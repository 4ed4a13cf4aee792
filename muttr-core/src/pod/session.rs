//! The pod's end of a channel. Being identified is a type: an [`Unidentified`] session has no
//! door for requests, and proving who one is uses it up.

use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use rand_core::{CryptoRng, RngCore};

use crate::{
    keyring::{Certificate, Identity},
    limit,
    name::{DeviceId, Fingerprint, Host},
    rejection::Rejection,
    session::{self, Open, Version},
    time::Time,
    wire::{
        self,
        channel::{Identify, Succession, ToPod, ToSeed},
    },
};

/// After the handshake: someone is there, nobody knows who.
pub struct Unidentified {
    open: Open,
}

/// A session of one device of one person.
pub struct Identified {
    open: Open,
    certificate: Certificate,
    device: DeviceId,
}

/// A session that ends here: why, and the frames that say so.
#[derive(Debug)]
pub struct Refused {
    /// What was wrong.
    pub why: Rejection,
    /// To be sent before the channel is closed.
    pub frames: Vec<Vec<u8>>,
}

impl Unidentified {
    /// The session that a handshake led to.
    #[must_use]
    pub const fn new(open: Open) -> Self {
        Self { open }
    }

    /// Takes a frame; yields the login once it is complete.
    ///
    /// # Errors
    /// [`Rejection::Unidentified`] for any other message, or the fault of the frame.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Option<Box<Identify>>, Rejection> {
        match decode(self.open.open(frame, limit::LOGIN_BYTES_MAX)?)? {
            None => Ok(None),
            Some(ToPod::Identify(identify)) => Ok(Some(Box::new(identify))),
            Some(_) => Err(Rejection::Unidentified),
        }
    }

    /// Checks a login against this very handshake.
    ///
    /// # Errors
    /// [`Refused`] with [`Rejection::BadSignature`] for a proof that does not hold, such as one
    /// made for another handshake, or with what is wrong with the certificate.
    pub fn identify(
        self,
        now: Time,
        host: &Host,
        identify: &Identify,
    ) -> Result<Identified, Refused> {
        match check_login(now, host, self.open.handshake_hash(), identify) {
            Ok(certificate) => Ok(Identified {
                open: self.open,
                certificate,
                device: identify.device,
            }),
            Err(why) => Err(self.refuse(why)),
        }
    }

    /// Ends the session.
    #[must_use]
    pub fn refuse(mut self, why: Rejection) -> Refused {
        let frames = seal(&mut self.open, &ToSeed::Rejected { id: 0, code: why });
        Refused { why, frames }
    }
}

impl Identified {
    /// Whose session it is.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What may be said in it.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.open.version()
    }

    /// Which of their devices.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// Takes a frame; yields a message once it is complete.
    ///
    /// # Errors
    /// The fault of the frame; the session is then out of step.
    pub fn receive(&mut self, frame: &[u8]) -> Result<Option<ToPod>, Rejection> {
        decode(self.open.open(frame, limit::CHANNEL_BYTES_MAX)?)
    }

    /// Ends the session.
    #[must_use]
    pub fn refuse(mut self, why: Rejection) -> Refused {
        let frames = seal(&mut self.open, &ToSeed::Rejected { id: 0, code: why });
        Refused { why, frames }
    }

    /// The frames that carry a message.
    #[must_use]
    pub fn send(&mut self, message: &ToSeed) -> Vec<Vec<u8>> {
        seal(&mut self.open, message)
    }
}

impl fmt::Debug for Unidentified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unidentified(…)")
    }
}

impl fmt::Debug for Identified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identified(…)")
    }
}

/// How a pod with a new certificate shows that the `old` key wanted it so; the result goes into
/// [`Config::succession`](crate::pod::Config::succession).
#[must_use]
pub fn succession(
    old: &Identity,
    rng: &mut (impl CryptoRng + RngCore),
    now: Time,
    host: &Host,
    new: &Fingerprint,
) -> Vec<u8> {
    let signed = session::succession_bytes(host, new);
    let signature = old.attest(rng, now, session::SUCCESSION_LABEL, &signed);
    wire::encode(&Succession {
        certificate: old.certificate().bytes().to_vec(),
        signature,
    })
}

fn decode(message: Option<Vec<u8>>) -> Result<Option<ToPod>, Rejection> {
    message
        .map(|message| wire::decode(&message, limit::CHANNEL_BYTES_MAX))
        .transpose()
}

/// What a pod says always fits: the largest thing, a record, was measured when it was kept.
fn seal(open: &mut Open, message: &ToSeed) -> Vec<Vec<u8>> {
    open.seal(&wire::encode(message)).unwrap_or_default()
}

fn check_login(
    now: Time,
    host: &Host,
    handshake_hash: &[u8; 32],
    identify: &Identify,
) -> Result<Certificate, Rejection> {
    let certificate = Certificate::parse(&identify.certificate, now)?;
    let login = session::login_bytes(host, &identify.device, handshake_hash);
    certificate.check_proof(now, session::LOGIN_LABEL, &login, &identify.signature)?;
    Ok(certificate)
}
