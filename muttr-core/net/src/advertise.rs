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

/// A relay client whose circuits lead to WebRTC.
pub struct AsWebRtc<B>(pub B);

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

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.0.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0
            .handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.0
            .handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.0
            .handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.0.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.0.on_connection_handler_event(peer, id, event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.0.poll(cx).map(|to_swarm| match to_swarm {
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
