//! Kademlia: buckets, lookups, and FIND_NODE on the wire format of libp2p-kad.
