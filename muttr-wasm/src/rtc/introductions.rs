//! The behaviour beside the transport: circuits, and the signalling streams on them.
//!
//! A circuit is there for introductions alone. Once they are over, whoever opened it closes it;
//! the other end does so a little later, or when nothing came of it.

mod handler;

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use either::Either;
use futures::{
    FutureExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
};
use futures_timer::Delay;
use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        self, CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour,
        NotifyHandler, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        dial_opts::{DialOpts, PeerCondition},
        dummy,
    },
};
use muttr_core::{limit, rejection::Rejection};
use muttr_net::{is_circuit, is_direct};

use self::handler::{Handler, Opened};
use super::{Error, connection::Registry};
use crate::{
    clock::Clock,
    log::{Refusals, Refused},
};

/// A signalling stream, and the notice that it is in use, to be held until it is not.
pub(super) struct Introduction {
    pub(super) signals: swarm::Stream,
    pub(super) hold: Hold,
}

/// Tells the behaviour, when dropped, that a circuit is needed a little less.
pub(super) struct Hold {
    circuit: ConnectionId,
    over: mpsc::UnboundedSender<ConnectionId>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.over.unbounded_send(self.circuit);
    }
}

/// The transport wants to be introduced to somebody.
pub(super) struct Ask {
    pub(super) peer: PeerId,
    /// Over this circuit.
    pub(super) circuit: Multiaddr,
    pub(super) reply: oneshot::Sender<Result<Introduction, Error>>,
}

/// Somebody wants to be introduced to us.
pub(super) struct Arrival {
    pub(super) peer: PeerId,
    pub(super) introduction: Introduction,
}

type Reply = oneshot::Sender<Result<Introduction, Error>>;

/// A circuit that is up.
struct Circuit {
    peer: PeerId,
    /// It was we who opened it.
    ours: bool,
    since_ms: u64,
    /// Introductions under way on it.
    uses: usize,
}

/// A direct connection over WebRTC.
struct Direct {
    peer: PeerId,
    /// It was we who dialled.
    dialled: bool,
}

/// See the module's documentation.
pub(crate) struct Introductions {
    clock: Clock,
    refusals: Refusals,
    asked: mpsc::Receiver<Ask>,
    arrive: mpsc::Sender<Arrival>,
    over: (
        mpsc::UnboundedSender<ConnectionId>,
        mpsc::UnboundedReceiver<ConnectionId>,
    ),
    circuits: BTreeMap<ConnectionId, Circuit>,
    directs: BTreeMap<ConnectionId, Direct>,
    registry: Registry,
    me: PeerId,
    /// Who waits for a circuit that is being opened.
    dialling: BTreeMap<ConnectionId, Reply>,
    /// Who waits for a signalling stream, by number.
    opening: BTreeMap<u64, (ConnectionId, Reply)>,
    asks: u64,
    sweep: Option<Delay>,
    out: VecDeque<ToSwarm<Infallible, Either<u64, Infallible>>>,
}

impl Introductions {
    pub(super) fn new(
        me: PeerId,
        clock: Clock,
        refusals: Refusals,
        asked: mpsc::Receiver<Ask>,
        arrive: mpsc::Sender<Arrival>,
        registry: Registry,
    ) -> Self {
        Self {
            clock,
            refusals,
            asked,
            arrive,
            over: mpsc::unbounded(),
            circuits: BTreeMap::new(),
            directs: BTreeMap::new(),
            registry,
            me,
            dialling: BTreeMap::new(),
            opening: BTreeMap::new(),
            asks: 0,
            sweep: None,
            out: VecDeque::new(),
        }
    }

    fn hold_of(&mut self, circuit: ConnectionId) -> Hold {
        if let Some(known) = self.circuits.get_mut(&circuit) {
            known.uses += 1;
        }
        Hold {
            circuit,
            over: self.over.0.clone(),
        }
    }

