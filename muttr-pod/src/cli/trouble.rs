//! What went wrong, as a sentence, a code of the protocol's list and an exit code.

use std::{fmt, io, path::PathBuf};

use muttr_core::{name::Alias, rejection::Rejection};

use crate::seed::Failure;

/// Why a command did not do what it is for.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The seed says why.
    Seed(Failure),
    /// An alias has to be registered first.
    NoAlias,
    /// The command line asks for something that makes no sense.
    Usage(&'static str),
    /// A file named on the command line cannot be read or written.
    File(PathBuf, io::Error),
    /// stdin or stdout failed.
    Pipe(io::Error),
    /// Whoever reads stdout has gone.
    Closed,
    /// The recipient has moved, and says where to.
    Moved(Alias, Alias),
    /// The number or fingerprint that was compared is another one.
    Differs(Alias),
    /// It is kept here, and not with the recipient's pod yet.
    Queued(Rejection),
    /// It is kept here; nothing is known of what is in the way.
    QueuedSilently,
    /// The bot's command cannot be run.
    Exec(io::Error),
}

impl Trouble {
    pub(super) const fn code(&self) -> Rejection {
        match self {
            Self::Seed(failure) => failure.code(),
            Self::NoAlias => Rejection::AliasRequired,
            Self::Usage(_) | Self::File(..) | Self::Exec(_) => Rejection::Misuse,
            Self::Pipe(_) => Rejection::StorageFailed,
            Self::Closed => Rejection::Closed,
            Self::Moved(..) => Rejection::Moved,
            Self::Differs(_) => Rejection::KeyChanged,
            Self::Queued(why) => *why,
            Self::QueuedSilently => Rejection::TimedOut,
        }
    }

    /// One for each class; they are documented in the README and in `--help`.
    pub(super) const fn exit_code(&self) -> u8 {
        match self.code() {
            Rejection::Closed | Rejection::InstanceDead => 1,
            Rejection::Misuse => 2,
            Rejection::PodUnreachable | Rejection::Offline => 3,
            Rejection::StorageFailed | Rejection::Full => 4,
            Rejection::NoIdentity | Rejection::BadIdentity | Rejection::BadPassphrase => 5,
            Rejection::AliasRequired => 6,
            Rejection::TimedOut => 7,
            Rejection::AlreadyOpen => 9,
            Rejection::NoSuchPod => 10,
            Rejection::Moved => 11,
            Rejection::KeyChanged | Rejection::PodKeyChanged => 12,
            Rejection::MailboxFull | Rejection::StrangersFull => 13,
            Rejection::ClockWrong => 14,
            _ => 8,
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(Rejection::AliasRequired) => Self::NoAlias,
            failure => Self::Seed(failure),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(failure) => failure.fmt(f),
            Self::NoAlias => {
                f.write_str("there is no alias yet; take one with `muttr register LABEL`")
            }
            Self::Usage(why) => f.write_str(why),
            Self::File(path, error) => write!(f, "cannot use the file {}: {error}", path.display()),
            Self::Pipe(error) => write!(f, "standard input or output failed: {error}"),
            Self::Closed => f.write_str("nobody reads the output"),
            Self::Moved(from, to) => write!(
                f,
                "{from} has moved to {to}; write to them there, for nothing is passed on"
            ),
            Self::Differs(alias) => write!(
                f,
                "that is not the key of {alias} as it is known here: somebody may sit between you"
            ),
            Self::Queued(why) => {
                let why = why.sentence().trim_end_matches('.');
                write!(
                    f,
                    "it could not be sent yet: {why}. It is kept here and goes out the next time \
                     this seed runs"
                )
            }
            Self::QueuedSilently => f.write_str(
                "the recipient's pod has not taken it yet; it is kept here and goes out the next \
                 time this seed runs",
            ),
            Self::Exec(error) => write!(f, "the command cannot be run: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_failure_has_its_exit_code() {
        let of = |code| Trouble::from(Failure::Refused(code)).exit_code();
        assert_eq!(of(Rejection::Misuse), 2);
        assert_eq!(of(Rejection::Offline), 3);
        assert_eq!(of(Rejection::StorageFailed), 4);
        assert_eq!(of(Rejection::NoIdentity), 5);
        assert_eq!(of(Rejection::AliasRequired), 6);
        assert_eq!(of(Rejection::TimedOut), 7);
        assert_eq!(of(Rejection::AliasTaken), 8);
        assert_eq!(of(Rejection::AlreadyOpen), 9);
        assert_eq!(of(Rejection::NoSuchPod), 10);
        assert_eq!(of(Rejection::Moved), 11);
        assert_eq!(of(Rejection::KeyChanged), 12);
        assert_eq!(of(Rejection::StrangersFull), 13);
        assert_eq!(of(Rejection::ClockWrong), 14);
        for code in Rejection::ALL {
            assert!((1..=14).contains(&of(*code)), "{code}");
        }
    }
}
