//! Native seeds, and pods as they dial: over WebSockets, and not everywhere.

use std::time::Duration;

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    multiaddr::Protocol,
    ping,
    swarm::{Config, SwarmEvent},
};
use muttr_pod::{envoy::Reach, transport::sockets};
use tempfile::TempDir;

use super::{boot, stock::address};

/// A seed as the command line has it, but for what it says.
fn native(reach: Reach) -> Swarm<ping::Behaviour> {
    let keypair = libp2p::identity::Keypair::generate_ed25519();
    let sockets = sockets(reach).expect("can be made");
    let transport = muttr_net::stack(sockets, &keypair).expect("the key signs");
    let config = Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(9));
    let me = PeerId::from(keypair.public());
    Swarm::new(transport, ping::Behaviour::default(), me, config)
}

/// Whether it connects.
async fn connects(seed: &mut Swarm<ping::Behaviour>, address: Multiaddr) -> bool {
    seed.dial(address).expect("can be dialled");
    let connected = async {
        loop {
            match seed.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => return true,
                SwarmEvent::OutgoingConnectionError { .. } => return false,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), connected)
        .await
        .expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_native_seed_dials_a_pod_and_another_seed() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (peer, by_ip) = address(&pod).await;
    let by_name: Multiaddr = format!("/dns4/localhost/tcp/{}/ws", pod.addr().port())
        .parse()
        .expect("an address");
    let mut alice = native(Reach::Loopback);
    assert!(connects(&mut alice, by_ip.clone()).await);
    let mut bob = native(Reach::Loopback);
    assert!(connects(&mut bob, by_name.with(Protocol::P2p(peer))).await);

    let mut carol = native(Reach::Loopback);
    let carol_peer = *carol.local_peer_id();
    let listening = carol.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse().expect("an address"));
    let listening = listening.expect("listens");
    let at = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = carol.select_next_some().await {
            break address;
        }
    };
    assert!(!at.to_string().contains("/tcp/0/"), "{at}");
    let carol = tokio::spawn(async move {
        let mut pings = 0;
        while pings == 0 {
            let event = carol.select_next_some().await;
            pings += u32::from(matches!(event, SwarmEvent::Behaviour(_)));
        }
        carol
    });
    assert!(connects(&mut bob, at.clone().with(Protocol::P2p(carol_peer))).await);
    // Bytes flow, not just handshakes.
    let pinged = async {
        while !matches!(bob.select_next_some().await, SwarmEvent::Behaviour(event) if event.result.is_ok())
        {
        }
    };
    tokio::time::timeout(Duration::from_secs(20), pinged)
        .await
        .expect("a ping comes back");
    let mut carol = carol.await.expect("ends");
    assert!(carol.remove_listener(listening));
    let closed = async {
        while !matches!(
            carol.select_next_some().await,
            SwarmEvent::ListenerClosed { .. }
        ) {}
    };
    tokio::time::timeout(Duration::from_secs(5), closed)
        .await
        .expect("no longer listens");
    drop(bob);
    let mut bob = native(Reach::Loopback);
    assert!(!connects(&mut bob, at).await, "nobody is there");

    let mut guarded = native(Reach::Guarded);
    assert!(!connects(&mut guarded, by_ip).await);
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_public_is_not_dialled() {
    for reach in [Reach::Guarded, Reach::Loopback] {
        let mut seed = native(reach);
        for address in [
            "/ip4/10.0.0.1/tcp/443/tls/ws",
            "/ip4/192.168.0.1/tcp/80/ws",
            "/ip4/169.254.169.254/tcp/80/ws",
            "/ip6/fd00::1/tcp/443/wss",
            "/ip6/::ffff:127.0.0.1/tcp/443/wss",
            "/ip4/1.1.1.1/tcp/80/ws",
            "/dns4/oak.example/tcp/25/tls/ws",
            "/ip4/127.0.0.1/tcp/443/tls/ws",
            "/ip4/127.0.0.1/tcp/22",
        ] {
            let address: Multiaddr = address.parse().expect("an address");
            let refused = connects(&mut seed, address.clone());
            let refused = tokio::time::timeout(Duration::from_secs(1), refused).await;
            assert_eq!(refused, Ok(false), "{address}, at once");
        }
    }
}
