//! Signalling streams on one circuit.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use libp2p::{
    StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, Stream, SubstreamProtocol,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};

use super::super::SIGNALLING;

/// What became of a signalling stream.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The far end opened one.
    Theirs(Stream),
    /// The one asked for by this number is open.
    Ours(u64, Stream),
    /// The one asked for by this number will not be.
    Refused(u64),
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Handler {
    wanted: VecDeque<u64>,
    opened: VecDeque<Opened>,
}

impl ConnectionHandler for Handler {
    /// A signalling stream is wanted, by this number.
    type FromBehaviour = u64;
    type ToBehaviour = Opened;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = u64;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(SIGNALLING), ())
    }

    /// The behaviour closes circuits, when it knows that they are over.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, ask: u64) {
        self.wanted.push_back(ask);
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, (), u64>,
    ) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol, ..
            }) => self.opened.push_back(Opened::Theirs(protocol)),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol,
                info,
            }) => self.opened.push_back(Opened::Ours(info, protocol)),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, .. }) => {
                self.opened.push_back(Opened::Refused(info));
            }
            _ => {}
        }
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, u64, Opened>> {
        if let Some(opened) = self.opened.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(opened));
        }
        match self.wanted.pop_front() {
            Some(ask) => Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(ReadyUpgrade::new(SIGNALLING), ask),
            }),
            None => Poll::Pending,
        }
    }
}
