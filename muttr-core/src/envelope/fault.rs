//! Why a record could not be opened. Told to the person it was for, never to the network.

use crate::{
    keyring::statement::Unreadable,
    name::{Alias, Fingerprint},
    rejection::Rejection,
};

/// One reason each. To whoever sent the record all of them look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The record holds a chunk of something, not a message.
    NotAMessage,
    /// The outer packets are not those of a message.
    Container,
    /// None of our subkeys opens it.
    NotForUs,
    /// It was changed, or cut, after it was sealed.
    Damaged,
    /// The packets inside are not those of a message.
    Inside,
    /// The payload is not one.
    Payload,
    /// A newer version wrote it, and says that it must not be read without knowing how.
    NewerVersion,
    /// The signature is of another version or algorithm, or its parts do not add up.
    SignatureShape,
    /// The signature rests on a hash that is not trusted.
    Hash,
    /// The signature demands to be understood in a way that is not known here.
    CriticalSubpacket,
    /// It is a signature over something else than bytes.
    SignatureType,
    /// The signature is not the one that was announced before the content.
    Announced,
    /// Something was added to the signature that it does not cover.
    UnsignedPart,
    /// The signature does not say that it is by the certificate that the payload names.
    Issuer,
    /// It was signed longer ago than records live.
    TooOld,
    /// It was signed in the future.
    Future,
    /// The signature says of itself that it has run out.
    SignatureExpired,
    /// The signature does not say whom it is for.
    NoIntendedRecipient,
    /// The signature is for somebody else.
    OtherRecipient,
    /// The payload is for somebody else.
    PayloadRecipient,
    /// The payload names another subkey than the one that opened it.
    PayloadSubkey,
    /// The payload was sent at another time than it was signed.
    PayloadTime,
    /// The record shows the hash of another deletion token.
    DeletionHash,
    /// The certificate inside is none, or not the one that the payload names.
    BadCertificate,
    /// The certificate is not known here and not inside: to be looked up, then opened again.
    UnknownSender {
        /// Under which alias the author claims to be found.
        alias: Alias,
        /// What the certificate is to be named by.
        fingerprint: Fingerprint,
    },
    /// The author took the certificate back.
    SenderRevoked,
    /// The certificate was not valid when this was signed.
    SenderExpired,
    /// The mathematics says no.
    BadSignature,
}

impl Fault {
    /// The code that applications see.
    #[must_use]
    pub const fn code(&self) -> Rejection {
        match self {
            Self::NewerVersion => Rejection::Unsupported,
            Self::TooOld | Self::SignatureExpired => Rejection::Expired,
            Self::SenderRevoked | Self::SenderExpired => Rejection::CertificateUnusable,
            _ => Rejection::Unreadable,
        }
    }

    /// Whether opening may succeed later, once the sender's certificate is at hand.
    #[must_use]
    pub const fn is_unknown_sender(&self) -> bool {
        matches!(self, Self::UnknownSender { .. })
    }
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Shape => Self::SignatureShape,
            Unreadable::Hash => Self::Hash,
            Unreadable::Critical => Self::CriticalSubpacket,
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl core::error::Error for Fault {}
