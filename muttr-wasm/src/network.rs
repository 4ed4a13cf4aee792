//! libp2p in a tab: a WebSocket to the pod, WebRTC to everyone else, and circuits through the pod
//! by which tabs that want to talk are introduced.

use std::{cell::RefCell, rc::Rc};

use futures::{StreamExt as _, future::Either};
#[cfg(feature = "test-handles")]
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{
    Multiaddr, PeerId, Transport as _,
    core::{ConnectedPoint, multiaddr::Protocol, muxing::StreamMuxerBox, transport::ListenerId},
    identity::Keypair,
    relay,
    swarm::{self, NetworkBehaviour, Swarm, SwarmEvent},
    websocket_websys,
};
use muttr_core::{
    limit,
    machine::{Frame, Input},
    name::SeedId,
    rejection::Rejection,
    routing::Contact,
    time::Time,
};
use muttr_net::{AsWebRtc, HasNet, Net, NetEvent, Profile, Translator, is_direct};

use crate::{
    backoff::Backoff,
    clock::Clock,
    figures::{Connection, Figures, Kind},
    rtc,
};

/// What this program calls itself to whoever connects.
const AGENT: &str = concat!("muttr-wasm/", env!("CARGO_PKG_VERSION"));

/// Everything a tab's swarm does.
#[derive(NetworkBehaviour)]
struct Tab {
    net: Net,
    relay: AsWebRtc<relay::client::Behaviour>,
    introductions: rtc::Introductions,
    #[cfg(feature = "test-handles")]
    streams: muttr_net::DirectOnly<libp2p_stream::Behaviour>,
}

impl HasNet for Tab {
    fn net(&mut self) -> &mut Net {
        &mut self.net
    }
}

/// The network side of a seed in a tab.
pub(crate) struct Network {
    swarm: Swarm<Tab>,
    translator: Translator,
    pod: PeerId,
    /// Pods of other places.
    others: Vec<PeerId>,
    /// Where the circuits of this seed begin: the pod's address, with its peer id.
    relay: Option<Multiaddr>,
    listener: Option<ListenerId>,
    /// When to ask the pod for a reservation again.
    reserve: Backoff,
    figures: Rc<RefCell<Figures>>,
}

/// What is wanted of the network of a seed.
pub(crate) struct Config<'a> {
    /// Its libp2p key.
    pub(crate) keypair: &'a Keypair,
    /// Whether it answers the store protocol.
    pub(crate) stores: bool,
    /// The pod, and where it says it is.
    pub(crate) pod: &'a Contact,
    /// Pods of other places.
    pub(crate) others: &'a [Contact],
    /// The pod's STUN responder.
    pub(crate) stun: Option<String>,
    pub(crate) clock: Clock,
    /// Where to note links and addresses.
    pub(crate) figures: Rc<RefCell<Figures>>,
}

impl Network {
    /// Puts the swarm together; dials nobody.
    ///
    /// # Errors
    /// `Malformed` when the pod's seed id or address is none, or the key cannot be used.
    pub(crate) fn new(config: Config<'_>) -> Result<Self, Rejection> {
        let Config {
            keypair,
            stores,
            pod,
            others,
            stun,
            clock,
            figures,
        } = config;
        let me = keypair.public().to_peer_id();
        let refusals = figures.borrow().refusals.clone();
        let config = rtc::Config {
            stun,
            clock,
            refusals,
        };
        let (direct, introductions) = rtc::new(me, config);
        let (circuits, relay) = relay::client::new(me);
        let sockets = websocket_websys::Transport::default();
        let stacked = muttr_net::stack(circuits.or_transport(sockets), keypair)
            .map_err(|_| Rejection::Malformed)?;
        // In this order: the relay's transport takes `/p2p-circuit/webrtc` for a plain circuit.
        let transport = direct
            .or_transport(stacked)
            .map(|connected, _| match connected {
                Either::Left((peer, connection)) => (peer, StreamMuxerBox::new(connection)),
                Either::Right(connected) => connected,
            })
            .boxed();
        let profile = Profile {
            agent: AGENT.to_owned(),
            connections_max: limit::SEED_CONNECTIONS_MAX,
            stores,
        };
        let behaviour = Tab {
            net: Net::new(keypair.public(), profile),
            relay: AsWebRtc::new(relay),
            introductions,
            #[cfg(feature = "test-handles")]
            streams: muttr_net::DirectOnly::new(libp2p_stream::Behaviour::new()),
        };
        let config = muttr_net::swarm_config(swarm::Config::with_wasm_executor());
        let pod_peer = muttr_net::peer_id(pod.seed).ok_or(Rejection::Malformed)?;
        let address = pod
            .addresses
            .first()
            .and_then(|bytes| Multiaddr::try_from(bytes.clone()).ok());
        // Whom nobody could connect to asks for no introductions.
        let address = address.filter(|_| rtc::is_there());
        let relay = address.and_then(|address| address.with_p2p(pod_peer).ok());
        let mut swarm = Swarm::new(transport, behaviour, me, config);
        // Takes nothing but this address, which is always free.
        let _ = swarm.listen_on(rtc::local_address());
        let network = Self {
            swarm,
            translator: Translator::new(),
            pod: pod_peer,
            others: others
                .iter()
                .filter_map(|pod| muttr_net::peer_id(pod.seed))
                .collect(),
            relay: relay.map(|address| address.with(Protocol::P2pCircuit)),
            listener: None,
            reserve: Backoff::new(limit::RECONNECT_MS),
            figures,
        };
        #[cfg(feature = "test-handles")]
        crate::handles::serve(&network);
        Ok(network)
    }

