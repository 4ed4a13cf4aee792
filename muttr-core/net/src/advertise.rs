//! What a tab says of where it can be reached.
//!
//! A reservation at a relay makes `RELAY/p2p-circuit/p2p/TAB` an address, and libp2p's relay
//! client tells everybody of it. But circuits only introduce: what may be dialled is
//! `RELAY/p2p-circuit/webrtc/p2p/TAB`, which is told instead.

use std::task::{Context, Poll};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};

use crate::wrapped::left_to_inner;

/// A relay client whose circuits lead to WebRTC.
pub struct AsWebRtc<B> {
    inner: B,
}

impl<B> AsWebRtc<B> {
    /// Has `inner` tell the addresses that lead to WebRTC.
    pub const fn new(inner: B) -> Self {
        Self { inner }
    }
}

impl<B> std::fmt::Debug for AsWebRtc<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsWebRtc").finish_non_exhaustive()
    }
}

/// `/webrtc` right behind the circuit; other addresses as they are.
fn as_webrtc(address: &Multiaddr) -> Multiaddr {
    let mut told = Multiaddr::empty();
    for part in address {
        let circuit = part == Protocol::P2pCircuit;
        told.push(part);
        if circuit {
            told.push(Protocol::WebRTC);
        }
    }
    told
}

impl<B: NetworkBehaviour> NetworkBehaviour for AsWebRtc<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    left_to_inner!(pending, established, told);

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx).map(|to_swarm| match to_swarm {
            ToSwarm::ExternalAddrConfirmed(address) => {
                ToSwarm::ExternalAddrConfirmed(as_webrtc(&address))
            }
            ToSwarm::ExternalAddrExpired(address) => {
                ToSwarm::ExternalAddrExpired(as_webrtc(&address))
            }
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_is_told_leads_to_webrtc() {
        let peer = "12D3KooWGjTBVpFKJ9rHmKd6AZSJuAbqEKwNH6H9JX6k6ihxAkDN";
        let relay = format!("/dns4/oak.example/tcp/443/tls/ws/p2p/{peer}/p2p-circuit");
        let circuit: Multiaddr = format!("{relay}/p2p/{peer}").parse().expect("an address");
        let told = as_webrtc(&circuit).to_string();
        assert_eq!(told, format!("{relay}/webrtc/p2p/{peer}"));
    }
}
