//! Peers of other make, as libp2p has them.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, Transport as _,
    core::upgrade::Version,
    identify, identity, kad,
    multiaddr::Protocol,
    noise, relay,
    request_response::{self, ProtocolSupport},
    swarm::{Config, NetworkBehaviour, SwarmEvent},
    tcp, websocket, yamux,
};
use muttr_net::Framing;

use super::get;

/// Longest thing that is echoed.
const ECHO_BYTES_MAX: usize = 16 << 20;

/// A stock libp2p peer of which only the name of the Kademlia protocol is ours.
#[derive(NetworkBehaviour)]
pub(super) struct Stock {
    identify: identify::Behaviour,
    pub(super) kad: kad::Behaviour<kad::store::MemoryStore>,
    relay: relay::client::Behaviour,
    pub(super) echo: request_response::Behaviour<Framing>,
}

pub(super) fn stock() -> Swarm<Stock> {
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
    let mut about = kad::Config::new(StreamProtocol::new("/muttr/kad/1.0.0"));
    // Whom it called once it does not call again by itself.
    about.set_kbucket_inserts(kad::BucketInserts::Manual);
    let mut kad = kad::Behaviour::with_config(me, kad::store::MemoryStore::new(me), about);
    kad.set_mode(Some(kad::Mode::Server));
    let identify = identify::Config::new("/elsewhere/1.0.0".into(), keypair.public())
        .with_push_listen_addr_updates(true);
    let behaviour = Stock {
        identify: identify::Behaviour::new(identify),
        kad,
        relay,
        echo: request_response::Behaviour::with_codec(
            Framing::new(ECHO_BYTES_MAX),
            [(
                StreamProtocol::new("/elsewhere/echo/1.0.0"),
                ProtocolSupport::Full,
            )],
            request_response::Config::default(),
        ),
    };
    let config =
        Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
    Swarm::new(transport, behaviour, me, config)
}

/// Runs `swarm` until `wanted` finds what it looks for in an event.
pub(super) async fn until<T>(
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
pub(super) async fn address(pod: &muttr_pod::Running) -> (PeerId, Multiaddr) {
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
pub(super) async fn join(seed: &mut Swarm<Stock>, address: &Multiaddr) -> identify::Info {
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

/// Waits until the pod granted `seed` a place at its relay.
pub(super) async fn reserve(seed: &mut Swarm<Stock>, circuit: &Multiaddr) {
    seed.listen_on(circuit.clone())
        .expect("a circuit can be listened on");
    until(seed, |event| match event {
        SwarmEvent::Behaviour(StockEvent::Relay(
            relay::client::Event::ReservationReqAccepted { .. },
        )) => Some(()),
        SwarmEvent::ListenerClosed {
            reason: Err(error), ..
        } => panic!("{error}"),
        _ => None,
    })
    .await;
}

/// Goes on by itself, and says back what it is told.
pub(super) async fn live(mut seed: Swarm<Stock>) {
    loop {
        if let SwarmEvent::Behaviour(StockEvent::Echo(request_response::Event::Message {
            message:
                request_response::Message::Request {
                    request, channel, ..
                },
            ..
        })) = seed.select_next_some().await
        {
            // Fails when the asker has gone away.
            let _ = seed.behaviour_mut().echo.send_response(channel, request);
        }
    }
}
