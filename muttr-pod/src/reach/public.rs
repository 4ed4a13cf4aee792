//! Which addresses are the world's, and which are somebody's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether this address belongs to some one machine of the public network. The lists are the
/// IANA special-purpose registries (RFC 6890); what a registry adds is refused only when it is
/// added here, but for IPv6, where all that is not handed out to networks is refused.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network, private use, loopback.
        [0 | 10 | 127, ..] => true,
        // Shared by carriers.
        [100, second, ..] => second & 0b1100_0000 == 64,
        // Link-local, and with it what clouds tell their machines.
        [169, 254, ..] => true,
        [172, second, ..] => second & 0b1111_0000 == 16,
        // Protocol assignments, documentation, the former 6to4 relays, private use.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [192, 168, ..] => true,
        // Benchmarks, documentation.
        [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let special = match ip.segments() {
        // Protocol assignments, Teredo among them, which has an IPv4 address inside.
        [0x2001, second, ..] if second < 0x200 => true,
        // Documentation, both of them.
        [0x2001, 0xdb8, ..] => true,
        [0x3fff, second, ..] if second < 0x1000 => true,
        // 6to4, which has an IPv4 address inside as well.
        [0x2002, ..] => true,
        // What is handed out begins with 001. Not so: unspecified, loopback, IPv4 in all its
        // forms, link-local, unique local, multicast.
        [first, ..] => first & 0xe000 != 0x2000,
    };
    !special
}