    /// Waits for the next thing that concerns the machine.
    pub(crate) async fn next<C>(&mut self, clock: Clock) -> Input<C> {
        loop {
            let event = self.swarm.select_next_some().await;
            self.note(clock.now(), &event);
            let input = match event {
                SwarmEvent::Behaviour(TabEvent::Net(event)) => self.on_net(event),
                event => self.translator.on_swarm(&event),
            };
            if let Some(input) = input {
                return input;
            }
        }
    }

    fn on_net<C>(&mut self, event: NetEvent) -> Option<Input<C>> {
        self.translator.on_net(&mut self.swarm, event)
    }

    /// Does what a machine wants done on a link to a seed; some of it is answered at once.
    pub(crate) fn link<C>(&mut self, seed: SeedId, addresses: Vec<Vec<u8>>) -> Option<Input<C>> {
        self.translator.link(&mut self.swarm, seed, addresses)
    }

    /// Dials an address, whatever the machine thinks of it.
    #[cfg(feature = "test-handles")]
    pub(crate) fn dial(&mut self, peer: PeerId, address: Multiaddr) {
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::NotDialing)
            .addresses(vec![address]);
        // One that is under way already will do.
        let _ = self.swarm.dial(options.build());
    }

    /// Closes every connection with a peer.
    #[cfg(feature = "test-handles")]
    pub(crate) fn hang_up(&mut self, peer: PeerId) {
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// Opens and accepts streams on protocols of the tests.
    #[cfg(feature = "test-handles")]
    pub(crate) fn streams(&self) -> libp2p_stream::Control {
        self.swarm.behaviour().streams.new_control()
    }

    /// Closes the link to a seed.
    pub(crate) fn unlink(&mut self, seed: SeedId) {
        Translator::unlink(&mut self.swarm, seed);
    }

    /// Sends a frame to a seed.
    pub(crate) fn send<C>(&mut self, seed: SeedId, frame: Frame) -> Option<Input<C>> {
        self.translator.send(&mut self.swarm, seed, frame)
    }

    /// When [`upkeep`](Self::upkeep) has something to do.
    pub(crate) const fn deadline(&self) -> Option<u64> {
        self.reserve.due_ms()
    }

    /// Asks the pod for a reservation if it is time to.
    pub(crate) fn upkeep(&mut self, now: Time) {
        if self.reserve.take_due(now) {
            self.reserve_now(now);
        }
    }

    fn reserve_now(&mut self, now: Time) {
        let Some(relay) = self.relay.clone() else {
            return;
        };
        if self.listener.is_some() || !self.swarm.is_connected(&self.pod) {
            return;
        }
        match self.swarm.listen_on(relay) {
            Ok(listener) => self.listener = Some(listener),
            Err(_) => self.reserve.fail(now),
        }
    }

    /// Keeps the figures and the reservation up to date with what happens.
    fn note(&mut self, now: Time, event: &SwarmEvent<TabEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                let pod = *peer_id == self.pod;
                let connection = Connection {
                    peer: *peer_id,
                    kind: kind(endpoint),
                    pod,
                    elsewhere: self.others.contains(peer_id),
                    since_ms: now.wall_ms,
                };
                self.figures.borrow_mut().opened(*connection_id, connection);
                if pod {
                    self.reserve_now(now);
                }
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.figures.borrow_mut().closed(connection_id);
            }
            SwarmEvent::NewListenAddr { listener_id, .. }
                if Some(*listener_id) == self.listener =>
            {
                self.reserve.succeed();
            }
            SwarmEvent::ExternalAddrConfirmed { address } => {
                self.figures.borrow_mut().reachable(address.clone());
            }
            SwarmEvent::ExternalAddrExpired { address } => {
                self.figures.borrow_mut().unreachable(address);
            }
            SwarmEvent::ListenerClosed { listener_id, .. }
                if Some(*listener_id) == self.listener =>
            {
                self.listener = None;
                self.reserve.fail(now);
            }
            _ => {}
        }
    }
}

fn kind(endpoint: &ConnectedPoint) -> Kind {
    let address = match endpoint {
        ConnectedPoint::Dialer { address, .. } => address,
        ConnectedPoint::Listener { local_addr, .. } => local_addr,
    };
    if !is_direct(endpoint) {
        Kind::Relay
    } else if address.iter().any(|part| part == Protocol::WebRTC) {
        Kind::WebRtc
    } else {
        Kind::WebSocket
    }
}
