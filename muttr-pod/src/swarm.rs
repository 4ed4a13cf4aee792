//! The pod's side of libp2p: what every seed speaks, and a relay.

use std::{io, net::IpAddr, time::Duration};

use libp2p::{
    Multiaddr, PeerId, Transport as _,
    identity::Keypair,
    multiaddr::Protocol,
    relay,
    swarm::{Config, NetworkBehaviour, Swarm},
};
use muttr_core::{limit, name::Host};
use muttr_net::{HasNet, Net, NetEvent, Profile, stack, swarm_config};
use tokio::sync::mpsc;

use crate::{
    driver::Speaks,
    reach::{Guard, is_local, split},
    transport::{Arrival, Dial, Upgrades},
};

/// What a pod speaks.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    net: Net,
    relay: relay::Behaviour,
}

impl HasNet for Behaviour {
    fn net(&mut self) -> &mut Net {
        &mut self.net
    }
}

impl Speaks for Behaviour {
    fn net_event(event: BehaviourEvent) -> Option<NetEvent> {
        match event {
            BehaviourEvent::Net(event) => Some(event),
            BehaviourEvent::Relay(event) => {
                tracing::debug!(?event, "relay");
                None
            }
        }
    }
}

/// A swarm that takes in upgraded sockets and tells everybody that it is found at `address`.
pub(crate) fn swarm(
    keypair: &Keypair,
    address: &Multiaddr,
    arrivals: mpsc::Receiver<Arrival>,
    guard: Guard,
) -> io::Result<Swarm<Behaviour>> {
    let me = PeerId::from(keypair.public());
    let profile = Profile {
        agent: concat!("muttr-pod/", env!("CARGO_PKG_VERSION")).into(),
        connections_max: limit::POD_CONNECTIONS_MAX,
        stores: true,
    };
    let behaviour = Behaviour {
        net: Net::new(keypair.public(), profile),
        relay: relay::Behaviour::new(me, relay_config()),
    };
    let transport = stack(
        Upgrades::new(arrivals).or_transport(Dial::new(guard)),
        keypair,
    )
    .map_err(io::Error::other)?;
    let config = swarm_config(Config::with_tokio_executor());
    let mut swarm = Swarm::new(transport, behaviour, me, config);
    // The relay serves only once somebody vouched for an address, and here the operator does.
    swarm.add_external_address(address.clone());
    if let Err(error) = swarm.listen_on(address.clone()) {
        tracing::error!(%error, "not an address that seeds could be told");
    }
    Ok(swarm)
}

/// Rates are left to the number of connections: behind one address there may be a whole school.
fn relay_config() -> relay::Config {
    let profile = limit::RELAY;
    relay::Config {
        max_reservations: profile.reservations_max,
        max_circuits: profile.circuits_max,
        max_circuits_per_peer: profile.circuits_per_seed_max,
        max_circuit_duration: Duration::from_millis(profile.circuit_ms_max),
        max_circuit_bytes: profile.circuit_bytes_max,
        reservation_rate_limiters: Vec::new(),
        circuit_src_rate_limiters: Vec::new(),
        ..relay::Config::default()
    }
}

/// Where seeds find the pod that goes by this name: without TLS on this machine, with it
/// everywhere else, as browsers demand it.
pub(crate) fn address(host: &Host) -> Multiaddr {
    let (name, port) = split(host);
    let ip = name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    let address = match ip {
        Ok(ip) => Multiaddr::from(ip),
        Err(_) => Multiaddr::empty().with(Protocol::Dns4(name.into())),
    };
    let address = address.with(Protocol::Tcp(port));
    let address = if is_local(host) {
        address
    } else {
        address.with(Protocol::Tls)
    };
    address.with(Protocol::Ws("/".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relay_has_places_for_ten_thousand_wherever_they_come_from() {
        let relay = relay_config();
        assert!(relay.max_reservations >= 10_000);
        assert!(relay.max_reservations <= limit::POD_CONNECTIONS_MAX as usize);
        // A rate for each address would shut a school out, and one for each seed costs mallory a
        // new key. What one can take is bounded by its connections and circuits.
        assert!(relay.reservation_rate_limiters.is_empty());
        assert!(relay.circuit_src_rate_limiters.is_empty());
        assert!(relay.max_reservations_per_peer <= limit::CONNECTIONS_PER_SEED_MAX as usize);
    }

    #[test]
    fn an_address_follows_from_the_name() {
        for (host, expected) in [
            ("localhost:8080", "/dns4/localhost/tcp/8080/ws"),
            ("oak.localhost:81", "/dns4/oak.localhost/tcp/81/ws"),
            ("127.0.0.1:8080", "/ip4/127.0.0.1/tcp/8080/ws"),
            ("[::1]:8080", "/ip6/::1/tcp/8080/ws"),
            ("[2001:db8::1]", "/ip6/2001:db8::1/tcp/443/tls/ws"),
            ("oak.example", "/dns4/oak.example/tcp/443/tls/ws"),
            ("oak.example:8443", "/dns4/oak.example/tcp/8443/tls/ws"),
        ] {
            let host: Host = host.parse().expect("a host");
            assert_eq!(address(&host).to_string(), expected);
        }
    }
}
