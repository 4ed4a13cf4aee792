//! `/webrtc` without a browser: how two tabs come to a direct connection, and how streams are
//! cut into the messages of its data channels (libp2p specification "webrtc").
//!
//! The far end is named by the relayed connection that its signalling came over; the descriptions
//! carry the fingerprints that the browsers then hold each other to. So there is no other
//! handshake on a direct connection.

pub mod framing;
pub mod handshake;
pub mod sdp;

pub use crate::wire::signal::Fault;

#[cfg(test)]
pub(crate) mod tests;
