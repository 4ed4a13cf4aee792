//! What things are called: parsed once, at the door, and valid ever after.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};

use crate::limit;

/// The text or the bytes are not a name of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAName;

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid name")
    }
}

impl core::error::Error for NotAName {}

macro_rules! bytes_name {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Reads exactly the right number of bytes.
            ///
            /// # Errors
            /// [`NotAName`] for any other length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, NotAName> {
                bytes.try_into().map(Self).map_err(|_| NotAName)
            }

            /// The bytes themselves.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, ..] = self.0;
                write!(f, concat!(stringify!($name), "({:02x}{:02x}{:02x}{:02x}…)"), a, b, c, d)
            }
        }

        impl FromStr for $name {
            type Err = NotAName;
            fn from_str(text: &str) -> Result<Self, NotAName> {
                let mut bytes = [0; $len];
                let digits = text.as_bytes();
                if digits.len() != 2 * $len {
                    return Err(NotAName);
                }
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let pair = core::str::from_utf8(pair).map_err(|_| NotAName)?;
                    if !pair.bytes().all(|c| c.is_ascii_hexdigit()) {
                        return Err(NotAName);
                    }
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAName)?;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let bytes = serde_bytes::ByteBuf::deserialize(from)?;
                Self::from_slice(&bytes).map_err(D::Error::custom)
            }
        }
    };
}

bytes_name! {
    /// Where a record lies: SHA-256 of a label and the record's bytes (`PROTOCOL.md`, Records).
    RecordKey, 32
}
bytes_name! {
    /// Names a certificate: SHA-256 over its primary key packet (RFC 9580, section 5.5.4.3).
    Fingerprint, 32
}
bytes_name! {
    /// Names a message, chosen at random by its author; what duplicates are recognised by.
    MessageId, 32
}
bytes_name! {
    /// What a mailbox knows a capability by: its SHA-256.
    Hash, 32
}
bytes_name! {
    /// One browser profile or installation of a person, chosen at random, known to their pod only.
    DeviceId, 16
}

/// A seed's libp2p identity: an Ed25519 public key.
///
/// Its peer id is the identity multihash of the protobuf-encoded key (libp2p peer-ids
/// specification), so the key can be read back out of the id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeedId(pub [u8; 32]);

/// identity multihash, 36 bytes; protobuf: key type 1 = Ed25519, 32 bytes of key.
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

impl SeedId {
    /// Reads the binary peer id of an Ed25519 key.
    ///
    /// # Errors
    /// [`NotAName`] for every other kind of peer id.
    pub fn from_peer_id(bytes: &[u8]) -> Result<Self, NotAName> {
        let key = bytes.strip_prefix(&PEER_ID_PREFIX).ok_or(NotAName)?;
        key.try_into().map(Self).map_err(|_| NotAName)
    }

    /// The binary libp2p peer id, 38 bytes.
    #[must_use]
    pub fn to_peer_id(self) -> Vec<u8> {
        [PEER_ID_PREFIX.as_slice(), &self.0].concat()
    }

    /// Where this seed stands in the key space: SHA-256 of its peer id, as libp2p-kad has it.
    #[must_use]
    pub fn position(&self) -> Position {
        let digest = Sha256::new_with_prefix(PEER_ID_PREFIX).chain_update(self.0);
        Position(digest.finalize().into())
    }
}

impl fmt::Display for SeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.to_peer_id()).into_string())
    }
}

impl fmt::Debug for SeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "SeedId({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

impl FromStr for SeedId {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let bytes = bs58::decode(text).into_vec().map_err(|_| NotAName)?;
        Self::from_peer_id(&bytes)
    }
}

impl Serialize for SeedId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for SeedId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(from)?;
        bytes
            .as_slice()
            .try_into()
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// A point of the 256-bit key space that seeds and records share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub [u8; 32]);

/// XOR distance between two positions; smaller is closer (Maymounkov and Mazières, 2002).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance(pub [u8; 32]);

impl Position {
    /// The position of what `preimage` names: a binary peer id, or a record key.
    #[must_use]
    pub fn of(preimage: &[u8]) -> Self {
        Self(Sha256::digest(preimage).into())
    }

