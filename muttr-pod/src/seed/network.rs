//! libp2p of a native seed: WebSockets, dialled and, where it is wanted, listened on.

use std::{io, net::SocketAddr, time::Duration};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId,
    multiaddr::Protocol,
    swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent, dial_opts::DialOpts},
};
use muttr_core::{limit, routing::Contact};
use muttr_net::{HasNet, Net, NetEvent, Profile, stack, swarm_config};
use tokio::time::timeout;

use super::Failure;
use crate::{driver::Speaks, envoy::Reach, transport::sockets};

/// How long it may take until it is known where one listens.
const LISTEN_MS_MAX: u64 = 5_000;
/// A listener at every address of a machine tells them one after another, without a pause.
const LISTEN_PAUSE_MS: u64 = 50;

/// What a native seed speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    net: Net,
}

impl HasNet for Behaviour {
    fn net(&mut self) -> &mut Net {
        &mut self.net
    }
}

impl Speaks for Behaviour {
    fn net_event(event: BehaviourEvent) -> Option<NetEvent> {
        let BehaviourEvent::Net(event) = event;
        Some(event)
    }
}

/// A swarm that dials whom the machine wants to be linked with.
pub(super) fn swarm(secret: [u8; 32], stores: bool, reach: Reach) -> io::Result<Swarm<Behaviour>> {
    let keypair = muttr_net::keypair(secret).map_err(io::Error::other)?;
    let transport = stack(sockets(reach)?, &keypair).map_err(io::Error::other)?;
    let profile = Profile {
        agent: concat!("muttr/", env!("CARGO_PKG_VERSION")).into(),
        connections_max: limit::SEED_CONNECTIONS_MAX,
        stores,
    };
    let behaviour = Behaviour {
        net: Net::new(keypair.public(), profile),
    };
    let config = swarm_config(Config::with_tokio_executor());
    let me = PeerId::from(keypair.public());
    Ok(Swarm::new(transport, behaviour, me, config))
}

/// Listens, and tells everybody where; yields the addresses.
pub(super) async fn listen(
    swarm: &mut Swarm<Behaviour>,
    at: SocketAddr,
) -> Result<Vec<Multiaddr>, Failure> {
    let address = Multiaddr::from(at.ip())
        .with(Protocol::Tcp(at.port()))
        .with(Protocol::Ws("/".into()));
    let failed = |error: io::Error| Failure::Listen(at, error);
    swarm
        .listen_on(address)
        .map_err(|error| failed(io::Error::other(error)))?;
    let mut addresses = Vec::new();
    let mut patience = LISTEN_MS_MAX;
    while let Ok(event) = timeout(Duration::from_millis(patience), swarm.select_next_some()).await {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => {
                addresses.push(address);
                patience = LISTEN_PAUSE_MS;
            }
            SwarmEvent::ListenerClosed {
                reason: Err(error), ..
            }
            | SwarmEvent::ListenerError { error, .. } => return Err(failed(error)),
            _ => {}
        }
        if !at.ip().is_unspecified() && !addresses.is_empty() {
            break;
        }
    }
    if addresses.is_empty() {
        return Err(failed(io::ErrorKind::TimedOut.into()));
    }
    // Of all the addresses of a machine, only itself can use those of the loopback.
    if addresses.iter().any(|address| !is_loopback(address)) {
        addresses.retain(|address| !is_loopback(address));
    }
    for address in &addresses {
        swarm.add_external_address(address.clone());
    }
    Ok(addresses)
}

/// Dials another pod, so that the machine learns of it and of whom it knows.
pub(super) fn meet(swarm: &mut Swarm<Behaviour>, pod: &Contact) {
    let addresses = pod.addresses.iter().cloned();
    let addresses = addresses.filter_map(|bytes| Multiaddr::try_from(bytes).ok());
    let Some(peer) = muttr_net::peer_id(pod.seed) else {
        return;
    };
    let options = DialOpts::peer_id(peer).addresses(addresses.collect());
    if let Err(error) = swarm.dial(options.build()) {
        tracing::debug!(%error, "another pod is not dialled");
    }
}

fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    }
}
