//! What a pod connects to, when it was others who named it.
//!
//! An alias, an acquaintance, a seed's address: whoever writes one chooses what the pod dials. So
//! it dials the port of HTTPS at public addresses, and nothing of the network it stands in. A name
//! is looked up once, and the address that was checked is the one that is connected to: a name
//! that answers differently the second time is not asked a second time.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use libp2p::{Multiaddr, multiaddr::Protocol};
use muttr_core::{limit, name::Host, rejection::Rejection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

mod public;

pub use public::is_public;

/// The only port that is dialled, but for tests on one machine.
const PORT: u16 = 443;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 3;

/// How far a pod or a seed reaches out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// TLS, port 443, public addresses.
    #[default]
    Guarded,
    /// The same, and for names that mean this machine, without TLS, any port of its loopback
    /// addresses. For trying out several pods on one machine; never where others can ask.
    Loopback,
    /// Public addresses at any port, with TLS or without: a native seed, for others like it listen
    /// where they can. What is around it is still nothing that strangers have it knock at.
    Seeds,
}

/// Looks up names.
pub trait Names: Send + Sync {
    /// The addresses of a name, best first.
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As this machine looks names up.
struct System;

impl Names for System {
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, PORT)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// What is to be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    name: Name,
    port: u16,
    tls: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Ip(IpAddr),
    Dns(String),
}

impl Name {
    /// Whether it means the machine it is said on (RFC 6761, section 6.3).
    fn is_local(&self) -> bool {
        match self {
            Self::Ip(ip) => ip.is_loopback(),
            Self::Dns(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

impl Target {
    /// The pod that goes by this name: without TLS on this machine, with it everywhere else.
    pub(crate) fn of(host: &Host) -> Self {
        let (name, port) = split(host);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let name = bare
            .parse()
            .map_or_else(|_| Name::Dns(name.to_owned()), Name::Ip);
        let tls = !name.is_local();
        Self { name, port, tls }
    }

    /// A seed at `NAME/tcp/PORT/ws`, `…/tls/ws` or `…/wss`, and whatever peer id follows.
    pub(crate) fn at(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let name = match parts.next()? {
            Protocol::Ip4(ip) => Name::Ip(ip.into()),
            Protocol::Ip6(ip) => Name::Ip(ip.into()),
            Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => {
                // What is no name of a pod is none of a seed either.
                let host: Host = name.parse().ok()?;
                Name::Dns(split(&host).0.to_owned())
            }
            _ => return None,
        };
        let Protocol::Tcp(port) = parts.next()? else {
            return None;
        };
        let tls = match parts.next()? {
            Protocol::Ws(path) if path == "/" => false,
            Protocol::Wss(path) if path == "/" => true,
            Protocol::Tls => matches!(parts.next()?, Protocol::Ws(path) if path == "/"),
            _ => return None,
        };
        match (parts.next(), parts.next()) {
            (None | Some(Protocol::P2p(_)), None) => Some(Self { name, port, tls }),
            _ => None,
        }
    }

    /// As HTTP names it in the header `host`.
    pub(crate) fn authority(&self) -> String {
        match &self.name {
            Name::Ip(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            Name::Ip(ip) => format!("{ip}:{}", self.port),
            Name::Dns(name) => format!("{name}:{}", self.port),
        }
    }
}

/// A host's name and port.
pub(crate) fn split(host: &Host) -> (&str, u16) {
    let text = host.as_str();
    match text.rsplit_once(':') {
        // The colons of an IPv6 address are inside brackets.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().unwrap_or(PORT)),
        _ => (text, PORT),
    }
}

/// Whether the name means the machine it is said on.
pub(crate) fn is_local(host: &Host) -> bool {
    Target::of(host).name.is_local()
}

/// Bytes to and from whatever was connected to.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects, but not to everything.
#[derive(Clone)]
pub(crate) struct Guard {
    reach: Reach,
    names: Arc<dyn Names>,
    tls: TlsConnector,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.reach).finish()
    }
}

impl Guard {
    /// Looks names up as this machine does.
    pub(crate) fn new(reach: Reach) -> io::Result<Self> {
        Self::with_names(reach, Arc::new(System))
    }

    pub(crate) fn with_names(reach: Reach, names: Arc<dyn Names>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            reach,
            names,
            tls: Arc::new(config).into(),
        })
    }

    /// Connects, and speaks TLS where that is due. How long it may take is for the caller to say;
    /// each address gets its share of [`limit::POD_ANSWER_MS_MAX`].
    pub(crate) async fn connect(&self, target: &Target) -> Result<Box<dyn Io>, Rejection> {
        let addresses = self.addresses(target).await?;
        let shares = u64::try_from(addresses.len().max(1)).unwrap_or(1);
        let share = Duration::from_millis(limit::POD_ANSWER_MS_MAX / shares);
        let mut why = Rejection::PodUnreachable;
        for address in addresses {
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.secure(target, stream).await,
                Ok(Err(_)) => why = Rejection::PodUnreachable,
                Err(_) => why = Rejection::TimedOut,
            }
        }
        Err(why)
    }

    /// Where a target may be connected to; looked up once.
    async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, Rejection> {
        let local = target.name.is_local();
        let welcome = if local {
            self.reach == Reach::Loopback && !target.tls
        } else {
            self.reach == Reach::Seeds || (target.tls && target.port == PORT)
        };
        if !welcome {
            return Err(Rejection::PodUnreachable);
        }
        let found = match &target.name {
            Name::Ip(ip) => vec![*ip],
            // Said here, and not by whoever answers for names.
            Name::Dns(_) if local => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Name::Dns(name) => {
                let found = self.names.look_up(name).await;
                found.map_err(|_| Rejection::NoSuchPod)?
            }
        };
        if found.is_empty() {
            return Err(Rejection::NoSuchPod);
        }
        let admitted = found.into_iter().filter(|ip| local || is_public(*ip));
        let admitted = admitted.map(|ip| SocketAddr::new(ip, target.port));
        let admitted: Vec<_> = admitted.take(ADDRESSES_MAX).collect();
        if admitted.is_empty() {
            tracing::debug!("a name that leads to no public address is not dialled");
            return Err(Rejection::PodUnreachable);
        }
        Ok(admitted)
    }

    async fn secure(&self, target: &Target, stream: TcpStream) -> Result<Box<dyn Io>, Rejection> {
        // Small messages would wait otherwise, and no more.
        let _ = stream.set_nodelay(true);
        if !target.tls {
            return Ok(Box::new(stream));
        }
        let name = match &target.name {
            Name::Ip(ip) => ServerName::from(*ip),
            Name::Dns(name) => {
                ServerName::try_from(name.clone()).map_err(|_| Rejection::NoSuchPod)?
            }
        };
        let stream = self.tls.connect(name, stream).await;
        let stream = stream.map_err(|error| {
            tracing::debug!(kind = ?error.kind(), "no TLS with another pod");
            Rejection::PodUnreachable
        })?;
        Ok(Box::new(stream))
    }
}

#[cfg(test)]
mod tests;
