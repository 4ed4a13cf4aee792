//! Why a pod does not start, or stopped.

use std::{fmt, io, path::PathBuf};

/// A failure of the world around a pod; each has its exit code.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The settings are wrong.
    Config(String),
    /// Nothing can listen at that address.
    Listen(std::net::SocketAddr, io::Error),
    /// The data directory cannot be used, or another pod is using it.
    DataDir(PathBuf, io::Error),
    /// The database cannot be opened.
    Database(PathBuf, Box<dyn std::error::Error + Send + Sync>),
    /// The key files are there and cannot be used.
    Keys(io::Error),
    /// It stopped by itself, which is a defect of this program.
    Stopped,
}

impl Failure {
    /// The exit code of the process; 0 is a clean stop.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Stopped => 1,
            Self::Config(_) => 2,
            Self::Listen(..) => 3,
            Self::DataDir(..) | Self::Database(..) | Self::Keys(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(why) => f.write_str(why),
            Self::Listen(address, error) => write!(f, "cannot listen at {address}: {error}"),
            Self::DataDir(path, error) if error.kind() == io::ErrorKind::WouldBlock => {
                write!(
                    f,
                    "another pod is using the data directory {}",
                    path.display()
                )
            }
            Self::DataDir(path, error) => {
                write!(
                    f,
                    "cannot use the data directory {}: {error}",
                    path.display()
                )
            }
            Self::Database(path, error) => {
                write!(f, "cannot open the database {}: {error}", path.display())
            }
            Self::Keys(error) => {
                write!(
                    f,
                    "cannot use the key files in the data directory's keys folder: {error}"
                )
            }
            Self::Stopped => f.write_str("the pod stopped by itself; please report its last lines"),
        }
    }
}

impl std::error::Error for Failure {}
