//! Upkeep: how a seed finds its place, and keeps knowing its surroundings.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use rand_core::RngCore;

use super::{
    Contact, Routing, Upkeep,
    bucket::Entry,
    link::Purpose,
    wire::{self, Message},
};
use crate::{
    limit,
    machine::{Protocol, Traits},
    name::{Position, SeedId},
    time::{Time, earliest},
};

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

    pub(crate) fn linked(&mut self, now: Time, seed: SeedId, traits: Traits) {
        self.avoided.forgive(&seed);
        self.heard.remove(&seed);
        if traits.routes {
            let contact = Contact {
                seed,
                addresses: traits.addresses.clone(),
            };
            self.table
                .admit(Entry::new(contact, traits.stores, now.mono_ms));
        } else {
            self.table.remove(&seed);
        }
        if self.anchors.contains_key(&seed) {
            self.tries = 0;
            self.avoided.hope();
        }
        self.links.linked(now, seed, traits);
        self.refresh_at_ms
            .get_or_insert_with(|| now.after(limit::REFRESH_MS));
    }

    pub(crate) fn unlinked(&mut self, now: Time, seed: &SeedId) {
        self.table.unlinked(seed, now.mono_ms);
        let broke = self.links.unlinked(now, seed);
        if broke {
            // As a rule whoever is gone is gone; if not, they will say so.
            self.table.failed(seed);
        }
        let adrift = self.anchors.contains_key(seed) && self.is_adrift();
        if adrift || (broke && !self.is_calm()) {
            self.restless = 0;
            let soon_ms = now.after(self.refresh_pause_ms());
            self.refresh_at_ms = earliest(self.refresh_at_ms, Some(soon_ms));
        }
        if broke && !self.direct && !self.table.reaches(self.table.number(seed)) {
            let soon_ms = now.after(limit::JOIN_RETRY_MS);
            self.far_at_ms = earliest(self.far_at_ms, Some(soon_ms));
        }
    }

    /// How many leading bits everyone around us shares with us: [`limit::NEIGHBOURHOOD_CLOSE`] seeds
    /// as of when we last looked around; 0 when there are no more than that.
    pub(crate) fn shared_bits(&self) -> u32 {
        let here = self.me.position();
        let farthest = self
            .around
            .get(limit::NEIGHBOURHOOD_CLOSE.saturating_sub(1));
        farthest.map_or(0, |seed| seed.position().distance(&here).leading_zeros())
    }

    /// Whether those closest to a position are to be looked for around us.
    pub(crate) fn is_near(&self, position: &Position) -> bool {
        position.distance(&self.me.position()).leading_zeros() >= self.shared_bits()
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

    /// Looks around: our own neighbourhood, and the parts of the key space that no link leads into.
    pub(super) fn refresh(&mut self, now: Time) {
        self.avoided.prune(now);
        self.refreshes = self.refreshes.wrapping_add(1);
        if self.upkeep.is_empty() {
            let is_new = self.refreshes <= limit::REFRESHES_EARLY.saturating_add(1);
            let width = if self.avoided.is_in_vain() {
                limit::NEIGHBOURHOOD_IN_VAIN
            } else if is_new || !self.is_calm() {
                limit::NEIGHBOURHOOD_DIALLED
            } else {
                limit::NEIGHBOURHOOD_CLOSE
            };
            let place = Upkeep {
                is_place: true,
                width,
            };
            self.look_around(now, self.me.to_peer_id(), place);
            // Whoever has just come finds its own place first.
            if self.refreshes > 1 {
                self.look_far(now);
            }
        }
        self.mark_neighbourhood();
        self.probe(now);
        let calm = self.is_calm();
        self.restless = if calm {
            0
        } else {
            self.restless.saturating_add(1)
        };
        self.refresh_at_ms = Some(now.after(self.refresh_pause_ms()));
        self.tries = self.tries.saturating_add(1);
    }

    /// Asks those we joined through and lost for a sign of life, and as a pod those long silent,
    /// whom a tab forgets: few of those who were long away can be dialled where they were.
    fn probe(&mut self, now: Time) {
        let before_ms = now.mono_ms.saturating_sub(limit::STALE_MS);
        if !self.direct {
            self.table.drop_silent(before_ms);
        }
        let stale = self.table.stale(before_ms, limit::PROBES_PER_REFRESH);
        let stale = stale
            .into_iter()
            .map(|seed| (seed, self.table.addresses(&seed).to_vec()));
        let lost = self
            .anchors
            .iter()
            .filter(|(seed, _)| self.links.traits(seed).is_none());
        let lost = lost.map(|(seed, addresses)| (*seed, addresses.clone()));
        let all: BTreeMap<_, _> = stale.chain(lost.take(limit::PROBES_PER_REFRESH)).collect();
        let question = Message::find_node(&self.me.to_peer_id()).encode();
        for (seed, addresses) in all {
            let (protocol, purpose) = (Protocol::Routing, Purpose::Probe);
            self.links
                .ask(now, seed, &addresses, protocol, question.clone(), purpose);
        }
    }

    fn look_around(&mut self, now: Time, key: Vec<u8>, upkeep: Upkeep) {
        // Entered first: a lookup without anyone to ask is over before `find` returns.
        let number = self.lookups_begun.saturating_add(1);
        self.upkeep.insert(number, upkeep);
        self.find(now, &key);
    }

    /// Looks for somebody in each part of the key space beyond our neighbourhood into which no link
    /// leads. A pod is linked to so many that it need not.
    pub(super) fn look_far(&mut self, now: Time) {
        self.far_at_ms = None;
        if self.direct {
            return;
        }
        let bits = self.shared_bits();
        let missing = (0..bits).filter(|number| !self.table.reaches(*number));
        let missing: Vec<u32> = missing.take(limit::FAR_LOOKUPS_MAX).collect();
        for number in missing {
            let far = Upkeep {
                is_place: false,
                width: 1,
            };
            if let Some(key) = self.key_sharing(number) {
                self.look_around(now, key, far);
            }
        }
    }

    /// A key whose position shares exactly so many bits with ours.
    fn key_sharing(&mut self, bits: u32) -> Option<Vec<u8>> {
        let here = self.me.position();
        (0..limit::FAR_KEYS_TRIED_MAX).find_map(|_| {
            let mut key = [0; 32];
            self.rng.fill_bytes(&mut key);
            let shared = Position::of(&key).distance(&here).leading_zeros();
            (shared == bits).then(|| key.to_vec())
        })
    }

    /// Links worth keeping: to the seeds closest to us, and to somebody in each farther part of the
    /// key space, so that whatever is forwarded from here gets closer to where it belongs. Pods are
    /// linked to so many that they need not care.
    pub(super) fn mark_neighbourhood(&mut self) {
        let here = self.me.position();
        let near = self.table.by_distance(&here).filter(|entry| entry.linked);
        let near = near.take(limit::NEIGHBOURHOOD);
        let mut kept: BTreeSet<SeedId> = near.map(|entry| entry.contact.seed).collect();
        if !self.direct {
            let far = self.table.far(&kept, limit::FAR_LINKS);
            kept.extend(far);
        }
        self.links.set_near(kept);
    }

    /// There are seeds to join through, and none is linked.
    pub(super) fn is_adrift(&self) -> bool {
        let mut anchors = self.anchors.keys();
        !self.anchors.is_empty() && anchors.all(|seed| self.links.traits(seed).is_none())
    }

    /// Enough neighbours are linked, most of those around us among them; whoever comes links to us
    /// by itself.
    pub(super) fn is_calm(&self) -> bool {
        let linked = |seed: &&SeedId| self.links.traits(seed).is_some();
        let around = self.around.iter().filter(linked).count();
        let most = around > limit::NEIGHBOURHOOD_CLOSE / 2;
        !self.direct && most && self.links.near_up() >= limit::NEIGHBOURHOOD_CLOSE
    }

    /// The usual pause, longer while all is calm or nothing helps; while we are adrift a short one that doubles; just
    /// after joining a short one, too, for others who join at that moment are found only once they
    /// have an address. Three to five quarters of it, so that seeds that joined together part.
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
            // Where there are no more, or none that can be reached, looking again brings nobody.
            let doubled = 1_u64.checked_shl(self.restless / 2).unwrap_or(u64::MAX);
            let pause_ms = limit::REFRESH_MS.saturating_mul(doubled);
            pause_ms.min(limit::REFRESH_CALM_MS)
        };
        let jitter_ms = u64::from(self.rng.next_u32()).saturating_mul(pause_ms / 2) >> 32;
        (pause_ms / 4).saturating_mul(3).saturating_add(jitter_ms)
    }
}
