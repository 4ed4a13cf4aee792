//! Settings: one list of names, read from flags, the environment and a file.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use muttr_core::name::Host;
use serde::Deserialize;
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt as lines, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::Failure;

mod stun;

pub use stun::Stun;

/// Everything that can be set. A name is the same everywhere: `data_dir` in the file is
/// `--data-dir` on the command line and `MUTTR_DATA_DIR` in the environment; a flag outranks the
/// environment, which outranks the file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name the pod goes by, with its port when it is not 443 [default: localhost:PORT].
    #[arg(long, env = "MUTTR_HOST", value_name = "NAME[:PORT]")]
    pub host: Option<String>,
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, env = "MUTTR_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Where STUN is answered over UDP, by which tabs find ways to each other: an address with
    /// port, or a port beside the page, 0 for a free one; or off [default: 3478, beside the page].
    #[arg(long, env = "MUTTR_STUN", value_name = "ADDRESS:PORT|PORT|off")]
    pub stun: Option<Stun>,
    /// Folder for the keys and the database [default: muttr-data].
    #[arg(long, env = "MUTTR_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// How much is logged about the pod itself [default: info].
    #[arg(long, env = "MUTTR_LOG", value_name = "LEVEL")]
    pub log: Option<LogLevel>,
    /// How the log is written [default: text].
    #[arg(long, env = "MUTTR_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Bytes the database may take [default: as many as the disk has].
    #[arg(long, env = "MUTTR_DATABASE_BYTES_MAX", value_name = "BYTES")]
    pub database_bytes_max: Option<u64>,
    /// Bytes of records kept [default: 8 GiB].
    #[arg(long, env = "MUTTR_RECORD_BYTES_MAX", value_name = "BYTES")]
    pub record_bytes_max: Option<u64>,
    /// Notifications from strangers that a mailbox keeps [default: 200].
    #[arg(long, env = "MUTTR_MAILBOX_STRANGERS_MAX", value_name = "NUMBER")]
    pub mailbox_strangers_max: Option<usize>,
    /// Notifications that a mailbox keeps altogether [default: 10000].
    #[arg(long, env = "MUTTR_MAILBOX_ENTRIES_MAX", value_name = "NUMBER")]
    pub mailbox_entries_max: Option<usize>,
    /// Bytes of records that a mailbox keeps from expiring early [default: 64 MiB].
    #[arg(long, env = "MUTTR_MAILBOX_BYTES_MAX", value_name = "BYTES")]
    pub mailbox_bytes_max: Option<u64>,
    /// Changing requests that a person may make at once.
    #[arg(long, env = "MUTTR_CHANGES_BURST", value_name = "NUMBER")]
    pub changes_burst: Option<u32>,
    /// Changing requests a second that a person may go on with.
    #[arg(long, env = "MUTTR_CHANGES_PER_S", value_name = "NUMBER")]
    pub changes_per_s: Option<u32>,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What stopped the pod or may lose something.
    Error,
    /// What somebody should look at.
    Warn,
    /// Start, stop and figures.
    #[default]
    Info,
    /// Every link and channel, by number.
    Debug,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name, if it was given; otherwise it follows from the port.
    pub host: Option<Host>,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to answer STUN, if it was given; otherwise it follows from where it listens.
    pub stun: Option<Stun>,
    /// Where keys and database lie.
    pub data_dir: PathBuf,
    /// What the database may take.
    pub database_bytes_max: Option<u64>,
    /// What records may take.
    pub record_bytes_max: Option<u64>,
    /// What mailboxes and people are granted.
    pub quotas: Quotas,
}

/// Quotas that differ from the protocol's limits; `None` leaves the limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// Notifications from strangers in a mailbox.
    pub mailbox_strangers_max: Option<usize>,
    /// Notifications in a mailbox.
    pub mailbox_entries_max: Option<usize>,
    /// Bytes of records that a mailbox pins.
    pub mailbox_bytes_max: Option<u64>,
    /// Changing requests at once.
    pub changes_burst: Option<u32>,
    /// Changing requests a second.
    pub changes_per_s: Option<u32>,
}

/// What is wrong with the settings, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadConfig(String);

impl fmt::Display for BadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadConfig {}

impl From<BadConfig> for Failure {
    fn from(why: BadConfig) -> Self {
        Self::Config(why.0)
    }
}

