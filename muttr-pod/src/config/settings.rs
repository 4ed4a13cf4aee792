//! The list of settings.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Deserialize;

use super::{BadConfig, LogFormat, LogLevel, PodName, Stun};

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
    /// Notifications that a person may ask for at once [default: 20].
    #[arg(long, env = "MUTTR_NOTIFY_BURST", value_name = "NUMBER")]
    pub notify_burst: Option<u32>,
    /// Notifications a minute that a person may go on with [default: 120].
    #[arg(long, env = "MUTTR_NOTIFY_PER_MINUTE", value_name = "NUMBER")]
    pub notify_per_minute: Option<u32>,
    /// Notifications that another pod may hand over at once [default: 1024].
    #[arg(long, env = "MUTTR_HANDOVERS_BURST", value_name = "NUMBER")]
    pub handovers_burst: Option<u32>,
    /// Notifications a second that another pod may go on with [default: 256].
    #[arg(long, env = "MUTTR_HANDOVERS_PER_S", value_name = "NUMBER")]
    pub handovers_per_s: Option<u32>,
    /// Notifications kept for other pods until those take them [default: 262144].
    #[arg(long, env = "MUTTR_OUTGOING_MAX", value_name = "NUMBER")]
    pub outgoing_max: Option<usize>,
    /// And of one person [default: 1000].
    #[arg(long, env = "MUTTR_OUTGOING_PER_PERSON_MAX", value_name = "NUMBER")]
    pub outgoing_per_person_max: Option<usize>,
    /// Seconds between two looks at a record that a person had the pod keep: who holds it, and
    /// whether it has to be placed again [default: 3600].
    #[arg(long, env = "MUTTR_WATCH_S", value_name = "SECONDS")]
    pub watch_s: Option<u32>,
    /// Records that are watched over like this [default: 1048576].
    #[arg(long, env = "MUTTR_WATCHED_MAX", value_name = "NUMBER")]
    pub watched_max: Option<usize>,
    /// And of one person [default: 8192].
    #[arg(long, env = "MUTTR_WATCHED_PER_PERSON_MAX", value_name = "NUMBER")]
    pub watched_per_person_max: Option<usize>,
    /// Channels and links that one address may open at once; an address is an IPv4 address or an
    /// IPv6 network of 64 bits [default: 4096].
    #[arg(long, env = "MUTTR_ADDRESS_SOCKETS_BURST", value_name = "NUMBER")]
    pub address_sockets_burst: Option<u32>,
    /// Channels and links a second that one address may go on with [default: 64].
    #[arg(long, env = "MUTTR_ADDRESS_SOCKETS_PER_S", value_name = "NUMBER")]
    pub address_sockets_per_s: Option<u32>,
    /// Aliases that one address may look up at once [default: 1024].
    #[arg(long, env = "MUTTR_ADDRESS_LOOKUPS_BURST", value_name = "NUMBER")]
    pub address_lookups_burst: Option<u32>,
    /// Aliases a second that one address may go on with [default: 32].
    #[arg(long, env = "MUTTR_ADDRESS_LOOKUPS_PER_S", value_name = "NUMBER")]
    pub address_lookups_per_s: Option<u32>,
    /// Notifications that one address may hand over at once [default: 4096].
    #[arg(long, env = "MUTTR_ADDRESS_HANDOVERS_BURST", value_name = "NUMBER")]
    pub address_handovers_burst: Option<u32>,
    /// Notifications a second that one address may go on with [default: 512].
    #[arg(long, env = "MUTTR_ADDRESS_HANDOVERS_PER_S", value_name = "NUMBER")]
    pub address_handovers_per_s: Option<u32>,
    /// Another pod to get acquainted with; may be given several times.
    #[arg(
        long,
        env = "MUTTR_KNOWN_POD",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub known_pod: Option<Vec<PodName>>,
    /// Deal with this pod, and with none that is not named so; may be given several times.
    #[arg(
        long,
        env = "MUTTR_ALLOW_POD",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub allow_pod: Option<Vec<PodName>>,
    /// Do not deal with this pod; may be given several times.
    #[arg(
        long,
        env = "MUTTR_DENY_POD",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub deny_pod: Option<Vec<PodName>>,
    /// Where figures for Prometheus are served [default: nowhere].
    #[arg(long, env = "MUTTR_METRICS", value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
    /// For tests only: reach other pods on this machine, over http and at any port.
    #[arg(
        long,
        env = "MUTTR_INSECURE_LOOPBACK_FEDERATION",
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub insecure_loopback_federation: Option<bool>,
}

/// Each of these settings from `$first`, or else from `$second`.
macro_rules! or {
    ($first:ident, $second:ident: $($name:ident,)*) => {
        Self { $($name: $first.$name.or($second.$name),)* }
    };
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
        or! { self, file:
            host,
            listen,
            stun,
            data_dir,
            log,
            log_format,
            database_bytes_max,
            record_bytes_max,
            mailbox_strangers_max,
            mailbox_entries_max,
            mailbox_bytes_max,
            changes_burst,
            changes_per_s,
            notify_burst,
            notify_per_minute,
            handovers_burst,
            handovers_per_s,
            outgoing_max,
            outgoing_per_person_max,
            watch_s,
            watched_max,
            watched_per_person_max,
            address_sockets_burst,
            address_sockets_per_s,
            address_lookups_burst,
            address_lookups_per_s,
            address_handovers_burst,
            address_handovers_per_s,
            known_pod,
            allow_pod,
            deny_pod,
            metrics,
            insecure_loopback_federation,
        }
    }
}
