//! The transport: dials `…/p2p-circuit/webrtc/p2p/SEED`, listens at `/webrtc`.

use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures::{
    SinkExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
};
use libp2p::{
    Multiaddr, PeerId,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
    multiaddr::Protocol,
};
use muttr_core::{limit, rejection::Rejection};
use send_wrapper::SendWrapper;

use super::{
    Config, Connection, Error, Turn,
    connection::Registry,
    handshake,
    introductions::{Arrival, Ask},
};
use crate::log::Refused;

type Upgrade = Pin<Box<dyn Future<Output = Result<(PeerId, Connection), Error>> + Send>>;

/// Makes connections of the introductions that the behaviour beside it gets.
pub(crate) struct Transport(SendWrapper<Inner>);

struct Inner {
    config: Config,
    ask: mpsc::Sender<Ask>,
    arrived: mpsc::Receiver<Arrival>,
    registry: Registry,
    listener: Option<(ListenerId, Listening)>,
    dialling: Rc<Cell<usize>>,
    answering: Rc<Cell<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Listening {
    ToAnnounce,
    Announced,
}

impl Transport {
    pub(super) fn new(
        config: Config,
        ask: mpsc::Sender<Ask>,
        arrived: mpsc::Receiver<Arrival>,
        registry: Registry,
    ) -> Self {
        Self(SendWrapper::new(Inner {
            config,
            ask,
            arrived,
            registry,
            listener: None,
            dialling: Rc::default(),
            answering: Rc::default(),
        }))
    }
}

/// Where a tab listens for direct connections, as it says to itself: nobody can dial that.
pub(crate) fn local_address() -> Multiaddr {
    Multiaddr::from(Protocol::WebRTC)
}

/// The circuit that leads to an introduction, and whom it leads to.
fn circuit_of(address: &Multiaddr) -> Option<(Multiaddr, PeerId)> {
    let is_webrtc = address.iter().any(|part| part == Protocol::WebRTC);
    let circuit: Multiaddr = address
        .iter()
        .filter(|part| *part != Protocol::WebRTC)
        .collect();
    match circuit.iter().last() {
        Some(Protocol::P2p(peer)) if is_webrtc && muttr_net::is_circuit(&circuit) => {
            Some((circuit, peer))
        }
        _ => None,
    }
}

impl Inner {
    fn dial(&self, circuit: Multiaddr, peer: PeerId) -> Upgrade {
        let (config, registry) = (self.config.clone(), self.registry.clone());
        let (mut ask, dialling) = (self.ask.clone(), Rc::clone(&self.dialling));
        Box::pin(SendWrapper::new(async move {
            let turn = Turn::take(&dialling, limit::RTC_HANDSHAKES_MAX).ok_or(Error::Busy)?;
            let (reply, introduced) = oneshot::channel();
            let question = Ask {
                peer,
                circuit,
                reply,
            };
            ask.send(question).await.map_err(|_| Error::Unreachable)?;
            let introduction = introduced.await.map_err(|_| Error::Unreachable)??;
            let connection = handshake::offer(config, introduction.signals).await?;
            registry.enter(peer, true, &connection);
            drop((introduction.hold, turn));
            Ok((peer, connection))
        }))
    }

    fn answer(&self, arrival: Arrival, turn: Turn) -> Upgrade {
        let (config, registry) = (self.config.clone(), self.registry.clone());
        let Arrival { peer, introduction } = arrival;
        Box::pin(SendWrapper::new(async move {
            let connection = handshake::answer(config, introduction.signals).await?;
            registry.enter(peer, false, &connection);
            drop((introduction.hold, turn));
            Ok((peer, connection))
        }))
    }
}

impl libp2p::Transport for Transport {
    type Output = (PeerId, Connection);
    type Error = Error;
    type ListenerUpgrade = Upgrade;
    type Dial = Upgrade;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<Error>> {
        if address != local_address() || self.0.listener.is_some() {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.0.listener = Some((id, Listening::ToAnnounce));
        Ok(())
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        let listener = &mut self.0.listener;
        listener.take_if(|(known, _)| *known == id).is_some()
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Upgrade, TransportError<Error>> {
        match circuit_of(&address) {
            Some((circuit, peer)) if options.role.is_dialer() => Ok(self.0.dial(circuit, peer)),
            _ => Err(TransportError::MultiaddrNotSupported(address)),
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Upgrade, Error>> {
        let this = &mut *self.0;
        let Some((listener_id, listening)) = &mut this.listener else {
            return Poll::Pending;
        };
        let listener_id = *listener_id;
        if *listening == Listening::ToAnnounce {
            *listening = Listening::Announced;
            return Poll::Ready(TransportEvent::NewAddress {
                listener_id,
                listen_addr: local_address(),
            });
        }
        while let Poll::Ready(Some(arrival)) = this.arrived.poll_next_unpin(cx) {
            // One too many is dropped, which resets its signalling stream.
            let Some(turn) = Turn::take(&this.answering, limit::RTC_HANDSHAKES_MAX) else {
                this.config
                    .refusals
                    .note(Refused::Handshake, Rejection::Busy);
                continue;
            };
            let send_back_addr = local_address().with(Protocol::P2p(arrival.peer));
            return Poll::Ready(TransportEvent::Incoming {
                listener_id,
                upgrade: this.answer(arrival, turn),
                local_addr: local_address(),
                send_back_addr,
            });
        }
        Poll::Pending
    }
}
