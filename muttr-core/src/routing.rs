//! Kademlia: buckets, lookups, and FIND_NODE on the wire format of libp2p-kad.

use alloc::vec::Vec;

use crate::{machine::Address, name::SeedId};

/// A seed and where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub seed: SeedId,
    /// Binary multiaddrs; may be empty when only a shell knows the way.
    pub addresses: Vec<Address>,
}
