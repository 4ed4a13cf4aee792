//! A stock rust-libp2p Kademlia peer that knows nothing of Muttr but the protocol's name.
//!
//! `foreign-kad MULTIADDR KEY`: listens on a loopback WebSocket, asks the one peer at
//! `MULTIADDR` (a pod, or a tab over its circuit) for the peers closest to the peer id `KEY`,
//! prints `listening ID`, `closest ID` for each that answered, `done`, and stays until its input is
//! closed. On the way it prints `tried ID ADDRESS` for whom it was told of and dialled, and
//! `unidentified` where the one it asks will not say who it is; then it asks all the same.

use std::{error::Error, io::Write as _, time::Duration};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    core::ConnectedPoint,
    identify, kad,
    multiaddr::Protocol,
    noise, ping, relay,
    swarm::{DialError, NetworkBehaviour, SwarmEvent},
    yamux,
};
use tokio::io::AsyncReadExt as _;

#[derive(NetworkBehaviour)]
struct Stock {
    relay: relay::client::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
}

type Fallible<T> = Result<T, Box<dyn Error>>;

async fn swarm() -> Fallible<Swarm<Stock>> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_websocket(noise::Config::new, yamux::Config::default)
        .await?
        .with_relay_client(noise::Config::new, yamux::Config::default)?
        .with_behaviour(|key, relay| {
            let id = key.public().to_peer_id();
            let protocol = StreamProtocol::new("/muttr/kad/1.0.0");
            let store = kad::store::MemoryStore::new(id);
            let mut kad = kad::Behaviour::with_config(id, store, kad::Config::new(protocol));
            kad.set_mode(Some(kad::Mode::Server));
            let about = identify::Config::new("/stock/1".into(), key.public());
            Stock {
                relay,
                identify: identify::Behaviour::new(about),
                ping: ping::Behaviour::default(),
                kad,
            }
        })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    Ok(swarm)
}

fn last_peer(address: &Multiaddr) -> Option<PeerId> {
    address
        .iter()
        .filter_map(|part| {
            if let Protocol::P2p(id) = part {
                Some(id)
            } else {
                None
            }
        })
        .last()
}

fn say(line: &str) -> Fallible<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

#[tokio::main]
async fn main() -> Fallible<()> {
    let mut words = std::env::args().skip(1);
    let (Some(address), Some(key)) = (words.next(), words.next()) else {
        return Err("usage: foreign-kad MULTIADDR KEY".into());
    };
    let address: Multiaddr = address.parse()?;
    let key: PeerId = key.parse()?;
    let asked = last_peer(&address).ok_or("the address must end in /p2p/ID")?;

    let mut swarm = swarm().await?;
    swarm.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse()?)?;
    say(&format!("listening {}", swarm.local_peer_id()))?;
    swarm
        .behaviour_mut()
        .kad
        .add_address(&asked, address.clone());
    swarm.dial(address)?;

    let mut input = tokio::io::stdin();
    let mut byte = [0];
    let mut begun = false;
    loop {
        tokio::select! {
            read = input.read(&mut byte) => if read? == 0 { return Ok(()) },
            event = swarm.select_next_some() => match event {
                SwarmEvent::Behaviour(StockEvent::Identify(identify::Event::Received { peer_id, .. }))
                    if peer_id == asked && !begun =>
                {
                    begun = true;
                    swarm.behaviour_mut().kad.get_closest_peers(key);
                }
                SwarmEvent::Behaviour(StockEvent::Identify(identify::Event::Error { peer_id, .. }))
                    if peer_id == asked && !begun =>
                {
                    begun = true;
                    say("unidentified")?;
                    swarm.behaviour_mut().kad.get_closest_peers(key);
                }
                SwarmEvent::Behaviour(StockEvent::Kad(kad::Event::OutboundQueryProgressed {
                    result: kad::QueryResult::GetClosestPeers(result), ..
                })) => {
                    let peers = match result {
                        Ok(found) => found.peers,
                        Err(kad::GetClosestPeersError::Timeout { peers, .. }) => peers,
                    };
                    for peer in peers {
                        say(&format!("closest {}", peer.peer_id))?;
                    }
                    say("done")?;
                }
                SwarmEvent::ConnectionEstablished { peer_id, endpoint: ConnectedPoint::Dialer { address, .. }, .. } => {
                    say(&format!("tried {peer_id} {address}"))?;
                }
                SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error: DialError::Transport(tried), .. } => {
                    for (address, _) in tried {
                        say(&format!("tried {peer} {address}"))?;
                    }
                }
                SwarmEvent::OutgoingConnectionError { error, .. } => say(&format!("error {error}"))?,
                _ => {}
            },
        }
    }
}
