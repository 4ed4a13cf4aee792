//! `muttr key`: the key that is the person.

use std::{fs, io::Read as _, path::PathBuf};

use clap::{Args, Subcommand};
use muttr_core::limit;
use zeroize::Zeroizing;

use super::{output::Output, settings::Settings, trouble::Trouble};
use crate::{secrets, seed::keys};

const EXAMPLES: &str = "\
Examples:
  muttr key create
  muttr --passphrase-file secret key create
  muttr --passphrase-file secret key export --output alice.asc
  muttr --passphrase-file secret --data-dir elsewhere key import alice.asc";

/// See [`Verb`].
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Key {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a key. It asks nothing; with --passphrase-file it is kept locked.
    Create,
    /// Bring a key that was exported here or in a browser.
    Import {
        /// The exported key; - reads it from stdin.
        file: PathBuf,
    },
    /// Write the key, locked with the passphrase in --passphrase-file.
    Export {
        /// Write it to this file, which must not be there yet, and not to stdout.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show the fingerprint.
    Show,
}

impl Key {
    pub(super) fn run(self, settings: &Settings, output: &Output) -> Result<(), Trouble> {
        let data_dir = settings.data_dir()?;
        let passphrase = settings.passphrase()?;
        let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_str());
        let fingerprint = match self.verb {
            Verb::Create => keys::create(&data_dir, passphrase)?,
            Verb::Import { file } => keys::import(&data_dir, &read(&file)?, passphrase)?,
            Verb::Show => settings.identity()?.fingerprint(),
            Verb::Export { output: path } => {
                let needed = "a key leaves only locked: say --passphrase-file FILE";
                let passphrase = passphrase.ok_or(Trouble::Usage(needed))?;
                let locked = keys::lock(&settings.identity()?, passphrase)?;
                return match path {
                    None => output.raw(locked.as_bytes()),
                    Some(path) => write(path, locked.as_bytes()),
                };
            }
        };
        let fingerprint = fingerprint.to_string();
        output.person(None, &fingerprint, &format!("fingerprint {fingerprint}"))
    }
}

fn read(path: &PathBuf) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    // One more than there can be, so that too much is noticed and not cut off.
    let bound = u64::try_from(limit::IDENTITY_BYTES_MAX).unwrap_or(u64::MAX) + 1;
    let mut bytes = Zeroizing::new(Vec::new());
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().take(bound).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(bound).read_to_end(&mut bytes))
    };
    read.map_err(|error| Trouble::File(path.clone(), error))?;
    Ok(bytes)
}

fn write(path: PathBuf, bytes: &[u8]) -> Result<(), Trouble> {
    let written = match path.try_exists() {
        Ok(true) => Err(std::io::ErrorKind::AlreadyExists.into()),
        Ok(false) => secrets::write(&path, bytes),
        Err(error) => Err(error),
    };
    written.map_err(|error| Trouble::File(path, error))
}
