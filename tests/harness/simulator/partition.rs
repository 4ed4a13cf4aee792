//! A partition: for a while nothing passes between two groups, and nobody is told that it does not.

use std::collections::BTreeSet;

use muttr_core::{limit, machine::Machine};

use super::{Who, World};

/// Two groups that are apart at the moment; nobody is in both, and not everybody in one.
#[derive(Debug, Default)]
pub(super) struct Partition {
    these: BTreeSet<Who>,
    those: BTreeSet<Who>,
}

impl<M: Machine> World<M> {
    /// From now on nothing passes between one of these and one of those, until [`Self::heal`]. What
    /// is on its way still arrives. Each end of a link finds out when it has waited long enough; so
    /// a partition that is to be real lasts longer than that.
    pub fn part(&mut self, these: &[Who], those: &[Who]) {
        self.partition.these = these.iter().copied().collect();
        self.partition.those = those.iter().copied().collect();
        let notice_ms = limit::PONG_MS_MAX;
        self.sever_links(notice_ms);
        self.sever_channels(notice_ms);
    }

    /// Everything passes again, once somebody dials.
    pub fn heal(&mut self) {
        self.partition = Partition::default();
    }

    /// Whether nothing passes between these two.
    #[must_use]
    pub fn are_apart(&self, a: Who, b: Who) -> bool {
        let Partition { these, those } = &self.partition;
        (these.contains(&a) && those.contains(&b)) || (these.contains(&b) && those.contains(&a))
    }
}
