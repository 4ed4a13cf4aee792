//! Watching over what this pod's people had it keep, while they are away.
//!
//! About every hour it is counted who holds each such record. Where too few seeds do, it is placed
//! again, from the pod's own copy or from one that is fetched back; where the own copy is gone, it
//! is kept again. What nobody has any more, at several looks one after the other, is lost, and the
//! device that had it kept is told until it says that it knows.
//!
//! A watch ends when the record expires or was released. The pod cannot see what a record says, for
//! whom it is or whether it was read: it watches over whatever was handed to it on a channel.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use rand_core::RngCore;
use serde::{Deserialize, Serialize};

use super::{Asker, Errand, Pod};
use crate::{
    custody::{self, Tally},
    envelope::{record::Record, stamp::Stamp},
    limit,
    machine::{Batch, Input, Row, Table, Write},
    name::{DeviceId, Fingerprint, Hash, RecordKey},
    rejection::Rejection,
    session::Version,
    time::Time,
    wire::{self, channel::ToSeed, store::Receipt},
};

/// Whose record, and which.
pub(super) type Watched = (Fingerprint, RecordKey);

/// Everything that is watched over.
#[derive(Debug, Default)]
pub(super) struct Watches {
    all: BTreeMap<Watched, Watch>,
    /// When to look after which, monotonic. Those being looked after, and those that are lost, are
    /// not among them.
    due: BTreeSet<(u64, Watched)>,
    /// How many are being looked after.
    busy: usize,
}

#[derive(Debug)]
struct Watch {
    row: WatchRow,
    /// Its entry among those that are due.
    due_ms: u64,
    /// How often nobody had it, one look after the other.
    searches: u32,
    /// It is not placed again before then, and after that not for so long.
    place_at_ms: u64,
    place_pause_ms: u64,
}

/// What is written about a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WatchRow {
    /// Which of its author's devices had it kept.
    device: DeviceId,
    expires_h: u32,
    #[serde(with = "serde_bytes")]
    deletion_hash: Vec<u8>,
    /// Nobody has it any more, and its author does not know yet.
    lost: bool,
    /// What it came with: our own copy may be gone when it is needed.
    #[serde(with = "serde_bytes", default, skip_serializing_if = "Vec::is_empty")]
    stamp: Vec<u8>,
}

/// Far more than a row has.
const ROW_BYTES_MAX: usize = 256;

impl Watch {
    const fn new(row: WatchRow) -> Self {
        Self {
            row,
            due_ms: 0,
            searches: 0,
            place_at_ms: 0,
            place_pause_ms: 0,
        }
    }

    fn is_over(&self, now: Time) -> bool {
        u64::from(self.row.expires_h).saturating_mul(limit::HOUR_MS) <= now.wall_ms
    }
}

impl Watches {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many are known to be lost.
    pub(super) fn lost(&self) -> usize {
        self.all.values().filter(|watch| watch.row.lost).count()
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let may_look = self.busy < limit::WATCHES_AT_ONCE;
        let next = self.due.first().filter(|_| may_look);
        next.map(|(at_ms, _)| *at_ms)
    }

    fn of(&self, owner: Fingerprint) -> impl Iterator<Item = (&Watched, &Watch)> {
        let all = (owner, RecordKey([0; 32]))..=(owner, RecordKey([u8::MAX; 32]));
        self.all.range(all)
    }
}

fn row_key((owner, key): &Watched) -> Vec<u8> {
    [owner.as_bytes().as_slice(), &key.0].concat()
}

impl Pod {
    /// Reads a row that was left from before.
    pub(super) fn load_watch(&mut self, row: &Row) -> Option<()> {
        let (owner, key) = row.key.split_at_checked(32)?;
        let owner = Fingerprint::from_slice(owner).ok()?;
        let key = RecordKey::from_slice(key).ok()?;
        let row: WatchRow = wire::decode(&row.value, ROW_BYTES_MAX).ok()?;
        self.watches.all.insert((owner, key), Watch::new(row));
        Some(())
    }

