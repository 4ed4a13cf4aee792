//! Repair: neighbours tell each other what they hold, and where too few hold a record copies are
//! made. Nobody is dialled for it, and what is there already is not moved again.
//!
//! Each record has two *guardians*: the two seeds closest to its key, of those that are linked
//! to whoever holds it, and that itself. Holders report to guardians what they hold, as the first
//! bytes of its position, and from then on only what has changed. So a guardian knows how many of those
//! around it hold a record. The closest one makes copies as soon as there are too few; the second
//! one waits for one fewer, so that as a rule only one acts. A guardian that has not got the record
//! itself says that it wants it, to one of those who reported it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{Custody, record_store::Waiter};
use crate::{
    limit,
    machine::Link,
    name::{Position, RecordKey, SeedId},
    rejection::Rejection,
    routing::Silence,
    time::{Time, earliest},
    wire::{
        self,
        store::{Digest, Digested, Put, StoreAnswer, StoreAsk},
    },
};

mod copy;
mod count;

use copy::{Copying, Wish};

/// The first bytes of a position, which name a record or a seed here.
pub(super) type Place = u64;

/// What is known of repair.
#[derive(Debug)]
pub(super) struct Repair {
    on: bool,
    neighbours: BTreeMap<SeedId, Neighbour>,
    /// Something has changed since we last went round, or did not succeed.
    dirty: bool,
    /// When to go round next.
    round_at_ms: Option<u64>,
    /// Since when there are neighbours.
    since_ms: u64,
    /// Copies to be made: of what, for whom.
    queue: BTreeMap<RecordKey, Wish>,
    /// Records that too few held at the last round.
    rare: BTreeSet<Place>,
    /// Records that were far from home, and are there as well now.
    homed: BTreeSet<Place>,
    copying: BTreeMap<u64, Copying>,
    /// Bytes that may be moved, and as of when.
    budget: u64,
    budget_ms: u64,
}

/// A linked seed that keeps records.
#[derive(Debug)]
struct Neighbour {
    /// Where it is.
    at: Place,
    since_ms: u64,
    /// It takes no part: a pod, or older than this.
    mute: bool,
    /// What it knows that we hold, in order.
    told: Vec<Place>,
    /// What it is to know, in order.
    news: Vec<Place>,
    /// What we want of it.
    wants: Vec<Place>,
    /// The job of the digest under way, with what that adds and takes away.
    asking: Option<(u64, Vec<Place>, Vec<Place>)>,
    /// What it says that it holds.
    report: BTreeSet<Place>,
    /// What we gave it, and it has not reported.
    given: BTreeSet<Place>,
}

impl Neighbour {
    fn has(&self, place: Place) -> bool {
        self.report.contains(&place) || self.given.contains(&place)
    }
}

pub(super) fn place_of(position: &Position) -> Place {
    let first = position.0.first_chunk();
    first.map_or(0, |first| u64::from_be_bytes(*first))
}

/// What two that have the same agree on.
fn fingerprint<'a>(places: impl IntoIterator<Item = &'a Place>) -> u64 {
    let places = places.into_iter();
    places.fold(0, |sum, place| sum.wrapping_add(*place).wrapping_add(1))
}

/// What is in one list and not in the other; both are in order.
fn minus(these: &[Place], those: &[Place], most: usize) -> Vec<Place> {
    let only = these
        .iter()
        .filter(|place| those.binary_search(place).is_err());
    only.take(most).copied().collect()
}

fn pack(places: &[Place]) -> Vec<u8> {
    places
        .iter()
        .flat_map(|place| place.to_be_bytes())
        .collect()
}

fn unpack(bytes: &[u8]) -> Result<Vec<Place>, Rejection> {
    let (places, rest) = bytes.as_chunks::<8>();
    if rest.is_empty() {
        Ok(places
            .iter()
            .map(|place| u64::from_be_bytes(*place))
            .collect())
    } else {
        Err(Rejection::Malformed)
    }
}

