//! FIND_NODE as libp2p-kad writes it (libp2p specification "kad-dht", section RPC messages).
//!
//! A message is one protobuf message; the length that goes before it on a stream is the shell's.
//! Only FIND_NODE is asked. GET_VALUE and GET_PROVIDERS of foreign peers are answered with the
//! closest seeds and nothing else, PING with itself; what would store something gets no answer.

use alloc::vec::Vec;

use prost::Message as _;

use super::Contact;
use crate::{limit, name::SeedId, rejection::Rejection};

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Kind {
    /// Store a record; refused, custody has its own protocol.
    PutValue = 0,
    /// Find a record.
    GetValue = 1,
    /// Announce oneself as a provider; refused.
    AddProvider = 2,
    /// Find providers.
    GetProviders = 3,
    /// Find the seeds closest to a key.
    FindNode = 4,
    /// Are you there?
    Ping = 5,
}

/// A message of the protocol. Fields 3 (record) and 9 (providers) are never read nor written.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Message {
    /// See [`Kind`].
    #[prost(enumeration = "Kind", tag = "1")]
    pub kind: i32,
    /// What the answer shall be close to: its position is the SHA-256 of these bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// The closest seeds known.
    #[prost(message, repeated, tag = "8")]
    pub closer: Vec<Peer>,
}

/// A peer as others tell of it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Peer {
    /// Binary peer id, of whatever kind of key.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// Binary multiaddrs.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub addresses: Vec<Vec<u8>>,
    /// 0 not connected, 1 connected, 2 can connect, 3 cannot connect.
    #[prost(int32, tag = "3")]
    pub connection: i32,
}

impl Message {
    /// "Who is closest to this key?"
    #[must_use]
    pub fn find_node(key: &[u8]) -> Self {
        Self {
            kind: Kind::FindNode.into(),
            key: key.to_vec(),
            closer: Vec::new(),
        }
    }

    /// The bytes on the wire, without length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    /// Reads a message of at most [`limit::ROUTING_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`], [`Rejection::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejection> {
        if bytes.len() > limit::ROUTING_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        <Self as prost::Message>::decode(bytes).map_err(|_| Rejection::Malformed)
    }

    /// The seeds an answer tells of: at most as many as an answer may name, only those with
    /// Ed25519 ids, each with addresses that are not beyond all measure.
    #[must_use]
    pub fn contacts(&self) -> Vec<Contact> {
        let peers = self.closer.iter().take(limit::BUCKET_SEEDS_MAX);
        peers
            .filter_map(|peer| {
                let seed = SeedId::from_peer_id(&peer.id).ok()?;
                Some(Contact {
                    seed,
                    addresses: bounded(&peer.addresses),
                })
            })
            .collect()
    }

    /// Adds a seed to an answer, with as many of its addresses as leave room for the others.
    pub fn push(&mut self, contact: &Contact, linked: bool) {
        const SHARE: usize = (limit::ROUTING_BYTES_MAX - 512) / limit::BUCKET_SEEDS_MAX;
        let id = contact.seed.to_peer_id();
        let mut peer = Peer {
            id,
            addresses: Vec::new(),
            connection: i32::from(linked),
        };
        for address in &contact.addresses {
            // Tags and lengths cost a few bytes apiece; four is more than they are here.
            let cost = address.len().saturating_add(4);
            if peer.encoded_len().saturating_add(cost) < SHARE {
                peer.addresses.push(address.clone());
            }
        }
        self.closer.push(peer);
    }
}

/// The first few addresses, without those that are too long to be one.
#[must_use]
pub fn bounded(addresses: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let good = addresses
        .iter()
        .filter(|a| !a.is_empty() && a.len() <= limit::ADDRESS_BYTES_MAX);
    good.take(limit::ADDRESSES_PER_SEED_MAX).cloned().collect()
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// A FIND_NODE for the key "abc", field by field as libp2p-kad's encoder has it:
    /// type = 4, key, clusterLevelRaw = 10.
    const ASKED: &[u8] = &[0x08, 0x04, 0x12, 0x03, b'a', b'b', b'c', 0x50, 0x0a];

    fn foreign_answer() -> Vec<u8> {
        let alice = SeedId([7; 32]).to_peer_id();
        let mut peer = vec![0x0a, 38];
        peer.extend(&alice);
        peer.extend([0x12, 0x05, 0x04, 127, 0, 0, 1, 0x18, 0x01]);
        let mut rsa = vec![0x0a, 34, 0x12, 0x20];
        rsa.extend([9; 32]);
        let mut bytes = vec![0x08, 0x04, 0x42, u8::try_from(peer.len()).unwrap()];
        bytes.extend(&peer);
        bytes.extend([0x42, u8::try_from(rsa.len()).unwrap()]);
        bytes.extend(&rsa);
        bytes.extend([0x50, 0x09]);
        bytes
    }

    #[test]
    fn a_foreign_question_is_read() {
        let message = Message::decode(ASKED).unwrap();
        assert_eq!(message, Message::find_node(b"abc"));
    }

    #[test]
    fn our_question_is_what_foreign_peers_read() {
        let bytes = Message::find_node(b"abc").encode();
        assert_eq!(bytes, [0x08, 0x04, 0x12, 0x03, b'a', b'b', b'c']);
    }

    #[test]
    fn a_foreign_answer_names_seeds_and_peers_that_are_none() {
        let message = Message::decode(&foreign_answer()).unwrap();
        assert_eq!(message.closer.len(), 2);
        let address = vec![0x04, 127, 0, 0, 1];
        let alice = Contact {
            seed: SeedId([7; 32]),
            addresses: vec![address],
        };
        assert_eq!(message.contacts(), [alice]);
    }

    #[test]
    fn our_answer_is_byte_for_byte_a_foreign_one() {
        let mut answer = Message {
            kind: 4,
            ..Message::default()
        };
        let addresses = vec![vec![0x04, 127, 0, 0, 1]];
        answer.push(
            &Contact {
                seed: SeedId([7; 32]),
                addresses,
            },
            true,
        );
        let mut expected = foreign_answer();
        expected.truncate(4 + 40 + 9);
        assert_eq!(answer.encode(), expected);
    }

    #[test]
    fn a_full_answer_fits_with_the_longest_addresses() {
        let mut answer = Message {
            kind: 4,
            key: vec![0; 32],
            closer: Vec::new(),
        };
        let addresses = vec![vec![1; limit::ADDRESS_BYTES_MAX]; limit::ADDRESSES_PER_SEED_MAX];
        for number in 0..20 {
            let contact = Contact {
                seed: SeedId([number; 32]),
                addresses: addresses.clone(),
            };
            answer.push(&contact, true);
        }
        let bytes = answer.encode();
        assert!(bytes.len() <= limit::ROUTING_BYTES_MAX);
        assert!(answer.closer.iter().all(|peer| !peer.addresses.is_empty()));
        assert_eq!(Message::decode(&bytes).unwrap().contacts().len(), 20);
    }

    #[test]
    fn too_much_and_nonsense_are_refused() {
        let long = vec![0; limit::ROUTING_BYTES_MAX + 1];
        assert_eq!(Message::decode(&long), Err(Rejection::TooLarge));
        assert_eq!(
            Message::decode(&[0x12, 0xff, 0x01]),
            Err(Rejection::Malformed)
        );
        let closer = vec![Peer::default(); 1000];
        let answer = Message {
            closer,
            ..Message::default()
        };
        assert!(answer.contacts().is_empty());
    }
}
