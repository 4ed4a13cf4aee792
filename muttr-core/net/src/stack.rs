//! From a byte stream to a connection: noise for who it is, yamux for many substreams.

use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    PeerId, Transport,
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identity::Keypair,
    noise, swarm, yamux,
};
use muttr_core::{limit, name::SeedId};

/// Puts encryption, the proof of the seed id, and substreams on top of a transport of bytes.
///
/// # Errors
/// When the key cannot sign noise's static key.
pub fn stack<T>(
    transport: T,
    keypair: &Keypair,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    Ok(transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair)?)
        .multiplex(yamux::Config::default())
        .timeout(Duration::from_millis(limit::UPGRADE_MS_MAX))
        .boxed())
}

/// The swarm settings both shells use, on top of the executor that `config` brings.
///
/// Links stay open until the machine closes them: it alone knows its neighbourhood.
#[must_use]
pub fn swarm_config(config: swarm::Config) -> swarm::Config {
    config.with_idle_connection_timeout(Duration::from_millis(limit::IDLE_MS_MAX))
}

/// The libp2p key of a seed, from the 32 secret bytes of its Ed25519 key (RFC 8032).
///
/// # Errors
/// None for 32 bytes; the type is libp2p's.
pub fn keypair(secret: [u8; 32]) -> Result<Keypair, libp2p::identity::DecodingError> {
    Keypair::ed25519_from_bytes(secret)
}

/// The peer id of a seed id; `None` when the bytes are no point on the curve.
#[must_use]
pub fn peer_id(seed: SeedId) -> Option<PeerId> {
    PeerId::from_bytes(&seed.to_peer_id()).ok()
}
