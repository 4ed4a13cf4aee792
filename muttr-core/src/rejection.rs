//! The one list of coded refusals. Their numbers travel, their names are the JavaScript
//! `MuttrError.code`, their statuses are the HTTP face; documents and types come from here.

use serde::{Deserialize, Serialize};

/// What a caller may usefully do about a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Asking again changes nothing.
    Never,
    /// Asking again later may work.
    Later,
    /// Something has to be changed first (another alias, a shorter message, more room).
    Changed,
}

macro_rules! rejections {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $code:literal, $http:literal, $retry:ident;)*) => {
        /// A coded no. Numbers are never reused and never change their meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "u16", from = "u16")]
        #[non_exhaustive]
        pub enum Rejection {
            $($(#[doc = $doc])+ $name,)*
            /// A number that this version does not know.
            Unknown(u16),
        }

        impl Rejection {
            /// Every rejection this version knows, in order of number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* Self::Unknown(number) => number }
            }

            /// The code in JavaScript and in logs.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* Self::Unknown(_) => "UNKNOWN" }
            }

            /// The HTTP status, where it is the answer to an HTTP request.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$name => $http,)* Self::Unknown(_) => 500 }
            }

            /// What a caller may do.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* Self::Unknown(_) => Retry::Never }
            }

            /// One sentence for whoever reads documentation or a log.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)*
                    Self::Unknown(_) => "A rejection this version does not know.",
                }
            }
        }

        impl From<u16> for Rejection {
            fn from(number: u16) -> Self {
                match number { $($number => Self::$name,)* other => Self::Unknown(other) }
            }
        }
    };
}

