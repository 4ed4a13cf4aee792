//! What the relay gives: many places, and circuits that are short.

use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _, stream};
use libp2p::{
    Multiaddr, PeerId, Swarm,
    multiaddr::Protocol,
    request_response,
    swarm::{
        SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use muttr_core::limit::{self, RELAY};
use tempfile::TempDir;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::{
    boot, get,
    stock::{Stock, StockEvent, address, join, live, reserve, stock, until},
};

/// Pupils of the school: five times what libp2p's relay lets one address have in a minute.
const PUPILS: usize = 300;
/// Pupils that bob calls on: more than it lets one seed call in an hour.
const CALLS: usize = 40;

/// Dials over a circuit; whether the connection is a relayed one.
async fn call(bob: &mut Swarm<Stock>, circuit: &Multiaddr, peer: PeerId) -> bool {
    bob.dial(circuit.clone().with(Protocol::P2p(peer)))
        .expect("can be dialled");
    until(bob, |event| match event {
        SwarmEvent::ConnectionEstablished {
            peer_id, endpoint, ..
        } if *peer_id == peer => Some(endpoint.is_relayed()),
        SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
        _ => None,
    })
    .await
}

/// What comes back; `None` when the connection ends instead.
async fn echo(bob: &mut Swarm<Stock>, peer: PeerId, bytes: Vec<u8>) -> Option<Vec<u8>> {
    bob.behaviour_mut().echo.send_request(&peer, bytes);
    until(bob, |event| match event {
        SwarmEvent::Behaviour(StockEvent::Echo(request_response::Event::Message {
            message: request_response::Message::Response { response, .. },
            ..
        })) => Some(Some(response.clone())),
        SwarmEvent::ConnectionClosed { peer_id, .. } if *peer_id == peer => Some(None),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn bob_reaches_alice_over_the_pods_relay_for_a_few_words() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (pod_peer, address) = address(&pod).await;
    let circuit = address.clone().with(Protocol::P2pCircuit);

    let mut alice = stock();
    let alice_peer = *alice.local_peer_id();
    join(&mut alice, &address).await;
    reserve(&mut alice, &circuit).await;
    let alice = tokio::spawn(live(alice));

    let mut bob = stock();
    assert!(call(&mut bob, &circuit, alice_peer).await, "relayed");
    let words = b"here is how you reach me".to_vec();
    assert_eq!(
        echo(&mut bob, alice_peer, words.clone()).await,
        Some(words.clone())
    );

    let most = usize::try_from(RELAY.circuit_bytes_max).expect("fits");
    let much = echo(&mut bob, alice_peer, vec![0; most]).await;
    assert_eq!(much, None, "the circuit ends instead of carrying all that");
    // It was the circuit that ended: the pod is there still, and so is alice's place.
    assert!(bob.is_connected(&pod_peer) && !bob.is_connected(&alice_peer));
    assert!(call(&mut bob, &circuit, alice_peer).await, "relayed");
    assert_eq!(echo(&mut bob, alice_peer, words.clone()).await, Some(words));
    alice.abort();
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_behind_one_address_finds_places() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (_, address) = address(&pod).await;
    let circuit = address.with(Protocol::P2pCircuit);

    let pupils: Vec<_> = stream::iter(0..PUPILS)
        .map(|_| async {
            let mut pupil = stock();
            let peer = *pupil.local_peer_id();
            reserve(&mut pupil, &circuit).await;
            (peer, tokio::spawn(live(pupil)))
        })
        .buffer_unordered(16)
        .collect()
        .await;
    assert_eq!(pupils.len(), PUPILS);

    // The first still has its place when the last has got one, and bob, who is at the same
    // address, may call on one after the other.
    let mut bob = stock();
    for (peer, _) in pupils.iter().step_by(PUPILS / CALLS) {
        assert!(call(&mut bob, &circuit, *peer).await, "relayed");
        bob.disconnect_peer_id(*peer).expect("is connected");
    }
    for (_, pupil) in &pupils {
        pupil.abort();
    }
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_seed_has_few_connections() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (pod_peer, address) = address(&pod).await;
    let mut mallory = stock();
    let (mut opened, mut open) = (0, 0);
    let tries = limit::CONNECTIONS_PER_SEED_MAX + 3;
    for _ in 0..tries {
        let again = DialOpts::peer_id(pod_peer)
            .addresses(vec![address.clone()])
            .condition(PeerCondition::Always);
        mallory.dial(again.build()).expect("can be dialled");
    }
    until(&mut mallory, |event| {
        match event {
            SwarmEvent::ConnectionEstablished { .. } => (opened, open) = (opened + 1, open + 1),
            SwarmEvent::ConnectionClosed { .. } => open -= 1,
            _ => {}
        }
        (opened == tries && open == limit::CONNECTIONS_PER_SEED_MAX).then_some(())
    })
    .await;
    // And it stays at that.
    let more = tokio::time::timeout(Duration::from_secs(1), async {
        loop {
            if let SwarmEvent::ConnectionClosed { .. } = mallory.select_next_some().await {
                return;
            }
        }
    });
    assert!(more.await.is_err());
    pod.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_mallory_does_not_finish_ends() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let url = format!("ws://{}/", pod.addr());
    let most = Duration::from_millis(limit::UPGRADE_MS_MAX);
    let ended = async |said: &'static [u8]| {
        let (mut socket, _) = connect_async(&url).await.expect("opens");
        let opened = Instant::now();
        if !said.is_empty() {
            let said = Message::Binary(said.into());
            socket.send(said).await.expect("sends");
        }
        let closed = async { while let Some(Ok(_)) = socket.next().await {} };
        tokio::time::timeout(most + Duration::from_secs(5), closed)
            .await
            .expect("the pod closes it");
        opened.elapsed()
    };
    // Nothing at all; and the first words of a connection that is to be encrypted.
    let (silent, begun) = tokio::join!(ended(b""), ended(b"\x13/multistream/1.0.0\n\x07/noise\n"));
    // Not at once, as it would be for bytes that make no sense.
    assert!(
        silent > most / 2 && begun > most / 2,
        "{silent:?} {begun:?}"
    );
    assert_eq!(get(pod.addr(), "/healthz").await.status, 200);
    pod.stop().await;
}
