//! Where a request comes from, and whether that address may go on.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use muttr_core::rejection::Rejection;

use crate::{
    allowance::{Allowance, Rate},
    config::Rates,
    limits,
};

/// A proxy on this machine tells there for whom it asks.
const FORWARDED: &str = "x-forwarded-for";

/// The address that a request comes from. Of what is said in a header only the last word counts,
/// the one that the proxy added, and only on this machine is there a proxy to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visitor(pub(super) IpAddr);

impl Visitor {
    fn new(from: SocketAddr, headers: &HeaderMap) -> Self {
        let from = from.ip().to_canonical();
        if !from.is_loopback() {
            return Self(from);
        }
        let said = headers.get_all(FORWARDED).iter().next_back();
        let said = said.and_then(|said| said.to_str().ok());
        let last = said.and_then(|said| said.rsplit(',').next());
        let told = last.and_then(|last| address(last.trim()));
        Self(told.unwrap_or(from))
    }
}

/// With or without a port, as proxies differ in that.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse().ok();
    ip.or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip()))
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = <ConnectInfo<SocketAddr> as FromRequestParts<S>>::Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let ConnectInfo(from) = ConnectInfo::from_request_parts(parts, state).await?;
        Ok(Self::new(from, &parts.headers))
    }
}

/// What addresses are counted for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Visit {
    Socket,
    Lookup,
    Handover,
}

/// Counts visits.
pub(crate) struct Visits {
    since: Instant,
    sockets: Mutex<Allowance>,
    lookups: Mutex<Allowance>,
    handovers: Mutex<Allowance>,
}

impl Visits {
    pub(crate) fn new(rates: Rates) -> Self {
        Self {
            since: Instant::now(),
            sockets: allowance(rates.sockets),
            lookups: allowance(rates.lookups),
            handovers: allowance(rates.handovers),
        }
    }

    /// Counts one visit, or refuses it.
    pub(super) fn count(&self, visit: Visit, visitor: Visitor) -> Result<(), Rejection> {
        let allowance = match visit {
            Visit::Socket => &self.sockets,
            Visit::Lookup => &self.lookups,
            Visit::Handover => &self.handovers,
        };
        let now_ns = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut allowance = allowance.lock().unwrap_or_else(PoisonError::into_inner);
        if allowance.take(visitor.0, now_ns) {
            Ok(())
        } else {
            Err(Rejection::RateLimited)
        }
    }
}

fn allowance(each: Rate) -> Mutex<Allowance> {
    let all = limits::ALL.at_least(each);
    Mutex::new(Allowance::new(each, all, limits::ADDRESSES_MAX))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_proxy_here_speaks_for_others_and_only_its_own_word_counts() {
        let proxy = "127.0.0.1:5000";
        for (from, said, expected) in [
            ("192.0.2.9:1", vec![], "192.0.2.9"),
            ("192.0.2.9:1", vec!["198.51.100.1"], "192.0.2.9"),
            ("[::ffff:192.0.2.9]:1", vec![], "192.0.2.9"),
            (proxy, vec![], "127.0.0.1"),
            (proxy, vec!["198.51.100.1"], "198.51.100.1"),
            (proxy, vec!["10.0.0.1, 198.51.100.1"], "198.51.100.1"),
            (proxy, vec!["10.0.0.1", "198.51.100.1"], "198.51.100.1"),
            (proxy, vec!["198.51.100.1:4711"], "198.51.100.1"),
            ("[::1]:1", vec!["2001:db8::1"], "2001:db8::1"),
            ("[::1]:1", vec!["[2001:db8::1]:443"], "2001:db8::1"),
            (proxy, vec!["unknown"], "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for said in &said {
                headers.append(FORWARDED, HeaderValue::from_static(said));
            }
            let visitor = Visitor::new(from.parse().expect("an address"), &headers);
            let expected = expected.parse().expect("an address");
            assert_eq!(visitor, Visitor(expected), "{from} {said:?}");
        }
    }
}
