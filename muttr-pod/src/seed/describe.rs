//! What a pod says of itself, to those who only know its address.

use std::{io, net::SocketAddr, time::Duration};

use axum::http::{Request, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use libp2p::{Multiaddr, multiaddr::Protocol};
use muttr_core::{limit, name::SeedId, routing::Contact};
use serde::Deserialize;
use tokio::time::timeout;

use super::{Failure, PodUrl, socket};

/// How long a pod may take to say who it is.
const DESCRIBE_MS_MAX: u64 = 3_000;
/// How much it may say.
const DESCRIBE_BYTES_MAX: usize = 128 << 10;
const PATH: &str = "/.well-known/muttr";

/// The parts of `/.well-known/muttr` that a seed needs.
#[derive(Clone, Debug, Deserialize)]
struct WellKnown {
    version: u8,
    seed: String,
    addresses: Vec<String>,
    channel: String,
    #[serde(default)]
    pods: Vec<Other>,
}

/// A pod of another place, as this one names it.
#[derive(Clone, Debug, Deserialize)]
struct Other {
    seed: String,
    addresses: Vec<String>,
}

/// A pod, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// It as a seed: where its libp2p is.
    pub pod: Contact,
    /// Path of the private channel.
    pub channel: String,
    /// Pods of other places that it knows.
    pub pods: Vec<Contact>,
}

/// Asks the pod at this address who it is.
///
/// # Errors
/// [`Failure::Unreachable`], [`Failure::NotAPod`]
pub async fn describe(url: &PodUrl) -> Result<Description, Failure> {
    let patience = Duration::from_millis(DESCRIBE_MS_MAX);
    let unreachable = |error| Failure::Unreachable(url.to_string(), error);
    let late = |_| unreachable(io::ErrorKind::TimedOut.into());
    let asked = timeout(patience, ask(url)).await.map_err(late)?;
    let (body, from) = asked.map_err(unreachable)?;
    let no_pod = || Failure::NotAPod(url.to_string());
    let known: WellKnown =
        serde_json::from_slice(&body.ok_or_else(no_pod)?).map_err(|_| no_pod())?;
    read(url, from, &known).ok_or_else(no_pod)
}

/// One request on a connection of its own. A redirect is an answer like any other that is not 200:
/// who speaks for a name is whoever answers there.
async fn ask(url: &PodUrl) -> io::Result<(Option<Bytes>, SocketAddr)> {
    let (socket, from) = socket::connect(url).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .map_err(io::Error::other)?;
    let request = Request::get(PATH)
        .header(header::HOST, url.host().as_str())
        .header(header::ACCEPT, "application/json")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        if response.status() != 200 {
            return Ok(None);
        }
        let body = Limited::new(response.into_body(), DESCRIBE_BYTES_MAX);
        let body = body.collect().await.map_err(io::Error::other)?;
        Ok(Some(body.to_bytes()))
    };
    let mut connection = Box::pin(connection);
    let mut answer = Box::pin(answer);
    let answered = tokio::select! {
        answered = &mut answer => answered,
        ended = &mut connection => {
            ended.map_err(io::Error::other)?;
            // What was read before the end is still to be had.
            answer.await
        }
    };
    answered.map(|body| (body, from))
}

fn read(url: &PodUrl, from: SocketAddr, known: &WellKnown) -> Option<Description> {
    let seed: SeedId = known.seed.parse().ok()?;
    let path = known.channel.as_str();
    if known.version != 1 || !path.starts_with('/') || path.starts_with("//") {
        return None;
    }
    let mut addresses = vec![url.multiaddr()];
    for address in &known.addresses {
        addresses.push(address.parse().ok()?);
    }
    if url.is_local() && !url.tls() {
        // Names of this machine need no resolver that may not know them.
        let address = Multiaddr::from(from.ip()).with(Protocol::Tcp(from.port()));
        addresses.insert(0, address.with(Protocol::Ws("/".into())));
    }
    let others = known.pods.iter().take(limit::PODS_NAMED_MAX);
    Some(Description {
        pod: contact(seed, &addresses),
        channel: known.channel.clone(),
        // One that makes no sense is passed over.
        pods: others.filter_map(elsewhere).collect(),
    })
}

fn elsewhere(other: &Other) -> Option<Contact> {
    let addresses = other.addresses.iter().map(|address| address.parse());
    let addresses: Vec<Multiaddr> = addresses.collect::<Result<_, _>>().ok()?;
    Some(contact(other.seed.parse().ok()?, &addresses))
}

fn contact(seed: SeedId, addresses: &[Multiaddr]) -> Contact {
    let mut distinct = Vec::new();
    for address in addresses.iter().map(Multiaddr::to_vec) {
        let fits = address.len() <= limit::ADDRESS_BYTES_MAX;
        if fits && distinct.len() < limit::ADDRESSES_PER_SEED_MAX && !distinct.contains(&address) {
            distinct.push(address);
        }
    }
    Contact {
        seed,
        addresses: distinct,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    fn said(channel: &str) -> Option<Description> {
        let url: PodUrl = "http://localhost:8080".parse().expect("an address");
        let known = WellKnown {
            version: 1,
            pods: Vec::new(),
            seed: SEED.into(),
            addresses: vec!["/dns4/localhost/tcp/8080/ws".into()],
            channel: channel.into(),
        };
        read(&url, SocketAddr::from(([127, 0, 0, 1], 8080)), &known)
    }

    #[test]
    fn addresses_are_the_given_one_and_those_it_says_each_once() {
        let description = said("/channel").expect("a pod");
        let addresses = description.pod.addresses.iter();
        let addresses: Vec<String> = addresses
            .map(|bytes| Multiaddr::try_from(bytes.clone()).expect("one").to_string())
            .collect();
        assert_eq!(
            addresses,
            ["/ip4/127.0.0.1/tcp/8080/ws", "/dns4/localhost/tcp/8080/ws"]
        );
    }

    #[test]
    fn the_channel_is_a_path_of_the_same_host() {
        assert!(said("/channel").is_some());
        for elsewhere in ["//oak.example/channel", "wss://oak.example", ""] {
            assert_eq!(said(elsewhere), None, "{elsewhere}");
        }
    }
}
