//! Settings: one list of names, read from flags, the environment and a file.

use std::{fmt, net::SocketAddr, path::PathBuf};

use muttr_core::{name::Host, pod::Policy};

use crate::{
    Failure,
    reach::{Reach, is_local},
    store::sqlite::Commit,
};

mod log;
mod pods;
mod quotas;
mod settings;
mod stun;

pub use crate::allowance::Rate;
pub use log::{LogFormat, LogLevel, log};
pub use pods::PodName;
pub use quotas::{Quotas, Rates};
pub use settings::Settings;
pub use stun::Stun;

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
    /// When something counts as kept. There is no setting for it.
    pub commit: Commit,
    /// What records may take.
    pub record_bytes_max: Option<u64>,
    /// What mailboxes, people and other pods are granted.
    pub quotas: Quotas,
    /// What one address is granted over HTTP.
    pub rates: Rates,
    /// How far it reaches out to other pods.
    pub reach: Reach,
    /// Other pods that it knows from the beginning.
    pub known_pods: Vec<Host>,
    /// Which other pods it deals with.
    pub policy: Policy,
    /// Where figures are served, if anywhere.
    pub metrics: Option<SocketAddr>,
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
    /// Checks them and fills in the defaults.
    ///
    /// # Errors
    /// A sentence, when the host is no host, or a known pod cannot be reached.
    pub fn finish(self) -> Result<Config, BadConfig> {
        let (quotas, rates) = (Quotas::of(&self), Rates::of(&self));
        let reach = match self.insecure_loopback_federation {
            Some(true) => Reach::Loopback,
            _ => Reach::Guarded,
        };
        let known_pods = pods::hosts(self.known_pod);
        let local = known_pods.iter().find(|host| is_local(host));
        if let (Reach::Guarded, Some(local)) = (reach, local) {
            return Err(BadConfig(format!(
                "known_pod: {local} is on this machine, which insecure_loopback_federation allows"
            )));
        }
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
            commit: Commit::Synced,
            record_bytes_max: self.record_bytes_max,
            quotas,
            rates,
            reach,
            known_pods,
            policy: Policy {
                allow: pods::hosts(self.allow_pod),
                deny: pods::hosts(self.deny_pod),
            },
            metrics: self.metrics,
        })
    }
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

    #[test]
    fn lists_and_switches_are_set_in_a_file_too() {
        let file = "known_pod = ['http://localhost:1', 'https://oak.example']\n\
            deny_pod = ['elm.example']\ninsecure_loopback_federation = true\n\
            outgoing_max = 7\naddress_lookups_burst = 3";
        let settings = Settings::parse(file).expect("good");
        let config = settings.clone().finish().expect("good");
        let known: Vec<_> = config.known_pods.iter().map(Host::as_str).collect();
        assert_eq!(known, ["localhost:1", "oak.example"]);
        assert!(
            !config
                .policy
                .admits(&"elm.example".parse().expect("a host"))
        );
        assert!(
            config
                .policy
                .admits(&"oak.example".parse().expect("a host"))
        );
        assert_eq!(config.reach, Reach::Loopback);
        assert_eq!(
            config
                .quotas
                .over(muttr_core::pod::Quotas::default())
                .outgoing_max,
            7
        );
        assert_eq!(config.rates.lookups.burst, 3);
        // A list of flags replaces that of the file.
        let flags = Settings {
            known_pod: Some(vec!["https://ash.example".parse().expect("good")]),
            insecure_loopback_federation: Some(false),
            ..Settings::default()
        };
        let config = flags.or(settings.clone()).finish().expect("good");
        assert_eq!((config.known_pods.len(), config.reach), (1, Reach::Guarded));
        let guarded = Settings {
            insecure_loopback_federation: None,
            ..settings
        };
        let why = guarded.finish().expect_err("cannot be reached").to_string();
        assert!(why.contains("localhost:1"), "{why}");
    }
}
