//! A behaviour that does not see circuits.
//!
//! A circuit through a relay introduces two seeds to each other and carries nothing else
//! (PROTOCOL.md, "Direct connections"). js-libp2p calls such connections limited and keeps them
//! from protocols by itself; in rust-libp2p every behaviour uses every connection, so ours are
//! wrapped in this.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    task::{Context, Poll},
};

use either::Either;
use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
        behaviour::{ConnectionClosed, ConnectionEstablished},
        dummy,
    },
};

use crate::wrapped::left_to_inner;

/// Whether a connection over this address is a circuit and nothing more.
///
/// An address with `/p2p-circuit/webrtc` in it names the circuit over which two seeds agree on a
/// direct connection; what comes of it is direct.
#[must_use]
pub fn is_circuit(address: &Multiaddr) -> bool {
    let mut circuit = false;
    for part in address {
        match part {
            Protocol::P2pCircuit => circuit = true,
            Protocol::WebRTC => return false,
            _ => {}
        }
    }
    circuit
}

/// Whether nobody stands between the two ends of a connection.
#[must_use]
pub fn is_direct(endpoint: &ConnectedPoint) -> bool {
    match endpoint {
        ConnectedPoint::Dialer { address, .. } => !is_circuit(address),
        ConnectedPoint::Listener { local_addr, .. } => !is_circuit(local_addr),
    }
}

/// Uses direct connections only; over circuits it neither asks nor answers.
pub struct DirectOnly<B> {
    inner: B,
    /// How many circuits there are with whom: what is counted for the inner behaviour leaves
    /// them out.
    circuits: BTreeMap<PeerId, usize>,
}

impl<B> DirectOnly<B> {
    /// Keeps `inner` from circuits.
    pub const fn new(inner: B) -> Self {
        Self {
            inner,
            circuits: BTreeMap::new(),
        }
    }

    fn circuits(&self, peer: &PeerId) -> usize {
        self.circuits.get(peer).copied().unwrap_or_default()
    }
}

impl<B> std::fmt::Debug for DirectOnly<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectOnly").finish_non_exhaustive()
    }
}

impl<B> Deref for DirectOnly<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.inner
    }
}

impl<B> DerefMut for DirectOnly<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for DirectOnly<B> {
    type ConnectionHandler = Either<THandler<B>, dummy::ConnectionHandler>;
    type ToSwarm = B::ToSwarm;

    left_to_inner!(pending);

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if is_circuit(local) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        self.inner
            .handle_established_inbound_connection(id, peer, local, remote)
            .map(Either::Left)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if is_circuit(address) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        self.inner
            .handle_established_outbound_connection(id, peer, address, role, port)
            .map(Either::Left)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let event = match event {
            FromSwarm::ConnectionEstablished(it) if !is_direct(it.endpoint) => {
                *self.circuits.entry(it.peer_id).or_default() += 1;
                return;
            }
            FromSwarm::ConnectionClosed(it) if !is_direct(it.endpoint) => {
                if let Some(count) = self.circuits.get_mut(&it.peer_id) {
                    *count -= 1;
                }
                self.circuits.retain(|_, count| *count > 0);
                return;
            }
            FromSwarm::AddressChange(it) if !is_direct(it.new) => return,
            FromSwarm::ConnectionEstablished(it) => {
                let circuits = self.circuits(&it.peer_id);
                FromSwarm::ConnectionEstablished(ConnectionEstablished {
                    other_established: it.other_established.saturating_sub(circuits),
                    ..it
                })
            }
            FromSwarm::ConnectionClosed(it) => {
                let circuits = self.circuits(&it.peer_id);
                FromSwarm::ConnectionClosed(ConnectionClosed {
                    remaining_established: it.remaining_established.saturating_sub(circuits),
                    ..it
                })
            }
            event => event,
        };
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {
            Either::Left(event) => self.inner.on_connection_handler_event(peer, id, event),
            Either::Right(never) => match never {},
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner
            .poll(cx)
            .map(|to_swarm| to_swarm.map_in(Either::Left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_is_one_unless_it_leads_to_a_direct_connection() {
        let peer = "12D3KooWGjTBVpFKJ9rHmKd6AZSJuAbqEKwNH6H9JX6k6ihxAkDN";
        for (address, expected) in [
            ("/dns4/oak.example/tcp/443/tls/ws".to_owned(), false),
            (
                format!("/dns4/oak.example/tcp/443/tls/ws/p2p/{peer}/p2p-circuit/p2p/{peer}"),
                true,
            ),
            (
                format!(
                    "/dns4/oak.example/tcp/443/tls/ws/p2p/{peer}/p2p-circuit/webrtc/p2p/{peer}"
                ),
                false,
            ),
            ("/webrtc".to_owned(), false),
        ] {
            let parsed: Multiaddr = address.parse().expect("an address");
            assert_eq!(is_circuit(&parsed), expected, "{address}");
        }
    }
}
