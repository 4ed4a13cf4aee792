//! Network profiles: how bad the weather is between participants, and on their disks.

/// How long things take and how often they fail. Times are milliseconds, rates are per mille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// As it is told in reports.
    pub name: &'static str,
    /// Shortest way from one participant to another.
    pub latency_ms: u64,
    /// What may be added to it, evenly spread.
    pub jitter_ms: u64,
    /// Questions and answers that vanish.
    pub lost: u32,
    /// Questions of one pod to another that arrive twice. Between seeds each is a stream of its own,
    /// and a channel is one stream: what those carry arrives at most once.
    pub repeated: u32,
    /// Attempts to link that fail for no reason.
    pub undialled: u32,
    /// Links and channels that break by themselves, for each frame that passes.
    pub broken: u32,
    /// Until the far side of a crash notices; evenly spread from 0.
    pub notice_ms: u64,
    /// Until a write survives a power cut.
    pub disk_ms: u64,
    /// Storage requests that fail.
    pub disk_failed: u32,
    /// Times that a shell stops draining a machine's outputs half-way, and goes on later.
    pub lazy: u32,
}

/// Everyone in one room; nothing fails.
pub const CALM: Profile = Profile {
    name: "calm",
    latency_ms: 1,
    jitter_ms: 2,
    lost: 0,
    repeated: 0,
    undialled: 0,
    broken: 0,
    notice_ms: 100,
    disk_ms: 2,
    disk_failed: 0,
    lazy: 0,
};

/// Homes on one continent.
pub const HOMES: Profile = Profile {
    name: "homes",
    latency_ms: 15,
    jitter_ms: 30,
    lost: 1,
    notice_ms: 20_000,
    ..CALM
};

/// Telephones on a train.
pub const PHONES: Profile = Profile {
    name: "phones",
    latency_ms: 40,
    jitter_ms: 260,
    lost: 20,
    undialled: 60,
    broken: 2,
    notice_ms: 40_000,
    disk_ms: 20,
    ..CALM
};

/// Everything that can go wrong, often.
pub const STORM: Profile = Profile {
    name: "storm",
    latency_ms: 5,
    jitter_ms: 500,
    lost: 50,
    repeated: 0,
    undialled: 150,
    broken: 5,
    notice_ms: 60_000,
    disk_ms: 30,
    disk_failed: 5,
    lazy: 100,
};

/// A network that hardly deserves the name. Everything takes up to two seconds, so that nearly
/// anything overtakes anything; three in ten questions and three in ten answers vanish; links and
/// channels break under what they carry.
pub const WRETCHED: Profile = Profile {
    name: "wretched",
    jitter_ms: 1_995,
    lost: 300,
    repeated: 200,
    broken: 10,
    ..STORM
};
