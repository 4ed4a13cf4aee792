//! What is counted while a world goes on.

use muttr_core::limit::{HOUR_MS, MINUTE_MS};

/// A record is being stored for so long; a copy that moves later is repair.
pub(super) const STORING_MS: u64 = 2 * MINUTE_MS;

/// Records of one age, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Age {
    /// Looked for by visitors.
    pub looks: u64,
    /// Found within the visit.
    pub found: u64,
    /// Seen in a census.
    pub seen: u64,
    /// Of these without any holder online.
    pub dark: u64,
    /// Of these without any copy on the disk of somebody who may come back.
    pub lost: u64,
    /// Copies of all of them.
    pub copies: u64,
    /// Copies online.
    pub online: u64,
    /// Copies written for the first time on some disk.
    pub moved: u64,
}

impl Age {
    pub(super) fn add(&mut self, other: &Self) {
        self.looks += other.looks;
        self.found += other.found;
        self.seen += other.seen;
        self.dark += other.dark;
        self.lost += other.lost;
        self.copies += other.copies;
        self.online += other.online;
        self.moved += other.moved;
    }
}

/// Attempts to link, by what for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dials {
    pub(super) for_stores: u64,
    pub(super) for_fetches: u64,
    pub(super) for_upkeep: u64,
    pub(super) by_visitors: u64,
    pub(super) failed: u64,
    pub(super) to_pods: u64,
}

impl Dials {
    /// Those of seeds to seeds.
    pub(super) const fn all(&self) -> u64 {
        self.for_stores + self.for_fetches + self.for_upkeep
    }
}

/// Frames sent, by what is in them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    pub(super) routing: u64,
    pub(super) store: u64,
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) dropped: u64,
    /// Records pushed while they were being stored, and later.
    pub(super) pushed_first: u64,
    pub(super) pushed_later: u64,
    /// Records handed to somebody who reads, and to somebody who does not.
    pub(super) read: u64,
    pub(super) pulled: u64,
}

/// All counters of a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) seed_ms: u64,
    pub(super) core_ns: u64,
    pub(super) inputs: u64,
    pub(super) runs: u64,
    pub(super) dials: Dials,
    pub(super) frames: Frames,
    pub(super) receipts: u64,
    /// Records that nobody promised to keep.
    pub(super) homeless: u64,
    /// By age in hours.
    pub(super) ages: Vec<Age>,
    pub(super) fetch_ms: Vec<u32>,
    /// Rows of records on the disk of somebody online, summed up by census.
    pub(super) held: u64,
    pub(super) holders: u64,
}

impl Tally {
    /// The counts of records as old as that.
    pub(super) fn age(&mut self, age_ms: u64) -> &mut Age {
        let hour = (age_ms / HOUR_MS) as usize;
        if self.ages.len() <= hour {
            self.ages.resize(hour + 1, Age::default());
        }
        &mut self.ages[hour]
    }

    pub(super) fn sum(&self, hours: std::ops::Range<usize>) -> Age {
        let mut sum = Age::default();
        let until = hours.end.min(self.ages.len());
        for age in self.ages.get(hours.start..until).unwrap_or_default() {
            sum.add(age);
        }
        sum
    }
}