rejections! {
    /// The other side sent something that is not of the protocol.
    Malformed = 1, "MALFORMED", 400, Never;
    /// Newer than this version understands.
    Unsupported = 2, "UNSUPPORTED", 400, Changed;
    /// Larger than allowed.
    TooLarge = 3, "TOO_LARGE", 413, Changed;
    /// Too many requests; wait a little.
    RateLimited = 4, "RATE_LIMITED", 429, Later;
    /// Too much to do at the moment.
    Busy = 5, "BUSY", 503, Later;
    /// The disk or the quota is full.
    Full = 6, "QUOTA", 507, Changed;
    /// Storage failed; nothing was changed.
    StorageFailed = 7, "STORAGE_FAILED", 500, Later;
    /// No answer in time.
    TimedOut = 8, "TIMED_OUT", 504, Later;

    /// That is not a valid alias.
    AliasInvalid = 20, "ALIAS_INVALID", 400, Changed;
    /// Someone else has that alias.
    AliasTaken = 21, "ALIAS_TAKEN", 409, Changed;
    /// That alias is kept for whoever runs the pod.
    AliasReserved = 22, "ALIAS_RESERVED", 403, Changed;
    /// Nobody is registered under that alias.
    NotFound = 23, "NOT_FOUND", 404, Changed;
    /// The alias belongs to another pod, with which this one does not deal.
    ForeignPod = 24, "FOREIGN_POD", 421, Changed;
    /// The binding of that alias ran out and was not renewed by its owner.
    BindingExpired = 25, "BINDING_EXPIRED", 410, Later;
    /// The certificate of that alias is not the one known before.
    KeyChanged = 26, "KEY_CHANGED", 409, Changed;
    /// This certificate has as many aliases as it may.
    AliasesExhausted = 27, "ALIASES_EXHAUSTED", 403, Never;
    /// Take an alias first, so that the answer can reach you.
    AliasRequired = 28, "ALIAS_REQUIRED", 409, Changed;
    /// The binding does not follow the one that the pod has of that alias.
    BindingStale = 29, "BINDING_STALE", 409, Changed;
    /// The person behind that alias has moved and takes messages under another one.
    Moved = 30, "MOVED", 410, Changed;

    /// Say who you are first.
    Unidentified = 40, "UNIDENTIFIED", 401, Changed;
    /// The proof of identity does not hold.
    BadSignature = 41, "BAD_SIGNATURE", 401, Never;
    /// The pod goes by another name than the one that was dialled.
    WrongHost = 42, "WRONG_HOST", 421, Changed;
    /// The pod's key is not the one known before, and the old key did not sign it.
    PodKeyChanged = 43, "POD_KEY_CHANGED", 495, Changed;
    /// The same device opened another session, which replaces this one.
    Replaced = 44, "REPLACED", 409, Never;
    /// A frame of the channel was changed, cut, repeated or left out on its way.
    Tampered = 45, "TAMPERED", 400, Later;
    /// The certificate is revoked, expired, not valid yet, or has no key for this.
    CertificateUnusable = 46, "CERTIFICATE_UNUSABLE", 403, Changed;

    /// The record is not there.
    NoRecord = 60, "NO_RECORD", 404, Later;
    /// The record or the message has expired, or lives longer than allowed.
    Expired = 61, "EXPIRED", 410, Never;
    /// The proof of work beside the record is missing or too weak.
    NoStamp = 62, "NO_STAMP", 402, Changed;
    /// The bytes are not those that the record key names.
    WrongBytes = 63, "WRONG_BYTES", 400, Never;
    /// This seed does not keep records for others.
    Unwilling = 64, "UNWILLING", 403, Never;
    /// The record was released by whoever it was for.
    Released = 65, "RELEASED", 410, Never;
    /// That token does not release the record.
    WrongToken = 66, "WRONG_TOKEN", 403, Never;
    /// Nobody has the record any more, though it has not expired; send the message again.
    Lost = 67, "LOST", 410, Changed;
    /// No link leads closer to the record key, and this seed is not among those closest to it.
    TooFar = 68, "TOO_FAR", 421, Later;

    /// The mailbox of the recipient is full.
    MailboxFull = 80, "MAILBOX_FULL", 507, Later;
    /// The recipient takes no more messages from strangers for now.
    StrangersFull = 81, "STRANGERS_FULL", 507, Later;

    /// The pod cannot be reached.
    PodUnreachable = 100, "POD_UNREACHABLE", 503, Later;
    /// Not connected; what was written is kept and will be sent.
    Offline = 101, "OFFLINE", 503, Later;
    /// The message could not be opened.
    Unreadable = 102, "UNREADABLE", 422, Never;
    /// The passphrase is wrong, or the file is damaged.
    BadPassphrase = 103, "BAD_PASSPHRASE", 403, Changed;
    /// The file holds no identity that can be used here.
    BadIdentity = 104, "BAD_IDENTITY", 400, Changed;
    /// There is no identity here yet.
    NoIdentity = 105, "NO_IDENTITY", 409, Changed;
    /// This page has no secure context; open it over https or on localhost.
    InsecureContext = 106, "INSECURE_CONTEXT", 400, Changed;
    /// This instance met an internal error and stopped; load it again, nothing durable is lost.
    InstanceDead = 107, "INSTANCE_DEAD", 500, Changed;
    /// Another tab of this profile is already this seed.
    AlreadyOpen = 108, "ALREADY_OPEN", 409, Changed;
    /// The seed was closed.
    Closed = 109, "CLOSED", 409, Never;
    /// That was not asked for in the right way.
    Misuse = 110, "MISUSE", 400, Never;
    /// The clocks of the two pods differ too much.
    ClockWrong = 111, "CLOCK_WRONG", 400, Later;
    /// The other pod proved something that does not hold.
    PodDishonest = 112, "POD_DISHONEST", 502, Later;
    /// There is no pod of that name.
    NoSuchPod = 113, "NO_SUCH_POD", 502, Later;
}

impl From<Rejection> for u16 {
    fn from(rejection: Rejection) -> Self {
        rejection.number()
    }
}

impl core::fmt::Display for Rejection {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for Rejection {}
