//! The libp2p behaviours that both shells share, and their translation into the inputs and
//! outputs of `muttr_core::machine`.
//!
//! A shell embeds [`Net`] in its own derived behaviour, beside a relay or a relay's dialling
//! side; builds its connections with [`stack`]; hands swarm events to a [`Translator`], which
//! turns them into inputs, and gives it the machine's outputs for seeds.

mod advertise;
#[allow(missing_docs, reason = "the derive writes NetEvent, without a word")]
mod behaviour;
mod direct_only;
mod framing;
mod insistent;
mod stack;
mod translator;
mod wrapped;

pub use advertise::AsWebRtc;
pub use behaviour::{Net, NetEvent, Profile};
pub use direct_only::{DirectOnly, is_circuit, is_direct};
pub use framing::{Framing, Trouble};
pub use stack::{keypair, peer_id, stack, swarm_config};
pub use translator::{HasNet, Translator};

/// What Muttr calls itself in libp2p identify.
pub const IDENTIFY: &str = "/muttr/0.1.0";
/// Kademlia on libp2p-kad's wire format.
pub const ROUTING: libp2p::StreamProtocol = libp2p::StreamProtocol::new("/muttr/kad/1.0.0");
/// Custody of records.
pub const STORE: libp2p::StreamProtocol = libp2p::StreamProtocol::new("/muttr/store/1.0.0");
