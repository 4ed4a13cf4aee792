//! Upkeep: how a seed finds its place, and keeps knowing its surroundings.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use rand_core::RngCore;

use super::{
    Contact, Routing,
    link::Purpose,
    wire::{self, Message},
};
use crate::{limit, machine::Protocol, name::SeedId, time::Time};

impl Routing {
    /// Finds our place, beginning with these; they are tried again whenever the way is lost.
    pub(crate) fn join(&mut self, now: Time, contacts: Vec<Contact>) {
        for contact in contacts {
            let room = self.anchors.len() < limit::REMEMBERED_SEEDS_MAX;
            if contact.seed != self.me && (room || self.anchors.contains_key(&contact.seed)) {
                self.links.pin(contact.seed);
                let addresses = wire::bounded(&contact.addresses);
                self.anchors.insert(contact.seed, addresses);
            }
        }
        self.tries = 0;
        self.refresh(now);
    }

    /// Seeds that were heard of, to begin lookups with.
    pub(crate) fn hear(&mut self, contacts: Vec<Contact>) {
        for contact in contacts {
            if contact.seed == self.me {
                continue;
            }
            if self.heard.len() >= limit::REMEMBERED_SEEDS_MAX {
                self.heard.pop_first();
            }
            let addresses = wire::bounded(&contact.addresses);
            self.heard.insert(contact.seed, addresses);
        }
    }

    /// Pods of other places, to look around through.
    pub(crate) fn know_pods(&mut self, contacts: Vec<Contact>) {
        for contact in contacts {
            let room = self.pods.len() < limit::REMEMBERED_SEEDS_MAX;
            if contact.seed != self.me && (room || self.pods.contains_key(&contact.seed)) {
                let addresses = wire::bounded(&contact.addresses);
                self.pods.insert(contact.seed, addresses);
            }
        }
    }

    /// Leaves a seed alone for a while, unless it is one of those we cannot do without.
    pub(super) fn avoid(&mut self, seed: SeedId, until_ms: u64) {
        if self.anchors.contains_key(&seed) {
            return;
        }
        if self.avoided.len() >= limit::REMEMBERED_SEEDS_MAX {
            let soonest = self.avoided.iter().min_by_key(|(_, until_ms)| **until_ms);
            if let Some(soonest) = soonest.map(|(seed, _)| *seed) {
                self.avoided.remove(&soonest);
            }
        }
        self.avoided.insert(seed, until_ms);
    }

    /// Looks around: our own neighbourhood, now and then some other place, and whether those
    /// who were long silent are still there.
    pub(super) fn refresh(&mut self, now: Time) {
        self.avoided.retain(|_, until_ms| *until_ms > now.mono_ms);
        self.refreshes = self.refreshes.wrapping_add(1);
        if self.upkeep.is_empty() {
            self.look_around(now, self.me.to_peer_id());
            if self.refreshes.is_multiple_of(limit::REFRESHES_PER_RANDOM) || self.refreshes <= 2 {
                let mut somewhere = [0; 32];
                self.rng.fill_bytes(&mut somewhere);
                self.look_around(now, somewhere.to_vec());
            }
        }
        self.mark_neighbourhood();
        self.probe(now);
        self.refresh_at_ms = Some(now.after(self.refresh_pause_ms()));
        self.tries = self.tries.saturating_add(1);
    }

    /// Asks those we joined through and lost, those long silent, and those to whom a link is worth
    /// keeping and not up, for a sign of life.
    fn probe(&mut self, now: Time) {
        let before_ms = now.mono_ms.saturating_sub(limit::STALE_MS);
        let stale = self
            .table
            .stale(before_ms, limit::PROBES_PER_REFRESH)
            .into_iter();
        let stale = stale.map(|seed| (seed, self.table.addresses(&seed).to_vec()));
        let lost = self
            .anchors
            .iter()
            .filter(|(seed, _)| self.links.traits(seed).is_none());
        let lost = lost.map(|(seed, addresses)| (*seed, addresses.clone()));
        let missing = self.links.missing();
        let missing = missing
            .filter(|seed| !self.direct && !self.avoided.contains_key(*seed))
            .map(|seed| (*seed, self.table.addresses(seed).to_vec()));
        let all: BTreeMap<_, _> = stale
            .chain(lost.take(limit::PROBES_PER_REFRESH))
            .chain(missing.take(limit::PROBES_PER_REFRESH))
            .collect();
        let question = Message::find_node(&self.me.to_peer_id()).encode();
        for (seed, addresses) in all {
            let (protocol, purpose) = (Protocol::Routing, Purpose::Probe);
            self.links
                .ask(now, seed, &addresses, protocol, question.clone(), purpose);
        }
    }

    fn look_around(&mut self, now: Time, key: Vec<u8>) {
        // Entered first: a lookup without anyone to ask is over before `find` returns.
        self.upkeep.insert(self.lookups_begun.saturating_add(1));
        self.find(now, &key);
    }

    /// Links worth keeping: to the seeds closest to us, and to somebody in each farther part of the
    /// key space, so that whatever is forwarded from here gets closer to where it belongs. Pods are
    /// linked to so many that they need not care.
    pub(super) fn mark_neighbourhood(&mut self) {
        let here = self.me.position();
        let near = self.table.closest(&here, limit::NEIGHBOURHOOD).into_iter();
        let mut kept: BTreeSet<SeedId> = near.map(|entry| entry.contact.seed).collect();
        if !self.direct {
            let far = self.table.far(&kept, limit::FAR_LINKS);
            let far: Vec<SeedId> = far.iter().map(|entry| entry.contact.seed).collect();
            kept.extend(far);
        }
        self.links.set_near(kept);
    }

    /// There are seeds to join through, and none is linked.
    pub(super) fn is_adrift(&self) -> bool {
        let mut anchors = self.anchors.keys();
        !self.anchors.is_empty() && anchors.all(|seed| self.links.traits(seed).is_none())
    }

    /// Most of our neighbours are linked, so that whoever comes finds us by them.
    pub(super) fn is_calm(&self) -> bool {
        let (near, up) = self.links.near();
        !self.direct
            && near >= limit::NEIGHBOURHOOD / 2
            && up.saturating_mul(4) >= near.saturating_mul(3)
    }

    /// The usual pause, longer while all is calm; while we are adrift a short one that doubles; just after joining a short
    /// one, too, for others who join at that moment are found only once they have an address.
    /// Three to five quarters of it, so that seeds that joined together part.
    pub(super) fn refresh_pause_ms(&mut self) -> u64 {
        let pause_ms = if self.is_adrift() {
            let doubled = 1_u64.checked_shl(self.tries).unwrap_or(u64::MAX);
            let pause_ms = limit::JOIN_RETRY_MS.saturating_mul(doubled);
            pause_ms.min(limit::REFRESH_MS)
        } else if self.refreshes <= limit::REFRESHES_EARLY {
            limit::JOIN_RETRY_MS
        } else if self.is_calm() {
            limit::REFRESH_CALM_MS
        } else {
            limit::REFRESH_MS
        };
        let jitter_ms = u64::from(self.rng.next_u32()).saturating_mul(pause_ms / 2) >> 32;
        (pause_ms / 4).saturating_mul(3).saturating_add(jitter_ms)
    }
}
