//! How many STUN questions are answered: a bounded number a second, to each address and to all.

use std::{collections::HashMap, net::IpAddr};

use muttr_core::limit;

/// A full meter refuses; it runs empty with time. Kept is only when it will be empty, in
/// nanoseconds (the generic cell rate algorithm, ITU-T I.371).
type EmptyAt = u64;

/// The meter after one more answer, if there may be one.
fn fill(empty_at: EmptyAt, now_ns: u64, burst: u32, per_s: u32) -> Option<EmptyAt> {
    let step_ns = 1_000_000_000 / u64::from(per_s.max(1));
    let empty_at = empty_at.max(now_ns);
    let room_ns = step_ns.saturating_mul(u64::from(burst.saturating_sub(1)));
    (empty_at - now_ns <= room_ns).then(|| empty_at.saturating_add(step_ns))
}

/// Who was answered lately.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    all: EmptyAt,
    each: HashMap<IpAddr, EmptyAt>,
}

impl Allowance {
    /// Whether this address may be answered now; if so it is counted.
    pub(super) fn take(&mut self, ip: IpAddr, now_ns: u64) -> bool {
        let whose = household(ip);
        let own = self.each.get(&whose).copied().unwrap_or_default();
        let own = fill(own, now_ns, limit::STUN_BURST, limit::STUN_PER_S);
        let all = || {
            fill(
                self.all,
                now_ns,
                limit::STUN_ALL_BURST,
                limit::STUN_ALL_PER_S,
            )
        };
        let Some((own, all)) = own.and_then(|own| Some((own, all()?))) else {
            return false;
        };
        if self.each.len() >= limit::STUN_ADDRESSES_MAX {
            // An empty meter says no more than none. Most are: a meter that is not was filled
            // within the burst that all have together.
            self.each.retain(|_, empty_at| *empty_at > now_ns);
        }
        if self.each.len() >= limit::STUN_ADDRESSES_MAX {
            return false;
        }
        self.all = all;
        self.each.insert(whose, own);
        true
    }
}

/// What one asker can choose freely counts as one: an IPv4 address, an IPv6 network of 64 bits.
fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & !u128::from(u64::MAX)).into()),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn taken(allowance: &mut Allowance, ip: IpAddr, now_ns: u64, questions: u32) -> u32 {
        let mut taken = 0;
        for _ in 0..questions {
            taken += u32::from(allowance.take(ip, now_ns));
        }
        taken
    }

    #[test]
    fn mallory_uses_up_her_own_share_and_nobody_elses() {
        let mut allowance = Allowance::default();
        let (mallory, bob) = (v4(1), v4(2));
        let asked = limit::STUN_BURST * 4;
        assert_eq!(
            taken(&mut allowance, mallory, SECOND, asked),
            limit::STUN_BURST
        );
        assert!(allowance.take(bob, SECOND));
        // Asking on and on does not keep her out for longer.
        let later = taken(&mut allowance, mallory, 2 * SECOND, asked);
        assert!(later.abs_diff(limit::STUN_PER_S) <= 1, "{later}");
        assert_eq!(
            taken(&mut allowance, mallory, 60 * SECOND, asked),
            limit::STUN_BURST
        );
    }

    #[test]
    fn a_network_of_64_bits_is_one_asker_and_so_is_an_address_in_two_forms() {
        let mut allowance = Allowance::default();
        let network = 0x2001_0db8_u128 << 96;
        for number in 0..limit::STUN_BURST {
            let ip = Ipv6Addr::from_bits(network | u128::from(number) << 32);
            assert!(allowance.take(ip.into(), SECOND));
        }
        assert!(!allowance.take(Ipv6Addr::from_bits(network | 1).into(), SECOND));
        let next = Ipv6Addr::from_bits(network | 1 << 64);
        assert!(allowance.take(next.into(), SECOND));

        let ip = Ipv4Addr::new(192, 0, 2, 1);
        taken(&mut allowance, ip.into(), SECOND, limit::STUN_BURST);
        assert!(!allowance.take(ip.to_ipv6_mapped().into(), SECOND));
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_in_answers_and_memory() {
        let mut allowance = Allowance::default();
        let (mut number, mut answered, mut most) = (0, 0, 0);
        const SECONDS: u64 = 12;
        for now_ms in 0..SECONDS * 1000 {
            for _ in 0..60 {
                number += 1;
                answered += u64::from(allowance.take(v4(number), now_ms * 1_000_000));
            }
            most = most.max(allowance.each.len());
        }
        assert!(u64::from(number) > 2 * answered, "{answered} of {number}");
        let granted = u64::from(limit::STUN_ALL_BURST) + SECONDS * u64::from(limit::STUN_ALL_PER_S);
        assert!(answered.abs_diff(granted) < granted / 100, "{answered}");
        // It was full, made room and went on.
        assert_eq!(most, limit::STUN_ADDRESSES_MAX);
        assert!(answered > 2 * limit::STUN_ADDRESSES_MAX as u64);
    }
}
