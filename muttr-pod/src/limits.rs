//! What this program grants those who come over HTTP; what the protocol grants is in
//! [`muttr_core::limit`].

use std::time::Duration;

use muttr_core::limit;

use crate::allowance::Rate;

/// Aliases being looked up at once; more are refused.
pub(crate) const RESOLVES_MAX: usize = 1024;
/// And of these, for one address.
pub(crate) const RESOLVES_EACH_MAX: usize = RESOLVES_MAX / 8;
/// Handovers being taken at once; more are refused.
pub(crate) const HANDOVERS_MAX: usize = 512;
/// And of these, from one address: more than a pod makes at once.
pub(crate) const HANDOVERS_EACH_MAX: usize = HANDOVERS_MAX / 8;
/// The head of a request has to have come within this, and the next one on an idle connection.
pub(crate) const HEAD_PATIENCE: Duration = Duration::from_secs(20);

/// Largest head of a request.
pub(crate) const HEAD_BYTES_MAX: usize = 65_536;

/// WebSockets, channels and links, that one address may open. Behind one address there may be a
/// whole school: when a pod starts again, everybody in it comes back within a minute.
pub(crate) const SOCKETS: Rate = Rate {
    burst: 4_096,
    per_s: 64,
};
/// Aliases that one address may look up.
pub(crate) const LOOKUPS: Rate = Rate {
    burst: 1_024,
    per_s: 32,
};
/// Handovers that one address may make: a pod's, and those of people with a capability.
pub(crate) const HANDOVERS: Rate = Rate {
    burst: 4 * limit::HANDOVERS_BURST,
    per_s: 2 * limit::HANDOVERS_PER_S,
};
/// Of each of these, all addresses together.
pub(crate) const ALL: Rate = Rate {
    burst: 65_536,
    per_s: 4_096,
};
/// Addresses remembered, of each of these.
pub(crate) const ADDRESSES_MAX: usize = 2 * ALL.burst as usize;

const _: () = {
    assert!(SOCKETS.burst <= ALL.burst && SOCKETS.per_s <= ALL.per_s);
    assert!(LOOKUPS.burst <= ALL.burst && LOOKUPS.per_s <= ALL.per_s);
    assert!(HANDOVERS.burst <= ALL.burst && HANDOVERS.per_s <= ALL.per_s);
    assert!(HANDOVERS_EACH_MAX > 2 * limit::CALLS_PER_POD_MAX);
    assert!(HANDOVERS.burst >= limit::HANDOVERS_BURST);
    assert!(HANDOVERS.per_s >= limit::HANDOVERS_PER_S);
};