impl Repair {
    pub(super) const fn new(on: bool) -> Self {
        Self {
            on,
            neighbours: BTreeMap::new(),
            dirty: true,
            round_at_ms: None,
            since_ms: 0,
            queue: BTreeMap::new(),
            rare: BTreeSet::new(),
            homed: BTreeSet::new(),
            copying: BTreeMap::new(),
            budget: limit::REPAIR_BYTES_BURST,
            budget_ms: 0,
        }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let waits = !self.queue.is_empty() && self.copying.len() < limit::REPAIR_COPIES_MAX;
        let poor = waits.then(|| self.budget_ms.saturating_add(limit::REPAIR_PAUSE_MS));
        earliest(self.round_at_ms, poor)
    }

    pub(super) fn is_copying(&self, job: u64) -> bool {
        self.copying.contains_key(&job)
    }

    /// Whether this neighbour is being told something under this number.
    pub(super) fn is_telling(&self, job: u64, seed: &SeedId) -> bool {
        let neighbour = self.neighbours.get(seed);
        neighbour.is_some_and(|it| matches!(it.asking, Some((own, ..)) if own == job))
    }

    /// What is held here has changed.
    pub(super) const fn disturb(&mut self) {
        self.dirty = true;
    }

    fn hurry(&mut self, at_ms: u64) {
        self.dirty = true;
        self.round_at_ms = earliest(self.round_at_ms, Some(at_ms));
    }
}

impl Custody {
    /// A seed that keeps records is linked: soon it is told what it has to know.
    pub(super) fn repair_linked(&mut self, now: Time, seed: SeedId, stores: bool) {
        if !self.repair.on || !stores {
            return self.repair_unlinked(&seed);
        }
        if self.repair.neighbours.is_empty() {
            self.repair.since_ms = now.mono_ms;
        }
        let at = place_of(&seed.position());
        let mute = self.pods.contains(&seed);
        self.repair
            .neighbours
            .entry(seed)
            .or_insert_with(|| Neighbour {
                at,
                since_ms: now.mono_ms,
                mute,
                told: Vec::new(),
                news: Vec::new(),
                wants: Vec::new(),
                asking: None,
                report: BTreeSet::new(),
                given: BTreeSet::new(),
            });
        let soon_ms = self.jittered(limit::REPAIR_LINK_MS);
        self.repair.hurry(now.after(soon_ms));
    }

    pub(super) fn repair_unlinked(&mut self, seed: &SeedId) {
        self.repair.neighbours.remove(seed);
        self.repair.dirty = true;
        if self.repair.neighbours.is_empty() {
            self.repair.round_at_ms = None;
        }
    }

    /// Three to five quarters of it.
    fn jittered(&mut self, pause_ms: u64) -> u64 {
        let jitter_ms = self.routing.chance(pause_ms / 2);
        (pause_ms / 4).saturating_mul(3).saturating_add(jitter_ms)
    }

    /// Does what time asks for in repair.
    pub(super) fn tick_repair(&mut self, now: Time) {
        let is_due = |at_ms: u64| at_ms <= now.mono_ms;
        if self.repair.round_at_ms.is_some_and(is_due) {
            let pause_ms = self.jittered(limit::REPAIR_MS);
            self.repair.round_at_ms = Some(now.after(pause_ms));
            if self.records.is_loaded() {
                self.go_round(now);
            }
        }
        if self.repair.deadline().is_some_and(is_due) {
            self.copy_more(now);
        }
    }

    /// Tells each neighbour what has changed, and finds out what has become rare.
    fn go_round(&mut self, now: Time) {
        if !core::mem::take(&mut self.repair.dirty) {
            return;
        }
        let mine = self.share_out(now);
        if now.mono_ms.saturating_sub(self.repair.since_ms) >= limit::REPAIR_SETTLE_MS {
            self.count(&mine);
        } else {
            self.repair.dirty = true;
        }
        let all: Vec<SeedId> = self.repair.neighbours.keys().copied().collect();
        for seed in all {
            self.tell(now, seed);
        }
        self.copy_more(now);
    }

    /// Tells a neighbour the next part of what it does not know yet.
    fn tell(&mut self, now: Time, seed: SeedId) {
        let Some(neighbour) = self.repair.neighbours.get_mut(&seed) else {
            return;
        };
        let most = limit::DIGEST_KEYS_MAX;
        let drop = minus(&neighbour.told, &neighbour.news, most);
        let room = most.saturating_sub(drop.len());
        let add = minus(&neighbour.news, &neighbour.told, room);
        let nothing = add.is_empty() && drop.is_empty() && neighbour.wants.is_empty();
        if nothing || neighbour.mute || neighbour.asking.is_some() {
            return;
        }
        let digest = Digest {
            base: fingerprint(&neighbour.told),
            add: pack(&add),
            drop: pack(&drop),
            want: pack(&core::mem::take(&mut neighbour.wants)),
        };
        let question = wire::encode(&StoreAsk::Digest(digest));
        self.repair.spend(&question);
        let job = self.job_number();
        if let Some(neighbour) = self.repair.neighbours.get_mut(&seed) {
            neighbour.asking = Some((job, add, drop));
        }
        self.routing.ask_linked(now, seed, question, job);
    }

