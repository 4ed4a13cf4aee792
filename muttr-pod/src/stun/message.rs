//! STUN messages: what is asked, and what is said to it. No socket and no clock.

use std::net::{IpAddr, SocketAddr};

use muttr_core::limit;

/// Type, length, magic cookie and transaction id (RFC 8489, section 5).
const HEADER_BYTES: usize = 20;
/// In every message since RFC 5389.
const COOKIE: u32 = 0x2112_A442;
/// Method Binding as a request, a success and an error (RFC 8489, section 18.2).
const REQUEST: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;
/// Attributes (RFC 8489, section 18.3).
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes from here on may be ignored by those who do not know them.
const OPTIONAL_FROM: u16 = 0x8000;
/// All attributes of RFC 8489 that must be understood. None changes the answer here: nobody has to
/// prove anything, and those that only answers have are passed over (section 14).
const UNDERSTOOD: [u16; 11] = [
    0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0020,
];

/// What to say to a question that came from this address; `None` for everything that is no
/// Binding request in good order (RFC 8489, section 6.3): who sends anything else is told nothing.
///
/// A request with an attribute that must be understood and is not gets error 420, as section
/// 6.3.1 demands; an old CHANGE-REQUEST, which would have the answer sent elsewhere, is one.
/// Either answer is at most 24 bytes longer than its question, so that a forged sender's address
/// gains nothing.
pub(super) fn answer(question: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    if question.len() > limit::STUN_BYTES_MAX {
        return None;
    }
    let (header, attributes) = question.split_first_chunk::<HEADER_BYTES>()?;
    let [t0, t1, l0, l1, c0, c1, c2, c3, transaction @ ..] = header;
    let is_binding = u16::from_be_bytes([*t0, *t1]) == REQUEST
        && u32::from_be_bytes([*c0, *c1, *c2, *c3]) == COOKIE
        && usize::from(u16::from_be_bytes([*l0, *l1])) == attributes.len();
    if !is_binding {
        return None;
    }
    let unknown = unknown(attributes)?;
    Some(if unknown.is_empty() {
        let value = mapped(from, transaction);
        message(SUCCESS, transaction, &[(XOR_MAPPED_ADDRESS, value)])
    } else {
        let types = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        // Class 4, number 20, and no phrase.
        let code = vec![0, 0, 4, 20];
        let said = [(ERROR_CODE, code), (UNKNOWN_ATTRIBUTES, types)];
        message(ERROR, transaction, &said)
    })
}

/// The types of attributes that must be understood and are not; `None` when the attributes do not
/// fill their space exactly.
fn unknown(mut rest: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while !rest.is_empty() {
        let ([k0, k1, l0, l1], behind) = rest.split_first_chunk()?;
        let kind = u16::from_be_bytes([*k0, *k1]);
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        rest = behind.get(length.next_multiple_of(4)..)?;
        if kind < OPTIONAL_FROM && !UNDERSTOOD.contains(&kind) {
            unknown.push(kind);
        }
    }
    Some(unknown)
}

/// XOR-MAPPED-ADDRESS (RFC 8489, section 14.2). An IPv4 address that a socket for both kinds
/// gives in its IPv6 form is an IPv4 address.
fn mapped(from: SocketAddr, transaction: &[u8]) -> Vec<u8> {
    let cookie = COOKIE.to_be_bytes();
    let pad = cookie.iter().chain(transaction);
    let (family, address) = match from.ip().to_canonical() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let mut value = vec![0, family];
    value.extend(from.port().to_be_bytes().iter().zip(&cookie).map(xor));
    value.extend(address.iter().zip(pad).map(xor));
    value
}

fn xor((one, other): (&u8, &u8)) -> u8 {
    one ^ other
}

fn message(kind: u16, transaction: &[u8], attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend(short(value.len()));
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = kind.to_be_bytes().to_vec();
    message.extend(short(body.len()));
    message.extend(COOKIE.to_be_bytes());
    message.extend(transaction);
    message.extend(body);
    message
}

/// A length in two bytes; no answer comes near what they hold.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests;