    fn ask(&mut self, ask: Ask) {
        let known = self
            .circuits
            .iter()
            .find(|(_, circuit)| circuit.peer == ask.peer)
            .map(|(id, _)| *id);
        if let Some(id) = known {
            return self.open(id, ask.peer, ask.reply);
        }
        // Whatever else there is or comes with this seed: a circuit is wanted.
        let options = DialOpts::peer_id(ask.peer)
            .condition(PeerCondition::Always)
            .addresses(vec![ask.circuit])
            .build();
        self.dialling.insert(options.connection_id(), ask.reply);
        self.out.push_back(ToSwarm::Dial { opts: options });
    }

    /// Opens a signalling stream on a circuit.
    fn open(&mut self, circuit: ConnectionId, peer: PeerId, reply: Reply) {
        self.asks += 1;
        self.opening.insert(self.asks, (circuit, reply));
        self.out.push_back(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(circuit),
            event: Either::Left(self.asks),
        });
        // Counted from here on, or the circuit might be closed as unused.
        if let Some(known) = self.circuits.get_mut(&circuit) {
            known.uses += 1;
        }
    }

    fn ended(&mut self, circuit: ConnectionId) {
        let Some(known) = self.circuits.get_mut(&circuit) else {
            return;
        };
        known.uses = known.uses.saturating_sub(1);
        if known.uses == 0 && known.ours {
            self.close(circuit);
        } else {
            self.sweep_soon();
        }
    }

    fn close(&mut self, id: ConnectionId) {
        let circuit = self.circuits.get(&id).map(|circuit| circuit.peer);
        let peer = circuit.or_else(|| self.directs.get(&id).map(|direct| direct.peer));
        if let Some(peer_id) = peer {
            self.out.push_back(ToSwarm::CloseConnection {
                peer_id,
                connection: CloseConnection::One(id),
            });
        }
    }

    fn sweep_soon(&mut self) {
        self.sweep
            .get_or_insert_with(|| Delay::new(Duration::from_millis(limit::CIRCUIT_IDLE_MS)));
    }

    /// Closes circuits nobody uses, and doubled connections.
    fn sweep(&mut self) {
        let now_ms = self.clock.now().mono_ms;
        let idle = |circuit: &Circuit| {
            circuit.uses == 0 && now_ms.saturating_sub(circuit.since_ms) >= limit::CIRCUIT_IDLE_MS
        };
        let idle = self.circuits.iter().filter(|(_, circuit)| idle(circuit));
        let mut closing: Vec<ConnectionId> = idle.map(|(id, _)| *id).collect();
        let doubled = self.doubled();
        for (id, peer) in &doubled {
            let used_ms = self.registry.used_ms(peer, false).unwrap_or_default();
            if now_ms >= used_ms.saturating_add(limit::RTC_DUPLICATE_MS) {
                closing.push(*id);
            }
        }
        for id in closing {
            self.close(id);
        }
        if !self.circuits.is_empty() || !doubled.is_empty() {
            self.sweep_soon();
        }
    }

    /// Of two direct connections with one seed, the one that we are to close once it is quiet.
    /// Both ends know both seed ids, so that one of them closes and the other does not: the
    /// smaller one, and only what the other side dialled.
    fn doubled(&self) -> Vec<(ConnectionId, PeerId)> {
        let dialled = |peer: &PeerId| {
            let same = |direct: &Direct| direct.peer == *peer && direct.dialled;
            self.directs.values().any(same)
        };
        let ours = |direct: &Direct| {
            let smaller = self.me.to_bytes() < direct.peer.to_bytes();
            smaller && !direct.dialled && dialled(&direct.peer)
        };
        let doubled = self.directs.iter().filter(|(_, direct)| ours(direct));
        doubled.map(|(id, direct)| (*id, direct.peer)).collect()
    }

    fn established(&mut self, peer: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        if is_direct(endpoint) {
            if is_webrtc(endpoint) {
                let dialled = endpoint.is_dialer();
                self.directs.insert(id, Direct { peer, dialled });
            }
        } else {
            let circuit = Circuit {
                peer,
                ours: endpoint.is_dialer(),
                since_ms: self.clock.now().mono_ms,
                uses: 0,
            };
            self.circuits.insert(id, circuit);
            if let Some(reply) = self.dialling.remove(&id) {
                self.open(id, peer, reply);
            }
        }
        self.sweep_soon();
    }

    fn closed(&mut self, id: ConnectionId) {
        self.directs.remove(&id);
        if self.circuits.remove(&id).is_some() {
            let lost = self
                .opening
                .extract_if(.., |_, (circuit, _)| *circuit == id);
            for (_, (_, reply)) in lost {
                let _ = reply.send(Err(Error::Unreachable));
            }
        }
    }

    fn opened(&mut self, circuit: ConnectionId, ask: u64, signals: Option<swarm::Stream>) {
        let Some((_, reply)) = self.opening.remove(&ask) else {
            return self.ended(circuit);
        };
        let hold = Hold {
            circuit,
            over: self.over.0.clone(),
        };
        // Nobody waits any more: what is dropped here ends the stream and its use.
        let _ = reply.send(match signals {
            Some(signals) => Ok(Introduction { signals, hold }),
            None => Err(Error::Refused),
        });
    }

    fn arrived(&mut self, circuit: ConnectionId, peer: PeerId, signals: swarm::Stream) {
        let hold = self.hold_of(circuit);
        let introduction = Introduction { signals, hold };
        let arrived = self.arrive.try_send(Arrival { peer, introduction });
        // No room: the stream is reset by being dropped.
        if arrived.is_err() {
            self.refusals.note(Refused::Handshake, Rejection::Busy);
        }
    }
}