    /// A neighbour tells what it holds.
    pub(super) fn take_digest(
        &mut self,
        now: Time,
        (link, id): (Link, u64),
        digest: &Digest,
    ) -> Result<(), Rejection> {
        let (add, drop) = (unpack(&digest.add)?, unpack(&digest.drop)?);
        let want = unpack(&digest.want)?;
        let changes = add.len().saturating_add(drop.len());
        if changes > limit::DIGEST_KEYS_MAX || want.len() > limit::DIGEST_WANTS_MAX {
            return Err(Rejection::Malformed);
        }
        let neighbour = match link {
            Link::Seed(seed) => self.repair.neighbours.get_mut(&seed).map(|it| (seed, it)),
            Link::Channel(_) => None,
        };
        let Some((seed, neighbour)) = neighbour else {
            let code = if self.repair.on {
                Rejection::Busy
            } else {
                Rejection::Unwilling
            };
            self.answer(link, id, &StoreAnswer::Rejected(code));
            return Ok(());
        };
        let size = neighbour.report.len().saturating_add(add.len());
        let known = fingerprint(&neighbour.report) == digest.base;
        if !known || size > limit::DIGEST_KEYS_PER_LINK_MAX {
            neighbour.report.clear();
            let again = StoreAnswer::Digest(Digested {
                again: !known,
                gone: Vec::new(),
            });
            let full = StoreAnswer::Rejected(Rejection::Full);
            self.answer(link, id, if known { &full } else { &again });
            return Ok(());
        }
        for place in &drop {
            neighbour.report.remove(place);
        }
        for place in &add {
            neighbour.given.remove(place);
        }
        neighbour.report.extend(&add);
        self.repair.dirty = true;
        let gone = self.records.tombstones_of(&add);
        let answer = StoreAnswer::Digest(Digested { again: false, gone });
        self.answer(link, id, &answer);
        for place in want {
            if let Some(key) = self.records.at_place(place) {
                self.repair.enqueue(key, [seed].into(), 0);
            }
        }
        self.copy_more(now);
        Ok(())
    }

    /// A neighbour was told, or does not answer.
    pub(super) fn digested(&mut self, now: Time, seed: SeedId, outcome: Result<Vec<u8>, Silence>) {
        let Some(neighbour) = self.repair.neighbours.get_mut(&seed) else {
            return;
        };
        let Some((_, add, drop)) = neighbour.asking.take() else {
            return;
        };
        let Ok(bytes) = outcome else {
            // Whether it heard is unknown; it will say so.
            self.repair.dirty = true;
            return;
        };
        match wire::decode(&bytes, limit::STORE_BYTES_MAX) {
            Ok(StoreAnswer::Digest(Digested { again: true, .. })) => {
                let began = neighbour.told.is_empty();
                neighbour.told.clear();
                self.repair.dirty = true;
                // Who disagrees with a beginning as well is told at the next round.
                if !began {
                    self.tell(now, seed);
                }
            }
            Ok(StoreAnswer::Digest(Digested { gone, .. })) if gone.len() <= add.len() => {
                neighbour.told = minus(&neighbour.told, &drop, usize::MAX);
                neighbour.told.extend(&add);
                neighbour.told.sort_unstable();
                for tombstone in gone {
                    self.records.give_up(now, &tombstone, Waiter::Forward(0));
                }
                self.tell(now, seed);
            }
            Ok(StoreAnswer::Rejected(code)) => {
                neighbour.mute = matches!(
                    code,
                    Rejection::Malformed | Rejection::Unsupported | Rejection::Unwilling
                );
                neighbour.told.clear();
                self.repair.dirty = true;
            }
            Ok(_) | Err(_) => self.routing.blame(now, seed),
        }
    }
}
