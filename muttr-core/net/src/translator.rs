//! Swarm events in, machine inputs out; machine outputs in, swarm calls out.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, identify, ping,
    request_response::{self, InboundRequestId, OutboundRequestId, ResponseChannel},
    swarm::{
        ConnectionId, DialError, NetworkBehaviour, Swarm, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use muttr_core::{
    limit,
    machine::{Address, Frame, Input, Link, Protocol, Traits},
    name::SeedId,
};

use crate::{
    ROUTING, STORE,
    behaviour::{Net, NetEvent},
    direct_only::is_direct,
    stack::peer_id,
};

/// A shell's behaviour, in so far as [`Net`] is embedded in it.
pub trait HasNet: NetworkBehaviour {
    /// The embedded part.
    fn net(&mut self) -> &mut Net;
}

/// Knows which seed is linked, who asked what, and what was asked of whom.
///
/// Peers whose id is not an Ed25519 key are left alone: connected they may be, but no input
/// tells of them.
#[derive(Debug, Default)]
pub struct Translator {
    seeds: BTreeMap<SeedId, Known>,
    /// Direct connections; a seed we have only a circuit to is not linked.
    direct: BTreeMap<SeedId, BTreeSet<ConnectionId>>,
    /// Our questions: which seed, and the machine's number.
    asked: BTreeMap<(Protocol, OutboundRequestId), (SeedId, u64)>,
    /// Questions to us, by the number that the machine was told.
    owed: BTreeMap<u64, Owed>,
    /// The way back from libp2p's number to that one.
    owed_by_request: BTreeMap<(Protocol, InboundRequestId), u64>,
    asks: u64,
}

/// A seed that is linked, or that the machine wants to be linked with.
#[derive(Debug, Default)]
struct Known {
    /// The machine waits for `Linked` or `Unlinked`.
    wanted: bool,
    /// What the machine was told when the link came up.
    traits: Option<Traits>,
}

#[derive(Debug)]
struct Owed {
    protocol: Protocol,
    request: InboundRequestId,
    channel: ResponseChannel<Vec<u8>>,
}

type AskEvent = request_response::Event<Vec<u8>, Vec<u8>>;

impl Translator {
    /// Nothing is linked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many seeds are linked.
    #[must_use]
    pub fn links(&self) -> usize {
        self.seeds
            .values()
            .filter(|known| known.traits.is_some())
            .count()
    }

    /// Translates an event of the swarm itself; events of behaviours mean nothing to it.
    pub fn on_swarm<C, E>(&mut self, event: &SwarmEvent<E>) -> Option<Input<C>> {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                if is_direct(endpoint) {
                    let connections = self.direct.entry(seed_id(peer_id)?).or_default();
                    connections.insert(*connection_id);
                }
                None
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                num_established,
                ..
            } => self.closed(seed_id(peer_id)?, *connection_id, *num_established),
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error,
                ..
            } => {
                let seed = seed_id(peer)?;
                // A dial that was not begun because another one is under way ends with that one.
                let under_way = matches!(error, DialError::DialPeerConditionFalse(_));
                let linked = self
                    .seeds
                    .get(&seed)
                    .is_some_and(|known| known.traits.is_some());
                if under_way || linked {
                    None
                } else {
                    self.gone(seed)
                }
            }
            _ => None,
        }
    }

    /// Translates an event of the shared behaviour.
    pub fn on_net<C, B: HasNet>(
        &mut self,
        swarm: &mut Swarm<B>,
        event: NetEvent,
    ) -> Option<Input<C>> {
        match event {
            NetEvent::Identify(event) => self.on_identify(swarm, event),
            NetEvent::Ping(ping::Event {
                connection,
                result: Err(failure),
                ..
            }) => {
                if !matches!(failure, ping::Failure::Unsupported) {
                    swarm.close_connection(connection);
                }
                None
            }
            NetEvent::Ping(_) => None,
            NetEvent::Routing(event) => self.on_ask(Protocol::Routing, event),
            NetEvent::Store(event) => self.on_ask(Protocol::Store, event),
            #[allow(
                unreachable_patterns,
                reason = "limits never speak; libp2p's type says so"
            )]
            _ => None,
        }
    }

    /// Does what a machine asks for on a link to a seed; some of it is answered at once.
    pub fn link<C, B: HasNet>(
        &mut self,
        swarm: &mut Swarm<B>,
        seed: SeedId,
        addresses: Vec<Address>,
    ) -> Option<Input<C>> {
        let known = self.seeds.entry(seed).or_default();
        if let Some(traits) = &known.traits {
            return Some(Input::Linked(Link::Seed(seed), traits.clone()));
        }
        known.wanted = true;
        let addresses = addresses
            .into_iter()
            .filter_map(|bytes| Multiaddr::try_from(bytes).ok());
        let dialled = peer_id(seed).map(|peer| {
            let opts = DialOpts::peer_id(peer)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses.collect());
            swarm.dial(opts.build())
        });
        match dialled {
            Some(Ok(()) | Err(DialError::DialPeerConditionFalse(_))) => None,
            Some(Err(_)) | None => self.gone(seed),
        }
    }

    /// Closes every connection with a seed; `Unlinked` follows if it was linked.
    pub fn unlink<B: HasNet>(swarm: &mut Swarm<B>, seed: SeedId) {
        if let Some(peer) = peer_id(seed) {
            // Fails only when there is nothing to close.
            let _ = swarm.disconnect_peer_id(peer);
        }
    }

    /// Sends a frame to a seed. A question that cannot be asked is answered at once.
    pub fn send<C, B: HasNet>(
        &mut self,
        swarm: &mut Swarm<B>,
        seed: SeedId,
        frame: Frame,
    ) -> Option<Input<C>> {
        match frame {
            Frame::Ask(id, protocol, bytes) => {
                let peer = peer_id(seed).filter(|_| self.direct.contains_key(&seed));
                let Some(peer) = peer else {
                    return Some(Input::Frame(Link::Seed(seed), Frame::NoAnswer(id)));
                };
                let behaviour = swarm.behaviour_mut().net().protocol(protocol);
                let request = behaviour.send_request(&peer, bytes);
                self.asked.insert((protocol, request), (seed, id));
            }
            Frame::Answer(id, bytes) => {
                if let Some(owed) = self.settle(id) {
                    let behaviour = swarm.behaviour_mut().net().protocol(owed.protocol);
                    // Too late when the asker is gone, which is no news to the machine.
                    let _ = behaviour.send_response(owed.channel, bytes);
                }
            }
            // The channel goes, and with it the substream.
            Frame::NoAnswer(id) => drop(self.settle(id)),
            Frame::Channel(_) => {}
        }
        None
    }

    /// A connection closed. What counts is the last direct one; and the last of all, where the
    /// machine waits for one to come of a circuit.
    fn closed<C>(&mut self, seed: SeedId, id: ConnectionId, remaining: u32) -> Option<Input<C>> {
        let was_last_direct = match self.direct.get_mut(&seed) {
            Some(connections) => connections.remove(&id) && connections.is_empty(),
            None => remaining == 0,
        };
        if !was_last_direct {
            return None;
        }
        self.direct.remove(&seed);
        self.gone(seed)
    }

    fn on_identify<C, B: HasNet>(
        &mut self,
        swarm: &mut Swarm<B>,
        event: identify::Event,
    ) -> Option<Input<C>> {
        match event {
            identify::Event::Received { peer_id, info, .. } => {
                let seed = seed_id(&peer_id)?;
                let traits = traits(&info.protocols, &info.listen_addrs);
                if !self.direct.contains_key(&seed) {
                    return None;
                }
                let known = self.seeds.entry(seed).or_default();
                if known.traits.as_ref() == Some(&traits) {
                    return None;
                }
                *known = Known {
                    wanted: false,
                    traits: Some(traits.clone()),
                };
                Some(Input::Linked(Link::Seed(seed), traits))
            }
            identify::Event::Error {
                peer_id,
                connection_id,
                ..
            } => {
                let known = seed_id(&peer_id).and_then(|seed| self.seeds.get(&seed));
                if known.is_some_and(|known| known.wanted) {
                    // Asked often enough, it will never say what it speaks; the machine is told
                    // when it is closed.
                    swarm.close_connection(connection_id);
                }
                None
            }
            identify::Event::Sent { .. } | identify::Event::Pushed { .. } => None,
        }
    }

    fn on_ask<C>(&mut self, protocol: Protocol, event: AskEvent) -> Option<Input<C>> {
        use request_response::{Event, Message};
        let (seed, frame) = match event {
            Event::Message {
                peer,
                message:
                    Message::Request {
                        request_id,
                        request,
                        channel,
                    },
                ..
            } => {
                let seed = seed_id(&peer)?;
                self.asks += 1;
                self.owed_by_request
                    .insert((protocol, request_id), self.asks);
                self.owed.insert(
                    self.asks,
                    Owed {
                        protocol,
                        request: request_id,
                        channel,
                    },
                );
                (seed, Frame::Ask(self.asks, protocol, request))
            }
            Event::Message {
                message:
                    Message::Response {
                        request_id,
                        response,
                    },
                ..
            } => {
                let (seed, id) = self.asked.remove(&(protocol, request_id))?;
                (seed, Frame::Answer(id, response))
            }
            Event::OutboundFailure { request_id, .. } => {
                let (seed, id) = self.asked.remove(&(protocol, request_id))?;
                (seed, Frame::NoAnswer(id))
            }
            Event::InboundFailure { request_id, .. } => {
                let id = self.owed_by_request.remove(&(protocol, request_id))?;
                self.owed.remove(&id);
                return None;
            }
            Event::ResponseSent { .. } => return None,
        };
        Some(Input::Frame(Link::Seed(seed), frame))
    }

    fn settle(&mut self, id: u64) -> Option<Owed> {
        let owed = self.owed.remove(&id)?;
        self.owed_by_request.remove(&(owed.protocol, owed.request));
        Some(owed)
    }

    /// There is no connection with it any more, or none could be made.
    fn gone<C>(&mut self, seed: SeedId) -> Option<Input<C>> {
        let known = self.seeds.remove(&seed)?;
        let told = known.wanted || known.traits.is_some();
        told.then_some(Input::Unlinked(Link::Seed(seed)))
    }
}

fn seed_id(peer: &PeerId) -> Option<SeedId> {
    SeedId::from_peer_id(&peer.to_bytes()).ok()
}

fn traits(protocols: &[StreamProtocol], listens: &[Multiaddr]) -> Traits {
    let mut addresses = Vec::new();
    for address in listens.iter().map(Multiaddr::to_vec) {
        let fits = !address.is_empty() && address.len() <= limit::ADDRESS_BYTES_MAX;
        if fits && addresses.len() < limit::ADDRESSES_PER_SEED_MAX && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    Traits {
        addresses,
        routes: protocols.contains(&ROUTING),
        stores: protocols.contains(&STORE),
    }
}
