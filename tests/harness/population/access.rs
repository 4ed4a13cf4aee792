//! Network profiles: how people reach each other, and which of them cannot.

/// How well a tab can be reached from outside its network (RFC 4787, section 4 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// An address of its own.
    Open,
    /// The same outer address for everyone, packets only from whom it wrote to.
    Cone,
    /// Another outer address for each far end.
    Symmetric,
}

impl Nat {
    /// Whether two tabs find a way to each other by STUN alone: where one side has another address
    /// for everyone, the other side has to be open (measured with `tests/nat`).
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Symmetric, Self::Open) | (Self::Open, Self::Symmetric) => true,
            (Self::Symmetric, _) | (_, Self::Symmetric) => false,
            (Self::Open | Self::Cone, Self::Open | Self::Cone) => true,
        }
    }
}

/// A network profile. Times are milliseconds, shares are per mille.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// As it is told in reports.
    pub name: &'static str,
    /// Shortest way from one participant to another.
    pub latency_ms: u64,
    /// What may be added to it, evenly spread.
    pub jitter_ms: u64,
    /// Frames of which a packet is lost, and which come by so much later.
    pub lost_permille: u64,
    /// What a lost packet costs.
    pub resent_ms: u64,
    /// Bytes that pass in a millisecond.
    pub bytes_per_ms: u64,
    /// Handshakes between tabs that fail for no reason.
    pub undialled_permille: u64,
    /// Tabs with an address of their own.
    pub open_permille: u64,
    /// Tabs with another outer address for each far end; the rest is [`Nat::Cone`].
    pub symmetric_permille: u64,
}

/// Homes on one continent.
pub const WIFI: Access = Access {
    name: "wifi",
    latency_ms: 15,
    jitter_ms: 30,
    lost_permille: 1,
    resent_ms: 200,
    bytes_per_ms: 1_250,
    undialled_permille: 10,
    open_permille: 150,
    symmetric_permille: 50,
};

/// The same, two walls further away.
pub const WIFI_LOSSY: Access = Access {
    name: "wifi_lossy",
    jitter_ms: 90,
    lost_permille: 40,
    bytes_per_ms: 375,
    undialled_permille: 40,
    ..WIFI
};

/// Telephones.
pub const CELLULAR: Access = Access {
    name: "cellular",
    latency_ms: 45,
    jitter_ms: 160,
    lost_permille: 15,
    resent_ms: 400,
    bytes_per_ms: 625,
    undialled_permille: 60,
    open_permille: 50,
    symmetric_permille: 400,
};

/// Desks behind company firewalls.
pub const OFFICE: Access = Access {
    name: "office",
    latency_ms: 8,
    jitter_ms: 12,
    bytes_per_ms: 6_250,
    open_permille: 0,
    symmetric_permille: 300,
    ..WIFI
};

/// A hall full of people on one access point: everyone sees everyone, and the air is full.
pub const CONFERENCE: Access = Access {
    name: "conference",
    latency_ms: 10,
    jitter_ms: 400,
    lost_permille: 80,
    bytes_per_ms: 125,
    undialled_permille: 80,
    open_permille: 1_000,
    symmetric_permille: 0,
    ..WIFI
};

/// All of them.
pub const ALL: [Access; 5] = [WIFI, WIFI_LOSSY, CELLULAR, OFFICE, CONFERENCE];
