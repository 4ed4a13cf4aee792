//! Identify that asks again.
//!
//! Until a seed has said what it speaks it is no link, however well it is connected: nothing is
//! stored with it and no way leads through it. libp2p asks once, gives up after ten seconds (the
//! far end of a connection that came in may still be busy making it) and asks again five minutes
//! later. Here the question is repeated soon.

use std::{
    collections::BTreeMap,
    task::{Context, Poll},
    time::Duration,
};

use either::Either;
use futures::FutureExt as _;
use futures_timer::Delay;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse, upgrade::ReadyUpgrade},
    identify::{self, PROTOCOL_NAME},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, SubstreamProtocol, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, handler::ConnectionEvent,
    },
};
use muttr_core::limit;

use crate::wrapped::left_to_inner;

/// libp2p's identify, which is not content with silence.
pub struct Insistent {
    inner: identify::Behaviour,
    /// Connections whose far end did not say yet who it is, with how often it was asked in vain.
    unknown: BTreeMap<ConnectionId, u32>,
}

impl std::fmt::Debug for Insistent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Insistent").finish_non_exhaustive()
    }
}

impl Insistent {
    pub(crate) fn new(config: identify::Config) -> Self {
        Self {
            inner: identify::Behaviour::new(config),
            unknown: BTreeMap::new(),
        }
    }

    /// How long to wait before asking again; `None` where nothing is missing, or it was asked
    /// often enough. Whoever hears of that failure may close the connection.
    fn pause(&mut self, id: ConnectionId) -> Option<Duration> {
        let in_vain = self.unknown.get_mut(&id)?;
        *in_vain += 1;
        let doubled = 1_u64.checked_shl(*in_vain - 1).unwrap_or(u64::MAX);
        let (first_ms, longest_ms) = limit::IDENTIFY_RETRY_MS;
        let pause_ms = first_ms.saturating_mul(doubled).min(longest_ms);
        (*in_vain < limit::IDENTIFY_ATTEMPTS_MAX).then_some(Duration::from_millis(pause_ms))
    }
}

impl NetworkBehaviour for Insistent {
    type ConnectionHandler = Handler<THandler<identify::Behaviour>>;
    type ToSwarm = identify::Event;

    left_to_inner!(pending, told);

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_inbound_connection(id, peer, local, remote)
            .map(Handler::new)
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
            .map(Handler::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(it) => {
                self.unknown.insert(it.connection_id, 0);
            }
            FromSwarm::ConnectionClosed(it) => {
                self.unknown.remove(&it.connection_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx).map(|to_swarm| match to_swarm {
            ToSwarm::GenerateEvent(identify::Event::Error {
                connection_id,
                peer_id,
                error,
            }) => match self.pause(connection_id) {
                Some(pause) => ToSwarm::NotifyHandler {
                    peer_id,
                    handler: NotifyHandler::One(connection_id),
                    event: Either::Right(pause),
                },
                None => ToSwarm::GenerateEvent(identify::Event::Error {
                    connection_id,
                    peer_id,
                    error,
                }),
            },
            to_swarm => {
                if let ToSwarm::GenerateEvent(identify::Event::Received { connection_id, .. }) =
                    &to_swarm
                {
                    self.unknown.remove(connection_id);
                }
                to_swarm.map_in(Either::Left)
            }
        })
    }
}

/// Identify's handler, which opens another stream when it is told to.
pub struct Handler<H> {
    inner: H,
    again: Option<Delay>,
}

impl<H> std::fmt::Debug for Handler<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl<H> Handler<H> {
    const fn new(inner: H) -> Self {
        Self { inner, again: None }
    }
}

/// What identify asks with, or tells.
type Question = Either<ReadyUpgrade<StreamProtocol>, ReadyUpgrade<StreamProtocol>>;

impl<H> ConnectionHandler for Handler<H>
where
    H: ConnectionHandler<OutboundProtocol = Question, OutboundOpenInfo = ()>,
{
    /// Asks again after this pause.
    type FromBehaviour = Either<H::FromBehaviour, Duration>;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = H::InboundProtocol;
    type OutboundProtocol = Question;
    type InboundOpenInfo = H::InboundOpenInfo;
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<H::InboundProtocol, H::InboundOpenInfo> {
        self.inner.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.inner.connection_keep_alive()
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {
            Either::Left(event) => self.inner.on_behaviour_event(event),
            Either::Right(pause) => self.again = Some(Delay::new(pause)),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, H::InboundProtocol, Question, H::InboundOpenInfo>,
    ) {
        self.inner.on_connection_event(event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Question, (), H::ToBehaviour>> {
        if self
            .again
            .as_mut()
            .is_some_and(|pause| pause.poll_unpin(cx).is_ready())
        {
            self.again = None;
            // What comes of it the inner handler takes for an answer to a question of its own.
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest {
                protocol: SubstreamProtocol::new(
                    Either::Left(ReadyUpgrade::new(PROTOCOL_NAME)),
                    (),
                ),
            });
        }
        self.inner.poll(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<H::ToBehaviour>> {
        self.inner.poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_ever_less_often_and_then_no_more() {
        let key = crate::keypair([1; 32]).expect("32 bytes are a key");
        let config = identify::Config::new(crate::IDENTIFY.into(), key.public());
        let mut insistent = Insistent::new(config);
        let id = ConnectionId::new_unchecked(1);
        assert_eq!(insistent.pause(id), None, "it is not connected");
        insistent.unknown.insert(id, 0);
        let pauses = std::iter::from_fn(|| insistent.pause(id));
        let pauses: Vec<u64> = pauses.map(|pause| pause.as_millis() as u64).collect();
        let (first_ms, longest_ms) = limit::IDENTIFY_RETRY_MS;
        assert_eq!(pauses.len(), limit::IDENTIFY_ATTEMPTS_MAX as usize - 1);
        assert_eq!(pauses.first(), Some(&first_ms));
        assert!(pauses.is_sorted() && pauses.last() <= Some(&longest_ms));
        // What is asked on a doubled connection must not keep it for ever.
        assert!(pauses.iter().sum::<u64>() < 2 * limit::RTC_DUPLICATE_MS);
    }
}
