//! Where a pod is, as a person writes it.

use std::{fmt, str::FromStr};

use axum::http::Uri;
use libp2p::Multiaddr;
use muttr_core::name::Host;

use super::Failure;
use crate::{reach, swarm};

/// The `http:` or `https:` address of a pod. Without TLS only for one on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodUrl {
    host: Host,
    /// As dialled: without brackets.
    name: String,
    port: u16,
    tls: bool,
}

impl PodUrl {
    /// The name the pod is expected to go by.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// What to connect to: a name or an IP address, and a port.
    pub(super) fn endpoint(&self) -> (&str, u16) {
        (&self.name, self.port)
    }

    pub(super) const fn tls(&self) -> bool {
        self.tls
    }

    /// Whether it means the machine it is said on.
    pub(super) fn is_local(&self) -> bool {
        reach::is_local(&self.host)
    }

    /// Where libp2p answers at the address that was typed: the same port as the page.
    pub(super) fn multiaddr(&self) -> Multiaddr {
        swarm::address(&self.host)
    }
}

impl FromStr for PodUrl {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let parsed = parse(text).filter(|url| url.tls || url.is_local());
        parsed.ok_or_else(|| Failure::PodUrl(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<PodUrl> {
    let uri: Uri = text.parse().ok()?;
    let tls = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    if !bare || authority.as_str().contains('@') {
        return None;
    }
    let name = authority.host();
    let port = authority.port_u16();
    // 443 is what a name without a port means.
    let port_or_default = port.unwrap_or(if tls { 443 } else { 80 });
    let host = match port_or_default {
        443 => name.to_owned(),
        port => format!("{name}:{port}"),
    };
    Some(PodUrl {
        host: host.parse().ok()?,
        name: name.trim_matches(['[', ']']).to_ascii_lowercase(),
        port: port_or_default,
        tls,
    })
}

impl fmt::Display for PodUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        // A name without a port is at 443, which is not what `http:` means by it.
        let port = if !self.tls && self.port == 443 {
            ":443"
        } else {
            ""
        };
        write!(f, "{scheme}://{}{port}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_name_port_and_whether_there_is_tls() {
        for (text, host, endpoint, address) in [
            (
                "http://localhost:8080",
                "localhost:8080",
                ("localhost", 8080),
                "/dns4/localhost/tcp/8080/ws",
            ),
            (
                "http://127.0.0.1:81/",
                "127.0.0.1:81",
                ("127.0.0.1", 81),
                "/ip4/127.0.0.1/tcp/81/ws",
            ),
            (
                "http://[::1]:81",
                "[::1]:81",
                ("::1", 81),
                "/ip6/::1/tcp/81/ws",
            ),
            (
                "http://localhost",
                "localhost:80",
                ("localhost", 80),
                "/dns4/localhost/tcp/80/ws",
            ),
            (
                "https://Oak.example",
                "oak.example",
                ("oak.example", 443),
                "/dns4/oak.example/tcp/443/tls/ws",
            ),
            (
                "https://oak.example:8443/",
                "oak.example:8443",
                ("oak.example", 8443),
                "/dns4/oak.example/tcp/8443/tls/ws",
            ),
        ] {
            let url: PodUrl = text.parse().expect(text);
            assert_eq!(url.host().as_str(), host);
            assert_eq!(url.endpoint(), endpoint);
            assert_eq!(url.multiaddr().to_string(), address);
            assert_eq!(url.to_string().parse::<PodUrl>().expect("again"), url);
        }
    }

    #[test]
    fn what_is_no_pod_or_is_far_away_without_tls_is_refused() {
        for text in [
            "oak.example",
            "http://oak.example",
            "http://192.0.2.1:8080",
            "https://oak.example/page",
            "https://oak.example/?a=b",
            "https://alice@oak.example",
            "ws://localhost:8080",
            "https://",
            "",
        ] {
            assert!(text.parse::<PodUrl>().is_err(), "{text}");
        }
    }
}
