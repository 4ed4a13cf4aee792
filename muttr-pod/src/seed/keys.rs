//! The key files of a native seed: who the person is, and what the seed is called.
//!
//! They lie beside the database, as a pod's do, and only their owner can read them. The person's
//! key may be locked with a passphrase.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use muttr_core::{keyring::Identity, name::Fingerprint, rejection::Rejection, time::Time};
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::{Failure, claim};
use crate::{folder, secrets};

/// A passphrase read from somewhere; wiped when dropped.
pub type Passphrase = Zeroizing<String>;

/// Makes a new identity and keeps it in the data directory, locked if there is a passphrase.
///
/// # Errors
/// [`Failure::KeyExists`], [`Failure::DataDir`], [`Failure::InUse`],
/// [`Rejection::BadPassphrase`] for one that is too short
pub fn create(data_dir: &Path, passphrase: Option<&str>) -> Result<Fingerprint, Failure> {
    let wall_ms = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall_ms = wall_ms.map_or(0, |wall| {
        u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
    });
    let now = Time {
        mono_ms: 0,
        wall_ms,
    };
    let identity = Identity::generate(&mut OsRng, now)?;
    keep(data_dir, &identity, passphrase)
}

/// Keeps an exported identity in the data directory, locked with the passphrase it came with.
///
/// # Errors
/// The same, and [`Rejection::BadIdentity`] for what is none.
pub fn import(
    data_dir: &Path,
    exported: &[u8],
    passphrase: Option<&str>,
) -> Result<Fingerprint, Failure> {
    let identity = Identity::import(exported, passphrase.unwrap_or_default())?;
    keep(data_dir, &identity, passphrase)
}

fn keep(
    data_dir: &Path,
    identity: &Identity,
    passphrase: Option<&str>,
) -> Result<Fingerprint, Failure> {
    let _lock = claim(data_dir)?;
    let failed = |error| Failure::DataDir(data_dir.to_owned(), error);
    let folder = secrets::folder(data_dir).map_err(failed)?;
    let path = folder.join(secrets::IDENTITY);
    if path.try_exists().map_err(failed)? {
        return Err(Failure::KeyExists(path));
    }
    let bytes = match passphrase {
        None => identity.to_secret(),
        Some(passphrase) => Zeroizing::new(lock(identity, passphrase)?.into_bytes()),
    };
    secrets::write(&path, &bytes).map_err(failed)?;
    folder::sync(&folder).map_err(failed)?;
    Ok(identity.fingerprint())
}

/// An identity as text that is worth nothing without the passphrase.
///
/// # Errors
/// [`Rejection::BadPassphrase`] for one that is too short
pub fn lock(identity: &Identity, passphrase: &str) -> Result<String, Failure> {
    /// As everywhere else where a passphrase is chosen.
    const CHARACTERS_MIN: usize = 8;
    if passphrase.chars().count() < CHARACTERS_MIN {
        return Err(Rejection::BadPassphrase.into());
    }
    Ok(identity.export(&mut OsRng, passphrase)?)
}

/// The identity in the data directory.
///
/// # Errors
/// [`Failure::NoKey`], [`Failure::KeyFile`], [`Failure::DataDir`]
pub fn load(data_dir: &Path, passphrase: Option<&str>) -> Result<Identity, Failure> {
    let path = path(data_dir);
    let bytes = match fs::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::NoKey(data_dir.to_owned()));
        }
        Err(error) => return Err(Failure::DataDir(data_dir.to_owned(), error)),
    };
    Identity::import(&bytes, passphrase.unwrap_or_default())
        .map_err(|code| Failure::KeyFile(path, code))
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(secrets::KEYS).join(secrets::IDENTITY)
}

/// The secret of the seed's libp2p key, made when there is none yet.
pub(super) fn seed_key(data_dir: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    let folder = secrets::folder(data_dir)?;
    let key = secrets::key(&folder.join(secrets::SEED))?;
    folder::sync(&folder)?;
    Ok(key)
}