fn is_webrtc(endpoint: &ConnectedPoint) -> bool {
    let address = match endpoint {
        ConnectedPoint::Dialer { address, .. } => address,
        ConnectedPoint::Listener { local_addr, .. } => local_addr,
    };
    address.iter().any(|part| part == Protocol::WebRTC)
}

impl NetworkBehaviour for Introductions {
    type ConnectionHandler = Either<Handler, dummy::ConnectionHandler>;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        local: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler_for(local))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(handler_for(address))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(it) => {
                self.established(it.peer_id, it.connection_id, it.endpoint);
            }
            FromSwarm::ConnectionClosed(it) => self.closed(it.connection_id),
            FromSwarm::DialFailure(it) => {
                if let Some(reply) = self.dialling.remove(&it.connection_id) {
                    let _ = reply.send(Err(Error::Unreachable));
                }
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        circuit: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {
            Either::Left(Opened::Theirs(signals)) => self.arrived(circuit, peer, signals),
            Either::Left(Opened::Ours(ask, signals)) => self.opened(circuit, ask, Some(signals)),
            Either::Left(Opened::Refused(ask)) => self.opened(circuit, ask, None),
            Either::Right(never) => match never {},
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            if let Some(action) = self.out.pop_front() {
                return Poll::Ready(action);
            }
            if let Poll::Ready(Some(circuit)) = self.over.1.poll_next_unpin(cx) {
                self.ended(circuit);
            } else if let Poll::Ready(Some(ask)) = self.asked.poll_next_unpin(cx) {
                self.ask(ask);
            } else if self
                .sweep
                .as_mut()
                .is_some_and(|timer| timer.poll_unpin(cx).is_ready())
            {
                self.sweep = None;
                self.sweep();
            } else {
                return Poll::Pending;
            }
        }
    }
}

fn handler_for(address: &Multiaddr) -> Either<Handler, dummy::ConnectionHandler> {
    if is_circuit(address) {
        Either::Left(Handler::default())
    } else {
        Either::Right(dummy::ConnectionHandler)
    }
}