    /// Everything is read. The looks are spread, as if they had never been interrupted.
    pub(super) fn watches_ready(&mut self, now: Time) {
        let watched: Vec<Watched> = self.watches.all.keys().copied().collect();
        for watched in watched {
            let wait_ms = self.chance(self.config.quotas.watch_ms);
            self.look_later(now, watched, wait_ms);
        }
    }

    fn chance(&mut self, bound: u64) -> u64 {
        let drawn = u64::from(self.rng.next_u32());
        drawn.saturating_mul(bound.min(u32::MAX.into())) >> 32
    }

    /// One of our people had a record kept: from now on it is watched over.
    pub(super) fn watch(
        &mut self,
        now: Time,
        (owner, device): (Fingerprint, DeviceId),
        promise: &Receipt,
        deletion_hash: [u8; 32],
    ) {
        let watched = (owner, promise.key);
        let stamp = self.custody.stamp(&promise.key);
        let stamp = stamp.map(Stamp::to_bytes).unwrap_or_default();
        if let Some(watch) = self.watches.all.get_mut(&watched)
            && !watch.row.lost
        {
            // What was given to us before there were stamps may come again with one.
            if !stamp.is_empty() && watch.row.stamp != stamp {
                watch.row.stamp = stamp;
                self.write_watch(watched);
            }
            return;
        }
        let quotas = &self.config.quotas;
        let is_full = self.watches.len() >= quotas.watched_max
            || self.watches.of(owner).count() >= quotas.watched_per_person_max;
        if is_full && !self.watches.all.contains_key(&watched) {
            return;
        }
        let row = WatchRow {
            device,
            expires_h: promise.expires_h,
            deletion_hash: deletion_hash.to_vec(),
            lost: false,
            stamp,
        };
        self.watches.all.insert(watched, Watch::new(row));
        self.write_watch(watched);
        let wait_ms = self.watch_pause();
        self.look_later(now, watched, wait_ms);
    }

    /// The stamp of a record that one of our people gave us.
    pub(super) fn stamp_of(&self, owner: Fingerprint, key: &RecordKey) -> Option<Stamp> {
        self.custody.stamp(key).or_else(|| {
            let watch = self.watches.all.get(&(owner, *key))?;
            self.check_stamp(key, &watch.row.stamp).ok()
        })
    }

    /// Three to five quarters of the time between two looks.
    fn watch_pause(&mut self) -> u64 {
        let pause_ms = self.config.quotas.watch_ms;
        let jitter_ms = self.chance(pause_ms / 2);
        (pause_ms / 4).saturating_mul(3).saturating_add(jitter_ms)
    }

    fn look_later(&mut self, now: Time, watched: Watched, wait_ms: u64) {
        // At least a little, so that looking never keeps the pod busy by itself.
        let at_ms = now.after(wait_ms.max(limit::WATCH_PAUSE_MS));
        if let Some(watch) = self.watches.all.get_mut(&watched) {
            self.watches.due.remove(&(watch.due_ms, watched));
            if !watch.row.lost {
                watch.due_ms = at_ms;
                self.watches.due.insert((at_ms, watched));
            }
        }
    }

    fn write_watch(&mut self, watched: Watched) {
        let key = row_key(&watched);
        let write = match self.watches.all.get(&watched) {
            Some(watch) => {
                let value = wire::encode(&watch.row);
                Write::Put(Table::Watch, Row { key, value })
            }
            None => Write::Delete(Table::Watch, key),
        };
        let (needs, writes) = (Vec::new(), [write].into());
        self.keep(Errand::Nothing, Batch { needs, writes });
    }

    fn watch_no_more(&mut self, watched: Watched) {
        if let Some(watch) = self.watches.all.remove(&watched) {
            self.watches.due.remove(&(watch.due_ms, watched));
            self.write_watch(watched);
        }
    }

