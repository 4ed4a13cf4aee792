//! Settings that name other pods.

use std::str::FromStr;

use muttr_core::name::Host;
use serde::Deserialize;

use super::BadConfig;
use crate::reach::is_local;

/// Another pod, as a person writes it: its URL or its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PodName(pub Host);

impl FromStr for PodName {
    type Err = BadConfig;

    fn from_str(text: &str) -> Result<Self, BadConfig> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        let name = rest.strip_suffix('/').unwrap_or(rest);
        let host: Host = name.parse().map_err(|_| {
            BadConfig(format!(
                "\"{text}\" is not a pod; write it like https://pod.example"
            ))
        })?;
        match (scheme, is_local(&host)) {
            (None, _) | (Some("https"), false) | (Some("http"), true) => Ok(Self(host)),
            (Some("http"), false) => Err(BadConfig(format!(
                "\"{text}\": pods speak TLS; write https://"
            ))),
            (Some("https"), true) => Err(BadConfig(format!(
                "\"{text}\": pods on this machine speak no TLS; write http://"
            ))),
            (Some(_), _) => Err(BadConfig(format!(
                "\"{text}\" is not a pod; write it like https://pod.example"
            ))),
        }
    }
}

impl TryFrom<String> for PodName {
    type Error = BadConfig;

    fn try_from(text: String) -> Result<Self, BadConfig> {
        text.parse()
    }
}

/// The hosts of a list that may not have been given.
pub(super) fn hosts(pods: Option<Vec<PodName>>) -> Vec<Host> {
    pods.into_iter().flatten().map(|pod| pod.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn a_pod_is_named_by_its_url_or_by_its_name() {
        for (text, expected) in [
            ("https://oak.example", "oak.example"),
            ("https://Oak.Example/", "oak.example"),
            ("https://oak.example:8443", "oak.example:8443"),
            ("oak.example", "oak.example"),
            ("http://localhost:8081", "localhost:8081"),
            ("localhost:8081", "localhost:8081"),
        ] {
            let pod: PodName = text.parse().expect(text);
            assert_eq!(pod.0.as_str(), expected, "{text}");
        }
        for (text, word) in [
            ("http://oak.example", "https"),
            ("https://localhost:1", "no TLS"),
            ("ftp://oak.example", "not a pod"),
            ("https://oak.example/channel", "not a pod"),
            ("https://alice@oak.example", "not a pod"),
            ("", "not a pod"),
        ] {
            let why = text.parse::<PodName>().expect_err(text).to_string();
            assert!(why.contains(word) && why.contains(text), "{why}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said_with_its_line() {
        let why = Settings::parse("log = 'off'\ndeny_pod = ['oak example']").expect_err("wrong");
        let why = why.to_string();
        assert!(
            why.contains("line 2") && why.contains("oak example"),
            "{why}"
        );
    }
}
