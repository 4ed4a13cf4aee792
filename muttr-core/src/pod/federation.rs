//! Dealing with other pods: who they are, what is asked of them, what is handed over.
//!
//! A pod is met when somebody writes to one of its people, when it hands something over, or when
//! another pod names it. It then describes itself over a connection that proves its name (HTTPS),
//! and what it signs is believed from then on. Its certificate is pinned like a contact's.

mod calls;
mod incoming;
mod known;
mod outgoing;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use self::{incoming::Incoming, outgoing::Outgoing};
use super::{
    Asker,
    allowance::{Allowance, Rate},
};
use crate::{
    keyring::Certificate,
    limit,
    name::{Alias, Fingerprint, Host, SeedId},
    time::{self, Time},
    wire::fed::{Description, SignedDescription},
};

/// What a pod knows of others.
#[derive(Debug, Default)]
pub(super) struct Federation {
    /// Which run of this pod's storage this is; not 0 once it is read or drawn.
    run: u64,
    /// It was drawn since we started.
    drawn: bool,
    peers: BTreeMap<Host, Peer>,
    calls: BTreeMap<u64, Purpose>,
    calls_begun: u64,
    outgoing: BTreeMap<Vec<u8>, Outgoing>,
    /// When to try those again that only this one recipient's place stands in the way of.
    later: BTreeSet<(u64, Vec<u8>)>,
    /// Of each person, how many were not taken yet.
    waiting: BTreeMap<Fingerprint, usize>,
    incoming: BTreeMap<u64, Incoming>,
    /// When to describe ourselves anew.
    describe_at_ms: Option<u64>,
    /// When to ask those who they are that took something from us.
    doubt_at_ms: Option<u64>,
}

/// What a call was made for.
#[derive(Debug)]
enum Purpose {
    Describe(Host),
    Resolve(Asker, Host),
    /// The key in [`Federation::outgoing`].
    Notify(Host, Vec<u8>),
}

impl Purpose {
    const fn host(&self) -> &Host {
        match self {
            Self::Describe(host) | Self::Resolve(_, host) | Self::Notify(host, _) => host,
        }
    }
}

/// Another pod, met or only heard of.
#[derive(Debug)]
struct Peer {
    known: Option<Known>,
    /// It was asked to describe itself and has not answered.
    describing: bool,
    /// Calls to it under way.
    calls: usize,
    /// After it failed to answer it is left alone until then; the pause after the next failure.
    rest_until_ms: u64,
    pause_ms: u64,
    /// Keys of notifications for its people, first come, first served.
    queue: VecDeque<Vec<u8>>,
    /// Handovers that wait for its description.
    waiting: Vec<u64>,
    /// How many handovers it may still make; what only bears its name does not count.
    allowance: Allowance,
}

/// A pod that has described itself.
#[derive(Clone, Debug)]
struct Known {
    description: Description,
    /// The one in there, read.
    certificate: Certificate,
    /// When it was asked, in milliseconds since 1970.
    asked_ms: u64,
}

/// A row of the table of pods.
#[derive(Serialize, Deserialize)]
struct PodRow {
    signed: SignedDescription,
    asked_ms: u64,
}

const POD_ROW_BYTES_MAX: usize = limit::DESCRIPTION_BYTES_MAX + 64;

impl Known {
    /// Whether it can be gone by without asking again.
    const fn is_fresh(&self, now: Time) -> bool {
        let renew_ms = self.asked_ms.saturating_add(limit::DESCRIPTION_RENEW_MS);
        now.wall_ms < renew_ms && self.is_valid(now)
    }

    const fn is_valid(&self, now: Time) -> bool {
        now.wall_ms < self.description.not_after_ms
    }

    fn seed(&self) -> SeedId {
        self.description.seed
    }
}

impl Peer {
    const fn new(now: Time, rate: Rate) -> Self {
        Self {
            known: None,
            describing: false,
            calls: 0,
            rest_until_ms: 0,
            pause_ms: limit::POD_RETRY_MS.0,
            queue: VecDeque::new(),
            waiting: Vec::new(),
            allowance: Allowance::full(now, rate),
        }
    }

    /// Nothing would be lost with it but what it is allowed.
    fn is_idle(&self) -> bool {
        self.known.is_none() && self.calls == 0 && self.queue.is_empty() && self.waiting.is_empty()
    }

    /// It answered.
    const fn well(&mut self) {
        self.rest_until_ms = 0;
        self.pause_ms = limit::POD_RETRY_MS.0;
    }

    /// It did not answer, or not as it should.
    fn ill(&mut self, now: Time) {
        self.rest_until_ms = now.after(self.pause_ms);
        self.pause_ms = self.pause_ms.saturating_mul(2).min(limit::POD_RETRY_MS.1);
    }

    /// Someone asks for it now: what was tried in vain before is tried again soon.
    fn hurry(&mut self, now: Time) {
        self.rest_until_ms = self.rest_until_ms.min(now.after(limit::POD_RETRY_MS.0));
    }

    /// When it is to be asked again.
    fn deadline(&self) -> Option<u64> {
        let room = self.calls < limit::CALLS_PER_POD_MAX;
        (!self.queue.is_empty() && !self.describing && room).then_some(self.rest_until_ms)
    }
}

impl Federation {
    /// How many pods are being asked who they are.
    fn describing(&self) -> usize {
        let asks = |purpose: &&Purpose| matches!(purpose, Purpose::Describe(_));
        self.calls.values().filter(asks).count()
    }

    /// Other pods that described themselves.
    pub(super) fn pods_len(&self) -> usize {
        let known = self.peers.values().filter(|peer| peer.known.is_some());
        known.count()
    }

    /// Notifications for other pods that were not taken yet.
    pub(super) fn waiting_len(&self) -> usize {
        self.waiting
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        // With as many calls as may be, the next one that ends is what is waited for.
        let room = self.calls.len() < limit::CALLS_MAX;
        let peers = self.peers.values().filter_map(Peer::deadline).min();
        let later = self.later.first().map(|(at_ms, _)| *at_ms);
        let upkeep = time::earliest(self.describe_at_ms, self.doubt_at_ms);
        time::earliest(time::earliest(peers.filter(|_| room), later), upkeep)
    }

    fn peer(&mut self, now: Time, host: &Host, rate: Rate) -> &mut Peer {
        if !self.peers.contains_key(host) && self.peers.len() >= limit::HANDOVER_PODS_MAX {
            let idle = self.peers.iter().find(|(_, peer)| peer.is_idle());
            if let Some(idle) = idle.map(|(host, _)| host.clone()) {
                self.peers.remove(&idle);
            }
        }
        self.peers
            .entry(host.clone())
            .or_insert_with(|| Peer::new(now, rate))
    }
}

/// Key of a notification for another pod's person: record key, then alias.
fn outgoing_key(to: &Alias, key: &crate::name::RecordKey) -> Vec<u8> {
    [key.0.as_slice(), alloc::format!("{to}").as_bytes()].concat()
}
