//! What a run is made of: every parameter a named field, all of them printed in the report.

use muttr_core::limit::{DAY_MS, HOLDERS, HOUR_MS, MINUTE_MS};

use super::{
    access::{Access, WIFI},
    custodian::STAMP_BITS,
};

/// How long people stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sessions {
    /// However long somebody has stayed tells nothing of how long they will.
    Exponential,
    /// Who has stayed long will stay longer. The number is the deviation of the logarithm.
    LogNormal(f64),
}

/// What some seeds do instead of what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vice {
    /// Takes records and hands over other bytes.
    WrongBytes,
    /// Takes records and says that it has none.
    Denies,
    /// Takes records and never answers who asks for them.
    Stalls,
    /// A third of the dishonest does each.
    OneOfEach,
    /// Neither keeps nor passes on what it is given, and says nothing.
    Drops,
}

/// Something that happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// So many of those online leave at once and for ever.
    Vanish {
        /// When.
        at_ms: u64,
        /// How many of a thousand.
        permille: u64,
    },
    /// Two halves do not reach each other for a while.
    Partition {
        /// When.
        at_ms: u64,
        /// For how long.
        for_ms: u64,
    },
}

/// The plan of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// As the command line knows it.
    pub name: &'static str,
    /// The network.
    pub access: Access,
    /// How many there are.
    pub people: u32,
    /// How many of them are online on average.
    pub online: u32,
    /// Half of all sessions are shorter.
    pub session_median_ms: u64,
    /// And how they are distributed.
    pub sessions: Sessions,
    /// Departures that are for ever; somebody else comes in their place, with an empty disk.
    pub gone_permille: u64,
    /// Departures that nobody is told of.
    pub crashed_permille: u64,
    /// The latest that those who were linked notice.
    pub notice_ms: u64,
    /// How many pods there are.
    pub pods: u32,
    /// Whether they keep a replica of what their people send and receive; without, they only
    /// introduce tabs to each other.
    pub pods_keep: bool,
    /// How long each pod is away in a day.
    pub pod_away_ms_per_day: u64,
    /// The day on which each pod loses its disk, counted from 0.
    pub pod_wiped_on_day: Option<u64>,
    /// Whether seeds keep records for others.
    pub seeds_keep: bool,
    /// Holders wanted for a record.
    pub copies: usize,
    /// How many records are stored.
    pub messages: u32,
    /// From when.
    pub store_from_ms: u64,
    /// Until when, evenly spread.
    pub store_until_ms: u64,
    /// When the run ends.
    pub end_ms: u64,
    /// A visitor comes this often.
    pub visit_every_ms: u64,
    /// Stays so long.
    pub visit_ms: u64,
    /// And looks for so many records that it knows the keys of.
    pub looks_per_visit: u32,
    /// Records looked for are at least so old.
    pub look_age_min_ms: u64,
    /// How often all copies are counted.
    pub census_every_ms: u64,
    /// What some seeds do, and how many of a thousand.
    pub vice: Option<(Vice, u64)>,
    /// What happens once.
    pub scene: Option<Scene>,
}

/// Ten thousand people, a thousand at a time, whose closed tabs come back with their records.
pub const A: Plan = Plan {
    name: "a",
    access: WIFI,
    people: 10_000,
    online: 1_000,
    session_median_ms: 20 * MINUTE_MS,
    sessions: Sessions::Exponential,
    gone_permille: 0,
    crashed_permille: 300,
    notice_ms: 30_000,
    pods: 3,
    pods_keep: true,
    pod_away_ms_per_day: HOUR_MS,
    pod_wiped_on_day: None,
    seeds_keep: true,
    copies: HOLDERS,
    messages: 20_000,
    store_from_ms: 20 * MINUTE_MS,
    store_until_ms: 2 * DAY_MS - HOUR_MS,
    end_ms: 2 * DAY_MS,
    visit_every_ms: 5 * MINUTE_MS,
    visit_ms: 20 * MINUTE_MS,
    looks_per_visit: 100,
    look_age_min_ms: MINUTE_MS,
    census_every_ms: HOUR_MS / 2,
    vice: None,
    scene: None,
};

impl Plan {
    /// Half of all departures are for ever.
    #[must_use]
    pub const fn half_gone(self) -> Self {
        Self {
            gone_permille: 500,
            ..self
        }
    }

    /// Pods introduce, are always there, and keep nothing.
    #[must_use]
    pub const fn without_pods(self) -> Self {
        Self {
            pods_keep: false,
            pod_away_ms_per_day: 0,
            pod_wiped_on_day: None,
            ..self
        }
    }

    /// The same with so many people, of whom a tenth is online.
    #[must_use]
    pub const fn of(self, people: u32) -> Self {
        Self {
            people,
            online: people / 10,
            ..self
        }
    }

    /// Mean session: of what is distributed exponentially it is the median over ln 2.
    #[must_use]
    pub fn session_mean_ms(&self) -> u64 {
        let factor = match self.sessions {
            Sessions::Exponential => std::f64::consts::LN_2.recip(),
            Sessions::LogNormal(sigma) => (sigma * sigma / 2.0).exp(),
        };
        (self.session_median_ms as f64 * factor) as u64
    }

    /// Mean time between two sessions, so that as many are online as are meant to be.
    #[must_use]
    pub fn away_mean_ms(&self) -> u64 {
        let away = u64::from(self.people.saturating_sub(self.online));
        self.session_mean_ms() * away / u64::from(self.online.max(1))
    }

    /// Every parameter by name, for the report.
    #[must_use]
    pub fn constants(&self) -> Vec<(&'static str, String)> {
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
        vec![
            ("access", self.access.name.to_owned()),
            ("people", text(&self.people)),
            ("online", text(&self.online)),
            ("session_median_ms", text(&self.session_median_ms)),
            ("sessions", text(&self.sessions)),
            ("away_mean_ms", text(&self.away_mean_ms())),
            ("gone_permille", text(&self.gone_permille)),
            ("crashed_permille", text(&self.crashed_permille)),
            ("notice_ms", text(&self.notice_ms)),
            ("pods", text(&self.pods)),
            ("pods_keep", text(&self.pods_keep)),
            ("pod_away_ms_per_day", text(&self.pod_away_ms_per_day)),
            ("pod_wiped_on_day", text(&self.pod_wiped_on_day)),
            ("seeds_keep", text(&self.seeds_keep)),
            ("copies", text(&self.copies)),
            ("messages", text(&self.messages)),
            ("store_from_ms", text(&self.store_from_ms)),
            ("store_until_ms", text(&self.store_until_ms)),
            ("end_ms", text(&self.end_ms)),
            ("visit_every_ms", text(&self.visit_every_ms)),
            ("visit_ms", text(&self.visit_ms)),
            ("looks_per_visit", text(&self.looks_per_visit)),
            ("stamp_bits", text(&STAMP_BITS)),
            ("vice", text(&self.vice)),
            ("scene", text(&self.scene)),
        ]
    }
}