impl Settings {
    /// Reads a file's text.
    ///
    /// # Errors
    /// A sentence with the line, for what is no TOML, for names that are no settings and for
    /// values of another kind.
    pub fn parse(toml: &str) -> Result<Self, BadConfig> {
        toml::from_str(toml).map_err(|error| BadConfig(error.to_string().trim_end().to_owned()))
    }

    /// These settings, and where they are silent those of the file at this path, if any.
    ///
    /// # Errors
    /// A sentence that names the file, when it cannot be read or is wrong.
    pub fn with_file(self, path: Option<&Path>) -> Result<Self, BadConfig> {
        let Some(path) = path else { return Ok(self) };
        let named = |why: String| BadConfig(format!("{}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
        Ok(self.or(Self::parse(&text).map_err(|why| named(why.0))?))
    }

    /// These settings, and where they are silent those of `file`.
    #[must_use]
    pub fn or(self, file: Self) -> Self {
        Self {
            host: self.host.or(file.host),
            listen: self.listen.or(file.listen),
            stun: self.stun.or(file.stun),
            data_dir: self.data_dir.or(file.data_dir),
            log: self.log.or(file.log),
            log_format: self.log_format.or(file.log_format),
            database_bytes_max: self.database_bytes_max.or(file.database_bytes_max),
            record_bytes_max: self.record_bytes_max.or(file.record_bytes_max),
            mailbox_strangers_max: self.mailbox_strangers_max.or(file.mailbox_strangers_max),
            mailbox_entries_max: self.mailbox_entries_max.or(file.mailbox_entries_max),
            mailbox_bytes_max: self.mailbox_bytes_max.or(file.mailbox_bytes_max),
            changes_burst: self.changes_burst.or(file.changes_burst),
            changes_per_s: self.changes_per_s.or(file.changes_per_s),
        }
    }

    /// Checks them and fills in the defaults.
    ///
    /// # Errors
    /// A sentence, when the host is no host.
    pub fn finish(self) -> Result<Config, BadConfig> {
        let host = self.host.map(|host| {
            let bad = "is not a name a pod can go by; write it like pod.example or localhost:8080";
            host.parse()
                .map_err(|_| BadConfig(format!("host: \"{host}\" {bad}")))
        });
        Ok(Config {
            host: host.transpose()?,
            listen: self
                .listen
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            stun: self.stun,
            data_dir: self.data_dir.unwrap_or_else(|| "muttr-data".into()),
            database_bytes_max: self.database_bytes_max,
            record_bytes_max: self.record_bytes_max,
            quotas: Quotas {
                mailbox_strangers_max: self.mailbox_strangers_max,
                mailbox_entries_max: self.mailbox_entries_max,
                mailbox_bytes_max: self.mailbox_bytes_max,
                changes_burst: self.changes_burst,
                changes_per_s: self.changes_per_s,
            },
        })
    }
}

/// Logs to stderr from here on. Of the crates below only what somebody should look at is logged:
/// what they say in detail may hold what passes through them.
pub fn log(settings: &Settings) {
    let level = match settings.log.unwrap_or_default() {
        LogLevel::Off => return,
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
    };
    let targets = Targets::new()
        .with_default(level.min(tracing::Level::WARN))
        .with_target("muttr_pod", level)
        .with_target("muttr_net", level);
    let lines = lines::layer().with_writer(io::stderr);
    let layer = match settings.log_format.unwrap_or_default() {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    // Fails when somebody logs already, as tests do.
    let _ = tracing_subscriber::registry()
        .with(layer.with_filter(targets))
        .try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_outranks_the_file() {
        let file = "host = 'oak.example'\nlisten = '0.0.0.0:443'\nlog = 'debug'";
        let flags = Settings {
            host: Some("elm.example".into()),
            ..Settings::default()
        };
        let settings = flags.or(Settings::parse(file).expect("good"));
        assert_eq!(settings.log, Some(LogLevel::Debug));
        let config = settings.finish().expect("good");
        assert_eq!(config.host.expect("given").as_str(), "elm.example");
        assert_eq!(config.listen.port(), 443);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let unknown = Settings::parse("hosst = 'oak'")
            .expect_err("no such name")
            .to_string();
        assert!(
            unknown.contains("line 1") && unknown.contains("unknown field `hosst`"),
            "{unknown}"
        );
        let kind = Settings::parse("listen = 80")
            .expect_err("a number")
            .to_string();
        assert!(kind.contains("listen"), "{kind}");
        let host = Settings {
            host: Some("no host".into()),
            ..Settings::default()
        };
        assert!(
            host.finish()
                .expect_err("no host")
                .to_string()
                .contains("\"no host\"")
        );
    }
}
