//! What a behaviour that wraps another one leaves to it as it is.

/// Methods of a `NetworkBehaviour` with a field `inner`, which is asked. The names in their
/// signatures are those of wherever this is used.
///
/// - `pending`: connections that are being made.
/// - `established`: those that are made, and everything else that the swarm tells.
/// - `told`: what the handlers of the inner behaviour tell it.
macro_rules! left_to_inner {
    ($($which:ident),+) => { $(left_to_inner!(@ $which);)+ };
    (@ pending) => {
        fn handle_pending_inbound_connection(
            &mut self,
            id: ConnectionId,
            local: &Multiaddr,
            remote: &Multiaddr,
        ) -> Result<(), ConnectionDenied> {
            self.inner
                .handle_pending_inbound_connection(id, local, remote)
        }

        fn handle_pending_outbound_connection(
            &mut self,
            id: ConnectionId,
            peer: Option<PeerId>,
            addresses: &[Multiaddr],
            role: Endpoint,
        ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
            self.inner
                .handle_pending_outbound_connection(id, peer, addresses, role)
        }
    };
    (@ established) => {
        fn handle_established_inbound_connection(
            &mut self,
            id: ConnectionId,
            peer: PeerId,
            local: &Multiaddr,
            remote: &Multiaddr,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            self.inner
                .handle_established_inbound_connection(id, peer, local, remote)
        }

        fn handle_established_outbound_connection(
            &mut self,
            id: ConnectionId,
            peer: PeerId,
            address: &Multiaddr,
            role: Endpoint,
            port: PortUse,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            self.inner
                .handle_established_outbound_connection(id, peer, address, role, port)
        }

        fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
            self.inner.on_swarm_event(event);
        }
    };
    (@ told) => {
        fn on_connection_handler_event(
            &mut self,
            peer: PeerId,
            id: ConnectionId,
            event: THandlerOutEvent<Self>,
        ) {
            self.inner.on_connection_handler_event(peer, id, event);
        }
    };
}

pub(crate) use left_to_inner;