    /// Looks after what is due, a few at once.
    pub(super) fn look_after_watches(&mut self, now: Time) {
        while self.watches.busy < limit::WATCHES_AT_ONCE
            && let Some(&(at_ms, watched)) = self.watches.due.first()
            && at_ms <= now.mono_ms
        {
            self.watches.due.pop_first();
            self.look(now, watched);
        }
    }

    fn look(&mut self, now: Time, watched: Watched) {
        let Some(watch) = self.watches.all.get(&watched) else {
            return;
        };
        let (_, key) = watched;
        if watch.is_over(now) || self.custody.released(&key) {
            return self.watch_no_more(watched);
        }
        // Who is alone learns nothing about the others.
        let Some(deletion_hash) = watch
            .row
            .deletion_hash
            .as_slice()
            .try_into()
            .ok()
            .filter(|_| self.custody.stats().links > 0)
        else {
            return self.look_again(now, watched);
        };
        self.watches.busy = self.watches.busy.saturating_add(1);
        let id = self.errand(Errand::Count(watched));
        let count = custody::Command::Count {
            id,
            key,
            deletion_hash,
            pods: Vec::new(),
        };
        self.in_custody(now, Input::Command(count));
    }

    fn look_again(&mut self, now: Time, watched: Watched) {
        let wait_ms = self.watch_pause();
        self.look_later(now, watched, wait_ms);
    }

    /// A look has ended.
    fn looked(&mut self, now: Time, watched: Watched) {
        self.watches.busy = self.watches.busy.saturating_sub(1);
        self.look_again(now, watched);
    }

    /// It was counted who holds a record. Then our own copy is read, and looked for elsewhere if
    /// it is not there.
    pub(super) fn watch_counted(
        &mut self,
        now: Time,
        watched: Watched,
        counted: Result<Tally, Rejection>,
    ) {
        let Some(watch) = self.watches.all.get_mut(&watched) else {
            return self.looked(now, watched);
        };
        let Ok(tally) = counted else {
            return self.looked(now, watched);
        };
        if tally.gone.is_some() {
            self.watch_no_more(watched);
            return self.looked(now, watched);
        }
        let few = tally.seeds.len() < limit::REPAIR_BELOW;
        if !few {
            (watch.place_at_ms, watch.place_pause_ms) = (0, 0);
        }
        let place = few && watch.place_at_ms <= now.mono_ms;
        let id = self.errand(Errand::Recover(watched, place));
        let (_, key) = watched;
        self.in_custody(now, Input::Command(custody::Command::Fetch { id, key }));
    }

    /// The record is here, or cannot be found.
    pub(super) fn watch_recovered(
        &mut self,
        now: Time,
        watched: Watched,
        place: bool,
        found: Result<Record, Rejection>,
    ) {
        let Some(watch) = self.watches.all.get_mut(&watched) else {
            return self.looked(now, watched);
        };
        let record = match found {
            Ok(record) => record,
            Err(Rejection::NoRecord | Rejection::TimedOut) => {
                watch.searches = watch.searches.saturating_add(1);
                if watch.searches >= limit::WATCH_SEARCHES {
                    self.raise_lost(watched);
                }
                return self.looked(now, watched);
            }
            // Not that it is lost.
            Err(_) => return self.looked(now, watched),
        };
        watch.searches = 0;
        let (owner, key) = watched;
        let stamp = self.stamp_of(owner, &key);
        if !self.custody.held(&watched.1) {
            let id = self.errand(Errand::Nothing);
            let record = record.clone();
            let keep = custody::Command::Keep { id, record, stamp };
            self.in_custody(now, Input::Command(keep));
        }
        // What came without a stamp is served from here, and nobody else would take it.
        if !place || stamp.is_none() {
            return self.looked(now, watched);
        }
        self.place_later(now, watched);
        let (id, copies) = (self.errand(Errand::Replace(watched)), limit::HOLDERS);
        let store = custody::Command::Store {
            id,
            record,
            stamp,
            copies,
        };
        self.in_custody(now, Input::Command(store));
    }

