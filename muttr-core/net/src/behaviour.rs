//! What every seed and every pod speaks.

use std::time::Duration;

use libp2p::{
    connection_limits::{self, ConnectionLimits},
    identify,
    identity::PublicKey,
    ping,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
};
use muttr_core::{limit, machine::Protocol};

use crate::{
    IDENTIFY, ROUTING, STORE, direct_only::DirectOnly, framing::Framing, insistent::Insistent,
};

/// In which a tab's and a pod's network side differ.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Name and version of the program, told to everybody who connects.
    pub agent: String,
    /// Connections with all seeds together.
    pub connections_max: u32,
    /// Whether it keeps records for others, that is: answers the store protocol.
    pub stores: bool,
}

/// The shared behaviour, to be embedded in a shell's own. Only the limits see circuits.
#[derive(NetworkBehaviour)]
pub struct Net {
    limits: connection_limits::Behaviour,
    identify: DirectOnly<Insistent>,
    ping: DirectOnly<ping::Behaviour>,
    pub(crate) routing: DirectOnly<request_response::Behaviour<Framing>>,
    pub(crate) store: DirectOnly<request_response::Behaviour<Framing>>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Net {
    /// The behaviour of the seed with this key.
    #[must_use]
    pub fn new(key: PublicKey, profile: Profile) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_established(Some(profile.connections_max))
            .with_max_established_per_peer(Some(limit::CONNECTIONS_PER_SEED_MAX))
            .with_max_pending_incoming(Some(limit::CONNECTIONS_PENDING_MAX))
            .with_max_pending_outgoing(Some(limit::CONNECTIONS_PENDING_MAX));
        let identify = identify::Config::new(IDENTIFY.into(), key)
            .with_agent_version(profile.agent)
            .with_push_listen_addr_updates(true)
            // A tab listens at `/webrtc` and on a circuit; what others can dial is neither.
            .with_hide_listen_addrs(true)
            // Which addresses to dial is for the machine to say.
            .with_cache_size(0);
        let ping = ping::Config::new()
            .with_interval(Duration::from_millis(limit::PING_MS))
            .with_timeout(Duration::from_millis(limit::PONG_MS_MAX));
        let store = if profile.stores {
            ProtocolSupport::Full
        } else {
            ProtocolSupport::Outbound
        };
        Self {
            limits: connection_limits::Behaviour::new(limits),
            identify: DirectOnly::new(Insistent::new(identify)),
            ping: DirectOnly::new(ping::Behaviour::new(ping)),
            routing: DirectOnly::new(request_response::Behaviour::with_codec(
                Framing::new(limit::ROUTING_BYTES_MAX),
                [(ROUTING, ProtocolSupport::Full)],
                asking(limit::ASK_MS_MAX),
            )),
            store: DirectOnly::new(request_response::Behaviour::with_codec(
                Framing::new(limit::STORE_BYTES_MAX),
                [(STORE, store)],
                asking(limit::STORE_ASK_MS_MAX),
            )),
        }
    }

    pub(crate) fn protocol(
        &mut self,
        protocol: Protocol,
    ) -> &mut request_response::Behaviour<Framing> {
        match protocol {
            Protocol::Routing => &mut self.routing,
            Protocol::Store => &mut self.store,
        }
    }
}

fn asking(ms_max: u64) -> request_response::Config {
    request_response::Config::default()
        .with_request_timeout(Duration::from_millis(ms_max))
        .with_max_concurrent_streams(limit::ASKS_PER_CONNECTION_MAX)
}
