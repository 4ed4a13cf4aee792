//! Seeds of other make: they connect and ask for neighbours.

use std::time::Duration;

use libp2p::{PeerId, Swarm, kad, swarm::SwarmEvent};
use tempfile::TempDir;

use super::{
    boot,
    stock::{Stock, StockEvent, address, join, live, stock, until},
};

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
    let alice = tokio::spawn(live(alice));

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
