//! Who takes part: a tab or a pod, its machine while it runs, its disk always.

use std::collections::BTreeMap;

use muttr_core::{
    machine::{Address, Machine, Traits},
    name::SeedId,
    time::Time,
};

use super::disk::Disk;

/// Names a participant of one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who(pub u32);

/// One run of a participant: what was meant for an earlier one does not reach a later one.
pub(super) type Life = u32;

/// A participant at one of its runs.
pub(super) type Alive = (Who, Life);

/// How a tab takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It keeps records for others.
    Storing,
    /// It keeps none.
    Idle,
    /// It keeps none, and no other seed learns that it is there.
    Hidden,
}

/// What kind of participant it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reached over a pod's relay; speaks to its home pod over a channel.
    Tab {
        /// Its home pod.
        pod: Who,
        /// How it takes part.
        manner: Manner,
    },
    /// Reached directly.
    Pod,
}

/// Someone in the world.
#[derive(Debug)]
pub struct Participant<M> {
    /// For reports.
    pub name: String,
    /// Its libp2p identity.
    pub seed: SeedId,
    /// Its kind.
    pub role: Role,
    /// What it has stored.
    pub disk: Disk,
    /// Its machine, while it runs.
    pub machine: Option<M>,
    pub(super) life: Life,
    pub(super) born_ms: u64,
    /// The machine's deadline that a wake-up is set for.
    pub(super) wake_ms: Option<u64>,
    pub(super) overdue_ticks: u32,
    /// How far its clock on the wall is off, in milliseconds.
    pub skew_ms: i64,
    /// Whether the shell opens the channel again when it breaks.
    pub(super) reconnects: bool,
    pub(super) attempts: u32,
    pub(super) channel_next: u64,
    /// The first messages that a tab said in its latest session.
    pub(super) said: Vec<Vec<u8>>,
    /// Number of a channel here → the other end.
    pub(super) channels: BTreeMap<u64, super::channel::Far>,
}

/// The monotonic clock of a participant begins here at every run.
const MONO_START_MS: u64 = 1_000;

impl<M: Machine> Participant<M> {
    pub(super) fn new(name: String, seed: SeedId, role: Role) -> Self {
        Self {
            name,
            seed,
            role,
            disk: Disk::default(),
            machine: None,
            life: 0,
            born_ms: 0,
            wake_ms: None,
            overdue_ticks: 0,
            skew_ms: 0,
            reconnects: true,
            attempts: 0,
            channel_next: 1,
            said: Vec::new(),
            channels: BTreeMap::new(),
        }
    }

    /// The participant's own clocks at a moment of the world.
    pub(super) fn time(&self, now_ms: u64, wall_start_ms: u64) -> Time {
        Time {
            mono_ms: now_ms - self.born_ms + MONO_START_MS,
            wall_ms: (wall_start_ms + now_ms).saturating_add_signed(self.skew_ms),
        }
    }

    /// The moment of the world at which its monotonic clock shows `mono_ms`.
    pub(super) fn moment(&self, mono_ms: u64) -> u64 {
        mono_ms
            .saturating_add(self.born_ms)
            .saturating_sub(MONO_START_MS)
    }

    /// What others are told of it when a link comes up.
    pub(super) fn traits(&self, who: Who) -> Traits {
        let (address, stores) = match self.role {
            Role::Pod => (pod_address(who), true),
            Role::Tab { pod, manner } => (circuit_address(pod, who), manner == Manner::Storing),
        };
        Traits {
            addresses: vec![address],
            routes: true,
            stores,
        }
    }
}

/// Where a pod is dialled.
#[must_use]
pub fn pod_address(pod: Who) -> Address {
    format!("/sim/{}", pod.0).into_bytes()
}

/// Where a tab is dialled: over its pod.
#[must_use]
pub fn circuit_address(pod: Who, tab: Who) -> Address {
    format!("/sim/{}/circuit/{}", pod.0, tab.0).into_bytes()
}

/// Reads an address: who answers there, and over which pod.
pub(super) fn read_address(address: &[u8]) -> Option<(Who, Option<Who>)> {
    let text = std::str::from_utf8(address).ok()?.strip_prefix("/sim/")?;
    let number = |text: &str| text.parse().ok().map(Who);
    match text.split_once("/circuit/") {
        Some((pod, tab)) => Some((number(tab)?, Some(number(pod)?))),
        None => Some((number(text)?, None)),
    }
}
