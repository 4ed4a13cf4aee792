//! Seeds of other make: they connect, ask for neighbours, reserve a place at the relay.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, Transport as _,
    core::upgrade::Version,
    identify, identity, kad,
    multiaddr::Protocol,
    noise, relay,
    swarm::{Config, NetworkBehaviour, SwarmEvent},
    tcp, websocket, yamux,
};
use tempfile::TempDir;

use super::{boot, get};

/// A stock libp2p peer of which only the name of the Kademlia protocol is ours.
#[derive(NetworkBehaviour)]
struct Stock {
    identify: identify::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    relay: relay::client::Behaviour,
}

fn stock() -> Swarm<Stock> {
    let keypair = identity::Keypair::generate_ed25519();
    let me = keypair.public().to_peer_id();
    let (circuits, relay) = relay::client::new(me);
    let sockets = websocket::Config::new(tcp::tokio::Transport::default());
    let transport = circuits
        .or_transport(sockets)
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(&keypair).expect("the key signs"))
        .multiplex(yamux::Config::default())
        .boxed();
    let mut kad = kad::Behaviour::with_config(
        me,
        kad::store::MemoryStore::new(me),
        kad::Config::new(StreamProtocol::new("/muttr/kad/1.0.0")),
    );
    kad.set_mode(Some(kad::Mode::Server));
    let identify = identify::Config::new("/elsewhere/1.0.0".into(), keypair.public())
        .with_push_listen_addr_updates(true);
    let behaviour = Stock {
        identify: identify::Behaviour::new(identify),
        kad,
        relay,
    };
    let config =
        Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
    Swarm::new(transport, behaviour, me, config)
}

/// Runs `swarm` until `wanted` finds what it looks for in an event.
async fn until<T>(
    swarm: &mut Swarm<Stock>,
    mut wanted: impl FnMut(&SwarmEvent<StockEvent>) -> Option<T>,
) -> T {
    let found = async {
        loop {
            let event = swarm.select_next_some().await;
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), found)
        .await
        .expect("it happens in time")
}

/// Where the pod is for those who cannot look up `localhost`.
async fn address(pod: &muttr_pod::Running) -> (PeerId, Multiaddr) {
    let told = get(pod.addr(), "/.well-known/muttr").await;
    let told: serde_json::Value = serde_json::from_str(&told.body).expect("JSON");
    let peer: PeerId = told["seed"]
        .as_str()
        .and_then(|seed| seed.parse().ok())
        .expect("a peer");
    let address = Multiaddr::from(pod.addr().ip())
        .with(Protocol::Tcp(pod.addr().port()))
        .with(Protocol::Ws("/".into()));
    (peer, address.with(Protocol::P2p(peer)))
}

/// Waits for identify, so that the pod knows what `seed` speaks, and the other way round.
async fn join(seed: &mut Swarm<Stock>, address: &Multiaddr) -> identify::Info {
    seed.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse().expect("well formed"))
        .expect("listens");
    until(seed, |event| {
        matches!(event, SwarmEvent::NewListenAddr { .. }).then_some(())
    })
    .await;
    seed.dial(address.clone()).expect("can be dialled");
    let (mut info, mut sent) = (None, false);
    until(seed, |event| {
        match event {
            SwarmEvent::Behaviour(StockEvent::Identify(identify::Event::Received {
                info: received,
                ..
            })) => info = Some(received.clone()),
            SwarmEvent::Behaviour(StockEvent::Identify(identify::Event::Sent { .. })) => {
                sent = true;
            }
            _ => {}
        }
        if sent { info.take() } else { None }
    })
    .await
}

async fn closest(seed: &mut Swarm<Stock>, key: PeerId) -> Vec<PeerId> {
    seed.behaviour_mut().kad.get_closest_peers(key);
    let peers = until(seed, |event| match event {
        SwarmEvent::Behaviour(StockEvent::Kad(kad::Event::OutboundQueryProgressed {
            result: kad::QueryResult::GetClosestPeers(result),
            ..
        })) => Some(match result {
            Ok(found) => found.peers.clone(),
            Err(error) => panic!("{error}"),
        }),
        _ => None,
    });
    peers.await.into_iter().map(|peer| peer.peer_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_kademlia_peers_find_each_other_through_the_pod() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (pod_peer, address) = address(&pod).await;

    let mut alice = stock();
    let alice_peer = *alice.local_peer_id();
    let info = join(&mut alice, &address).await;
    assert_eq!(info.protocol_version, "/muttr/0.1.0");
    for protocol in [
        "/muttr/kad/1.0.0",
        "/muttr/store/1.0.0",
        "/libp2p/circuit/relay/0.2.0/hop",
    ] {
        assert!(
            info.protocols
                .iter()
                .any(|spoken| spoken.as_ref() == protocol),
            "{protocol}"
        );
    }
    let alice = tokio::spawn(async move {
        loop {
            alice.select_next_some().await;
        }
    });

    let mut bob = stock();
    join(&mut bob, &address).await;
    bob.behaviour_mut().kad.add_address(&pod_peer, address);
    // Alice's own identify may still be on its way into the pod's routing table.
    let mut found = Vec::new();
    for _ in 0..20 {
        found = closest(&mut bob, alice_peer).await;
        if found.contains(&alice_peer) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        found.contains(&alice_peer) && found.contains(&pod_peer),
        "{found:?}"
    );
    alice.abort();
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bob_reaches_alice_over_the_pods_relay() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (_, address) = address(&pod).await;
    let circuit = address.clone().with(Protocol::P2pCircuit);

    let mut alice = stock();
    let alice_peer = *alice.local_peer_id();
    join(&mut alice, &address).await;
    alice
        .listen_on(circuit.clone())
        .expect("a circuit can be listened on");
    until(&mut alice, |event| match event {
        SwarmEvent::Behaviour(StockEvent::Relay(
            relay::client::Event::ReservationReqAccepted { .. },
        )) => Some(()),
        SwarmEvent::ListenerClosed {
            reason: Err(error), ..
        } => panic!("{error}"),
        _ => None,
    })
    .await;
    let alice = tokio::spawn(async move {
        loop {
            alice.select_next_some().await;
        }
    });

    let mut bob = stock();
    bob.dial(circuit.with(Protocol::P2p(alice_peer)))
        .expect("can be dialled");
    let relayed = until(&mut bob, |event| match event {
        SwarmEvent::ConnectionEstablished {
            peer_id, endpoint, ..
        } if *peer_id == alice_peer => Some(endpoint.is_relayed()),
        SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
        _ => None,
    })
    .await;
    assert!(relayed);
    alice.abort();
    pod.stop().await;
}
