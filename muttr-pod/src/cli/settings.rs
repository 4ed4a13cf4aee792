//! What every command is told: where the seed lives, who its pod is, how to speak.

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use muttr_core::keyring::Identity;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};
use zeroize::Zeroizing;

use super::trouble::Trouble;
use crate::{
    config::{self, LogLevel},
    seed::{Config, Failure, PodUrl, Running, keys, start},
};

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Folder of this seed: its keys and its database [default: ~/.local/share/muttr].
    #[arg(long, global = true, env = "MUTTR_SEED_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The pod: http or https, without TLS only on this machine. Again for more pods, which only
    /// help to find other seeds [default: the pod of the last time].
    #[arg(
        long,
        global = true,
        env = "MUTTR_POD",
        value_name = "URL",
        value_delimiter = ','
    )]
    pod: Vec<PodUrl>,
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// First line: the passphrase that locks the key.
    #[arg(
        long,
        global = true,
        env = "MUTTR_PASSPHRASE_FILE",
        value_name = "FILE"
    )]
    passphrase_file: Option<PathBuf>,
    /// How long a command that ends by itself may take.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
    /// Let other seeds connect here, over WebSockets without TLS.
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Hide this machine's address from other seeds; the pod does everything in its stead.
    #[arg(long, global = true, conflicts_with = "listen")]
    hide_address: bool,
    /// How much is logged to stderr, never about messages or people [default: error].
    #[arg(long, global = true, env = "MUTTR_LOG", value_name = "LEVEL")]
    log: Option<LogLevel>,
}

/// What a command needs of the world.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The pod, now.
    Online,
    /// The pod, sooner or later.
    Patient,
    /// Nobody.
    Offline,
}

impl Settings {
    pub(super) fn log(&self) {
        config::log(&config::Settings {
            log: Some(self.log.unwrap_or(LogLevel::Error)),
            ..config::Settings::default()
        });
    }

    pub(super) fn data_dir(&self) -> Result<PathBuf, Trouble> {
        if let Some(data_dir) = &self.data_dir {
            return Ok(data_dir.clone());
        }
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let home = || set("HOME").map(|home| Path::new(&home).join(".local/share"));
        let folder = set("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
        let folder = folder.ok_or(Trouble::Usage("which folder? name it with --data-dir"))?;
        Ok(folder.join("muttr"))
    }

    /// The passphrase, if a file was named.
    pub(super) fn passphrase(&self) -> Result<Option<Zeroizing<String>>, Trouble> {
        let Some(path) = &self.passphrase_file else {
            return Ok(None);
        };
        let text = fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|error| Trouble::File(path.clone(), error))?;
        let line = text.lines().next().unwrap_or_default();
        Ok(Some(Zeroizing::new(line.to_owned())))
    }

    /// The person's key.
    pub(super) fn identity(&self) -> Result<Identity, Trouble> {
        let passphrase = self.passphrase()?;
        let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_str());
        Ok(keys::load(&self.data_dir()?, passphrase)?)
    }

    /// Starts the person's seed.
    pub(super) async fn open(&self, reach: Reach, keep: Option<u64>) -> Result<Running, Trouble> {
        let identity = match reach {
            // Who only looks needs no key.
            Reach::Offline => None,
            Reach::Online | Reach::Patient => Some(self.identity()?),
        };
        self.open_as(identity, reach, keep).await
    }

    /// Starts a seed of whoever it is, or of nobody.
    pub(super) async fn open_as(
        &self,
        identity: Option<Identity>,
        reach: Reach,
        keep_bytes_max: Option<u64>,
    ) -> Result<Running, Trouble> {
        let config = Config {
            keep_bytes_max,
            hidden: self.hide_address,
            listen: self.listen,
            offline: reach == Reach::Offline,
            ..Config::new(self.data_dir()?, self.pod.clone(), identity)
        };
        if reach != Reach::Offline {
            self.say("connecting to the pod");
        }
        let seed = start(config).await?;
        if reach != Reach::Online {
            return Ok(seed);
        }
        let online = self.in_time("reaching the pod", seed.online()).await;
        if let Err(trouble) = online {
            seed.stop().await;
            return Err(trouble);
        }
        self.say("connected");
        Ok(seed)
    }

    /// Waits as long as the person wants to wait.
    pub(super) async fn in_time<T>(
        &self,
        what: &'static str,
        done: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Trouble> {
        let patience = Duration::from_secs(self.timeout);
        let late = |_| Failure::TimedOut(what);
        Ok(timeout(patience, done).await.map_err(late)??)
    }

    /// Tells somebody who sits at a terminal what goes on; says nothing in a pipe.
    pub(super) fn say(&self, what: &str) {
        if !self.json && io::stderr().is_terminal() {
            eprintln!("{what} …");
        }
    }
}

/// Resolves when the process is told to end.
pub(super) async fn told_to_end() -> Result<(), Trouble> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Trouble::Pipe)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Trouble::Pipe)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