    /// Where there are no more seeds, placing again and again moves bytes and helps nobody.
    fn place_later(&mut self, now: Time, watched: Watched) {
        let least_ms = self.config.quotas.watch_ms;
        if let Some(watch) = self.watches.all.get_mut(&watched) {
            watch.place_at_ms = now.after(watch.place_pause_ms);
            let longer_ms = watch.place_pause_ms.saturating_mul(2);
            watch.place_pause_ms = longer_ms.clamp(least_ms, limit::DAY_MS.max(least_ms));
        }
    }

    /// It was placed again, as far as there were seeds.
    pub(super) fn watch_replaced(&mut self, now: Time, watched: Watched) {
        self.looked(now, watched);
    }

    /// Nobody has it any more: written down, and told.
    fn raise_lost(&mut self, watched: Watched) {
        let Some(watch) = self.watches.all.get_mut(&watched) else {
            return;
        };
        watch.row.lost = true;
        let device = watch.row.device;
        self.write_watch(watched);
        if let Some(&channel) = self.sessions.get(&(watched.0, device)) {
            self.tell_lost(channel, watched.1);
        }
    }

    fn tell_lost(&mut self, channel: u64, key: RecordKey) {
        // Older seeds would not understand, and go on hoping.
        if self.version_of(channel) >= Some(Version::Fourth) {
            self.tell(channel, &ToSeed::Lost { key });
        }
    }

    /// Counts for somebody who has no links of their own.
    pub(super) fn count_for(
        &mut self,
        now: Time,
        asker: Asker,
        key: RecordKey,
        deletion_hash: Hash,
    ) {
        let id = self.errand(Errand::Tally(asker, key));
        let count = custody::Command::Count {
            id,
            key,
            deletion_hash: deletion_hash.0,
            pods: Vec::new(),
        };
        self.in_custody(now, Input::Command(count));
    }

    pub(super) fn counted_for(
        &mut self,
        asker: Asker,
        key: &RecordKey,
        counted: Result<Tally, Rejection>,
    ) {
        let own = self.custody.held(key).then_some(self.config.custody.me);
        self.answer(asker, counted, |id, tally| {
            let Tally {
                seeds, pods, gone, ..
            } = tally;
            let pods = own.into_iter().chain(pods).collect();
            ToSeed::Counted {
                id,
                seeds,
                pods,
                gone,
            }
        });
    }

    /// A device came in: it is told what it does not know yet.
    pub(super) fn tell_all_lost(&mut self, owner: Fingerprint, device: DeviceId, channel: u64) {
        let of_device = |watch: &Watch| watch.row.lost && watch.row.device == device;
        let lost = self.watches.of(owner).filter(|(_, it)| of_device(it));
        let lost = lost.take(limit::LOST_TOLD_MAX);
        let keys: Vec<RecordKey> = lost.map(|((_, key), _)| *key).collect();
        for key in keys {
            self.tell_lost(channel, key);
        }
    }

    /// The author's device has written down that a record is lost.
    pub(super) fn lost_heard(&mut self, channel: u64, key: RecordKey) {
        let owner = self.who(channel).map(|(who, _)| who.fingerprint());
        let Some(watched) = owner.map(|owner| (owner, key)) else {
            return;
        };
        if self.watches.all.get(&watched).is_some_and(|it| it.row.lost) {
            self.watch_no_more(watched);
        }
    }

    /// Lets go of what was lost, could not be told, and has expired.
    pub(super) fn prune_watches(&mut self, now: Time) {
        let over = self.watches.all.iter();
        let over = over.filter(|(_, watch)| watch.row.lost && watch.is_over(now));
        let over: Vec<Watched> = over.map(|(watched, _)| *watched).collect();
        for watched in over {
            self.watch_no_more(watched);
        }
    }
}
