//! What a seed does at the moment, for whoever looks at it.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

use crate::log::Refusals;

/// Noted by the driver, read by the facade.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    connections: BTreeMap<ConnectionId, Connection>,
    addresses: Vec<Multiaddr>,
    /// Records kept for others.
    pub(crate) records: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Bytes of frames that came in.
    pub(crate) received_bytes: u64,
    /// Bytes of frames that went out.
    pub(crate) sent_bytes: u64,
    /// What others did wrong. It is no change: whoever did it would decide how often to tell.
    pub(crate) refusals: Refusals,
    changed: bool,
}

/// One connection with another seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) peer: PeerId,
    pub(crate) kind: Kind,
    /// It is with the pod this seed joined.
    pub(crate) pod: bool,
    /// It is with a pod of another place.
    pub(crate) elsewhere: bool,
    /// Since when, in milliseconds since 1970.
    pub(crate) since_ms: u64,
}

/// What a connection runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A WebSocket from here to there.
    WebSocket,
    /// Directly, from tab to tab.
    WebRtc,
    /// A circuit through the pod, over which two tabs are introduced.
    Relay,
}

impl Figures {
    pub(crate) fn opened(&mut self, id: ConnectionId, connection: Connection) {
        self.connections.insert(id, connection);
        self.changed = true;
    }

    pub(crate) fn closed(&mut self, id: &ConnectionId) {
        self.changed |= self.connections.remove(id).is_some();
    }

    pub(crate) fn reachable(&mut self, address: Multiaddr) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address);
            self.changed = true;
        }
    }

    pub(crate) fn unreachable(&mut self, address: &Multiaddr) {
        self.addresses.retain(|known| known != address);
        self.changed = true;
    }

    pub(crate) const fn held(&mut self, records: u64, bytes: u64) {
        self.records = records;
        self.bytes = bytes;
        self.changed = true;
    }

    pub(crate) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values()
    }

    pub(crate) fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// Whether links, addresses or holdings changed since this was last asked. Traffic alone is no
    /// change: telling of it would be traffic of its own.
    pub(crate) const fn take_changed(&mut self) -> bool {
        std::mem::replace(&mut self.changed, false)
    }
}
