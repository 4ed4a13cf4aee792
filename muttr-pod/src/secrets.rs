//! What a pod must never lose nor show: three key files, made at the first start.
//!
//! They lie beside the database and not in it, so that a copy of the database gives away
//! neither the pod's name nor its channels.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use muttr_core::{keyring::Identity, time::Time};
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroizing;

use crate::folder;

/// The folder, inside the data directory.
pub(crate) const KEYS: &str = "keys";
/// The OpenPGP identity: a transferable secret key (RFC 9580, section 10.2), a pod's unprotected.
pub(crate) const IDENTITY: &str = "identity.pgp";
/// The X25519 secret of the channel, 32 bytes.
const NOISE: &str = "noise.key";
/// The Ed25519 secret of the seed id, 32 bytes.
pub(crate) const SEED: &str = "seed.key";

/// A pod's secrets.
pub(crate) struct Secrets {
    pub(crate) identity: Identity,
    pub(crate) noise: Zeroizing<[u8; 32]>,
    pub(crate) seed: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Reads the key files, making those that are not there.
    pub(crate) fn load(data_dir: &Path, now: Time) -> io::Result<Self> {
        let folder = folder(data_dir)?;
        let identity = read_or_make(&folder.join(IDENTITY), || {
            let identity = Identity::generate(&mut OsRng, now).map_err(io::Error::other)?;
            Ok(identity.to_secret())
        })?;
        let identity = Identity::from_secret(&identity)
            .map_err(|why| io::Error::new(io::ErrorKind::InvalidData, why))?;
        let (noise, seed) = (key(&folder.join(NOISE))?, key(&folder.join(SEED))?);
        folder::sync(&folder)?;
        Ok(Self {
            identity,
            noise,
            seed,
        })
    }
}

/// The folder with the key files, made if need be.
pub(crate) fn folder(data_dir: &Path) -> io::Result<PathBuf> {
    let folder = data_dir.join(KEYS);
    folder::make(&folder)?;
    Ok(folder)
}

/// A secret of 32 bytes, drawn when it is not there.
pub(crate) fn key(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    let bytes = read_or_make(path, || {
        let mut bytes = Zeroizing::new(vec![0; 32]);
        OsRng.fill_bytes(&mut bytes);
        Ok(bytes)
    })?;
    let key: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(Zeroizing::new(key))
}

fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
) -> io::Result<Zeroizing<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read.map(Zeroizing::new),
    }
    let bytes = make()?;
    write(path, &bytes)?;
    Ok(bytes)
}

/// A file is whole or not there: it is written under another name, synced, then renamed. Nobody
/// but its owner can read it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}
