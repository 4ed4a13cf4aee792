//! Who may ask how often: a bounded number a second, of each address and of all together.

use std::{collections::HashMap, net::IpAddr};

/// A full meter refuses; it runs empty with time. Kept is only when it will be empty, in
/// nanoseconds (the generic cell rate algorithm, ITU-T I.371).
type EmptyAt = u64;

/// How much at once, and a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// A second.
    pub per_s: u32,
}

impl Rate {
    /// The meter after one more, if there may be one.
    fn fill(self, empty_at: EmptyAt, now_ns: u64) -> Option<EmptyAt> {
        let step_ns = 1_000_000_000 / u64::from(self.per_s.max(1));
        let empty_at = empty_at.max(now_ns);
        let room_ns = step_ns.saturating_mul(u64::from(self.burst.saturating_sub(1)));
        (empty_at - now_ns <= room_ns).then(|| empty_at.saturating_add(step_ns))
    }

    /// No less than `other` in either.
    pub(crate) fn at_least(self, other: Self) -> Self {
        Self {
            burst: self.burst.max(other.burst),
            per_s: self.per_s.max(other.per_s),
        }
    }
}

/// Who asked lately.
#[derive(Debug)]
pub(crate) struct Allowance {
    each: Rate,
    all: Rate,
    addresses_max: usize,
    all_empty_at: EmptyAt,
    empty_at: HashMap<IpAddr, EmptyAt>,
}

impl Allowance {
    pub(crate) fn new(each: Rate, all: Rate, addresses_max: usize) -> Self {
        Self {
            each,
            all,
            addresses_max,
            all_empty_at: 0,
            empty_at: HashMap::new(),
        }
    }

    /// Whether this address may go on now; if so it is counted.
    pub(crate) fn take(&mut self, ip: IpAddr, now_ns: u64) -> bool {
        let whose = household(ip);
        let own = self.empty_at.get(&whose).copied().unwrap_or_default();
        let own = self.each.fill(own, now_ns);
        let all = || self.all.fill(self.all_empty_at, now_ns);
        let Some((own, all)) = own.and_then(|own| Some((own, all()?))) else {
            return false;
        };
        if self.empty_at.len() >= self.addresses_max {
            // An empty meter says no more than none. Most are: a meter that is not was filled
            // within the burst that all have together.
            self.empty_at.retain(|_, empty_at| *empty_at > now_ns);
        }
        if self.empty_at.len() >= self.addresses_max {
            return false;
        }
        self.all_empty_at = all;
        self.empty_at.insert(whose, own);
        true
    }
}

/// What one asker can choose freely counts as one: an IPv4 address, an IPv6 network of 64 bits.
pub(crate) fn household(ip: IpAddr) -> IpAddr {
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
    const EACH: Rate = Rate {
        burst: 32,
        per_s: 8,
    };
    const ALL: Rate = Rate {
        burst: 4_096,
        per_s: 2_048,
    };
    const ADDRESSES_MAX: usize = 8_192;

    fn allowance() -> Allowance {
        Allowance::new(EACH, ALL, ADDRESSES_MAX)
    }

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
        let mut allowance = allowance();
        let (mallory, bob) = (v4(1), v4(2));
        let asked = EACH.burst * 4;
        assert_eq!(taken(&mut allowance, mallory, SECOND, asked), EACH.burst);
        assert!(allowance.take(bob, SECOND));
        // Asking on and on does not keep her out for longer.
        let later = taken(&mut allowance, mallory, 2 * SECOND, asked);
        assert!(later.abs_diff(EACH.per_s) <= 1, "{later}");
        let much_later = taken(&mut allowance, mallory, 60 * SECOND, asked);
        assert_eq!(much_later, EACH.burst);
    }

    #[test]
    fn a_network_of_64_bits_is_one_asker_and_so_is_an_address_in_two_forms() {
        let mut allowance = allowance();
        let network = 0x2001_0db8_u128 << 96;
        for number in 0..EACH.burst {
            let ip = Ipv6Addr::from_bits(network | u128::from(number) << 32);
            assert!(allowance.take(ip.into(), SECOND));
        }
        assert!(!allowance.take(Ipv6Addr::from_bits(network | 1).into(), SECOND));
        let next = Ipv6Addr::from_bits(network | 1 << 64);
        assert!(allowance.take(next.into(), SECOND));

        let ip = Ipv4Addr::new(192, 0, 2, 1);
        taken(&mut allowance, ip.into(), SECOND, EACH.burst);
        assert!(!allowance.take(ip.to_ipv6_mapped().into(), SECOND));
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded_in_answers_and_memory() {
        let mut allowance = allowance();
        let (mut number, mut answered, mut most) = (0, 0, 0);
        const SECONDS: u64 = 12;
        for now_ms in 0..SECONDS * 1000 {
            for _ in 0..60 {
                number += 1;
                answered += u64::from(allowance.take(v4(number), now_ms * 1_000_000));
            }
            most = most.max(allowance.empty_at.len());
        }
        assert!(u64::from(number) > 2 * answered, "{answered} of {number}");
        let granted = u64::from(ALL.burst) + SECONDS * u64::from(ALL.per_s);
        assert!(answered.abs_diff(granted) < granted / 100, "{answered}");
        // It was full, made room and went on.
        assert_eq!(most, ADDRESSES_MAX);
        assert!(answered > 2 * ADDRESSES_MAX as u64);
    }
}
