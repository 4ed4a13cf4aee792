//! The setting `stun`: a word, a number or an address.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Deserializer, de};

use super::BadConfig;

/// Where STUN is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stun {
    /// Nowhere.
    Off,
    /// At this port of the address that the pod listens on; 0 takes a free one.
    Port(u16),
    /// At this address; port 0 takes a free one.
    At(SocketAddr),
}

impl FromStr for Stun {
    type Err = BadConfig;

    fn from_str(text: &str) -> Result<Self, BadConfig> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let port = text.parse().map(Self::Port);
        port.or_else(|_| text.parse().map(Self::At))
            .map_err(|_| BadConfig(format!("stun: \"{text}\" is neither a port, nor {WANTED}")))
    }
}

const WANTED: &str = "an address with port like [::]:3478, nor off";

impl<'de> Deserialize<'de> for Stun {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Written)
    }
}

/// In a file a port is a number, and everything else is text.
struct Written;

impl de::Visitor<'_> for Written {
    type Value = Stun;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port, \"ADDRESS:PORT\" or \"off\"")
    }

    fn visit_i64<E: de::Error>(self, port: i64) -> Result<Stun, E> {
        let port = u16::try_from(port).map(Stun::Port);
        port.map_err(|_| E::custom("stun: no port has that number"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Stun, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn it_is_written_in_a_file_as_on_the_command_line() {
        for (file, flag, expected) in [
            ("'off'", "off", Stun::Off),
            ("0", "0", Stun::Port(0)),
            ("'5000'", "5000", Stun::Port(5000)),
            (
                "'[::]:3478'",
                "[::]:3478",
                Stun::At(([0_u16; 8], 3478).into()),
            ),
            (
                "'127.0.0.1:0'",
                "127.0.0.1:0",
                Stun::At(([127, 0, 0, 1], 0).into()),
            ),
        ] {
            let settings = Settings::parse(&format!("stun = {file}")).expect("good");
            assert_eq!(settings.stun, Some(expected));
            assert_eq!(flag.parse(), Ok(expected));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for file in ["70000", "-1", "true", "'on'", "'pod.example:3478'", "''"] {
            let why = Settings::parse(&format!("stun = {file}")).expect_err("wrong");
            let why = why.to_string();
            assert!(why.contains("line 1") && why.contains("port"), "{why}");
        }
    }
}