    /// XOR of the two.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Distance {
        let mut bytes = self.0;
        for (byte, with) in bytes.iter_mut().zip(other.0) {
            *byte ^= with;
        }
        Distance(bytes)
    }
}

impl Distance {
    /// Whether the bit with this number is set; the first is number 0.
    #[must_use]
    pub fn has_bit(&self, number: u32) -> bool {
        let byte = usize::try_from(number / 8).ok();
        let byte = byte.and_then(|at| self.0.get(at)).copied();
        byte.is_some_and(|byte| (0x80_u8 >> (number % 8)) & byte != 0)
    }

    /// How many leading bits are zero, 0 to 256; 256 means "the same".
    #[must_use]
    pub fn leading_zeros(&self) -> u32 {
        let mut zeros = 0_u32;
        for byte in self.0 {
            zeros = zeros.saturating_add(byte.leading_zeros());
            if byte != 0 {
                break;
            }
        }
        zeros
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, ..] = self.0;
        write!(f, "Position({a:02x}{b:02x}…)")
    }
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Distance(2^{})",
            256_u32.saturating_sub(self.leading_zeros())
        )
    }
}

/// A pod's name as a person types it: a lower-case DNS name or IP address, with a port when
/// it is not 443.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let text = text.to_ascii_lowercase();
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !name.ends_with(']') || name.starts_with('[') => {
                (name, Some(port))
            }
            _ => (text.as_str(), None),
        };
        let (name, port) = if text.starts_with('[') && text.ends_with(']') {
            (text.as_str(), None)
        } else {
            (name, port)
        };
        if let Some(port) = port
            && (port.is_empty() || port.parse::<u16>().map_or(true, |port| port == 0))
        {
            return Err(NotAName);
        }
        let v6 = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        let good = match v6 {
            Some(inner) => inner.parse::<core::net::Ipv6Addr>().is_ok(),
            None => name.split('.').all(|part| {
                (1..=63).contains(&part.len())
                    && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
                    && !part.starts_with('-')
                    && !part.ends_with('-')
            }),
        };
        if good && text.len() <= limit::HOST_BYTES_MAX {
            Ok(Self(text))
        } else {
            Err(NotAName)
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's address, `label@host`: who is asked for is the label, who is asked is the host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias {
    label: Label,
    host: Host,
}

/// The part of an [`Alias`] before the `@`: `[a-z0-9][a-z0-9._-]{0,62}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// Labels that a pod keeps for whoever runs it.
const RESERVED: [&str; 8] = [
    "abuse",
    "admin",
    "hostmaster",
    "muttr",
    "openpgpkey",
    "postmaster",
    "root",
    "www",
];

impl Label {
    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody may register this one.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        RESERVED.contains(&self.as_str())
    }
}

impl FromStr for Label {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
        let first = text.bytes().next().ok_or(NotAName)?;
        let good = first.is_ascii_lowercase() || first.is_ascii_digit();
        if good && text.len() <= limit::LABEL_BYTES_MAX && text.bytes().all(inner) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAName)
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Labels name people, so `Debug` does not print them.
impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Label(…)")
    }
}

impl Alias {
    /// Puts an alias together.
    #[must_use]
    pub const fn new(label: Label, host: Host) -> Self {
        Self { label, host }
    }

    /// The part before the `@`.
    #[must_use]
    pub const fn label(&self) -> &Label {
        &self.label
    }

    /// The part after the `@`.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }
}

impl FromStr for Alias {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        let (label, host) = text.split_once('@').ok_or(NotAName)?;
        Ok(Self {
            label: label.parse()?,
            host: host.parse()?,
        })
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.label, self.host)
    }
}

/// Aliases name people, so `Debug` prints the host alone.
impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alias(…@{})", self.host)
    }
}

macro_rules! text_name {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&format!("{self}"))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                let name: Self = text.parse().map_err(D::Error::custom)?;
                // One spelling only, so that what was signed is what is compared.
                if format!("{name}") == text { Ok(name) } else { Err(D::Error::custom(NotAName)) }
            }
        }
    )*};
}
text_name!(Host, Label, Alias);
