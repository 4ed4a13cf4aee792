//! Why something that was asked of a native seed did not come about.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

use muttr_core::{name::Alias, rejection::Rejection};

/// One sentence and one code of the protocol's list for each way to fail.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The machine, the pod or a recipient's pod said no.
    Refused(Rejection),
    /// That is not how a pod is written.
    PodUrl(String),
    /// No pod was named, and none was ever used with the data directory.
    NoPod,
    /// The data directory is used with another pod.
    OtherPod {
        /// The pod it is used with.
        home: String,
        /// The one that was asked for.
        asked: String,
    },
    /// Nothing answers there.
    Unreachable(String, io::Error),
    /// What answers there does not describe itself as a pod does.
    NotAPod(String),
    /// Nothing can listen at that address.
    Listen(SocketAddr, io::Error),
    /// The data directory cannot be used.
    DataDir(PathBuf, io::Error),
    /// Another process uses the data directory.
    InUse(PathBuf),
    /// The data directory is a pod's.
    OfAPod(PathBuf),
    /// The database cannot be opened or read.
    Database(PathBuf, Box<dyn std::error::Error + Send + Sync>),
    /// A key file is there and cannot be used.
    KeyFile(PathBuf, Rejection),
    /// There is a key already, and it is not written over.
    KeyExists(PathBuf),
    /// There is no key yet.
    NoKey(PathBuf),
    /// Nothing was ever exchanged with them, so there is nothing to judge.
    NotAContact(Alias),
    /// It was not done in the time given.
    TimedOut(&'static str),
    /// The seed was stopped, or stopped by itself.
    Stopped,
}

impl Failure {
    /// Its code in the protocol's list.
    #[must_use]
    pub const fn code(&self) -> Rejection {
        match self {
            Self::Refused(code) | Self::KeyFile(_, code) => *code,
            Self::PodUrl(_) | Self::NoPod | Self::OtherPod { .. } | Self::KeyExists(_) => {
                Rejection::Misuse
            }
            Self::Unreachable(..) | Self::NotAPod(_) => Rejection::PodUnreachable,
            Self::Listen(..) | Self::DataDir(..) | Self::OfAPod(_) | Self::Database(..) => {
                Rejection::StorageFailed
            }
            Self::InUse(_) => Rejection::AlreadyOpen,
            Self::NoKey(_) => Rejection::NoIdentity,
            Self::NotAContact(_) => Rejection::NotFound,
            Self::TimedOut(_) => Rejection::TimedOut,
            Self::Stopped => Rejection::Closed,
        }
    }
}

impl From<Rejection> for Failure {
    fn from(code: Rejection) -> Self {
        Self::Refused(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Written for the page.
            Self::Refused(Rejection::AlreadyOpen) => {
                f.write_str("another process is already this seed")
            }
            Self::Refused(code) => f.write_str(code.sentence().trim_end_matches('.')),
            Self::PodUrl(url) => write!(
                f,
                "\"{url}\" is no address of a pod; write it like https://pod.example, or \
                 http://localhost:8080 for one on this machine (without TLS no other is talked to)"
            ),
            Self::NoPod => f.write_str(
                "which pod? name it with --pod; the data directory remembers it from then on",
            ),
            Self::OtherPod { home, asked } => write!(
                f,
                "this data directory is used with the pod {home}, not {asked}; give each pod \
                 a data directory of its own"
            ),
            Self::Unreachable(url, error) => write!(f, "cannot reach the pod {url}: {error}"),
            Self::NotAPod(url) => write!(f, "{url} answers, but not as a Muttr pod does"),
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::DataDir(path, error) => {
                let path = path.display();
                write!(f, "cannot use the data directory {path}: {error}")
            }
            Self::InUse(path) => {
                let path = path.display();
                write!(f, "another process uses the data directory {path}")
            }
            Self::OfAPod(path) => {
                let path = path.display();
                write!(f, "{path} is the data directory of a pod")
            }
            Self::Database(path, error) => {
                let path = path.display();
                write!(f, "cannot use the database {path}: {error}")
            }
            Self::KeyFile(path, code) => {
                let why = code.sentence().trim_end_matches('.');
                write!(f, "cannot use the key {}: {why}", path.display())
            }
            Self::KeyExists(path) => write!(
                f,
                "there is a key already, {}, and it is not written over",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "there is no key in {} yet; make one with `muttr key create`",
                path.display()
            ),
            Self::NotAContact(alias) => write!(
                f,
                "no message was ever exchanged with {alias}; write to them first"
            ),
            Self::TimedOut(what) => write!(f, "{what} took too long"),
            Self::Stopped => f.write_str("the seed has stopped"),
        }
    }
}

impl std::error::Error for Failure {}
