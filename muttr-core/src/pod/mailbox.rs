//! What waits for one person, for each of their devices; knows neither sessions nor the disk.
//!
//! There is one mailbox for each certificate, whatever aliases it has. Its changes gather until
//! [`Mailbox::batch`] takes them, one batch at a time: so sequence numbers become durable in
//! order, and notifications that arrive while the disk works share the next write.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::{Asker, Quotas};
use crate::{
    limit,
    machine::{Batch, Kept, Row, Table, Write},
    name::{DeviceId, Fingerprint, Hash, Host, Label, RecordKey},
    rejection::Rejection,
    time::Time,
    wire::{self, channel::Notification},
};

/// A notification that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Which of the person's aliases it is for.
    pub(super) to: Label,
    /// It came without a capability.
    pub(super) request: bool,
    /// Bytes of the record it tells of.
    pub(super) bytes: u64,
    /// What there is.
    pub(super) notification: Notification,
    /// The pod that handed it over; absent when one of our own people did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Host>,
}

impl Entry {
    /// When the record, and with it the notification, expires; milliseconds since 1970.
    const fn expires_ms(&self) -> u64 {
        (self.notification.expires_h as u64).saturating_mul(limit::HOUR_MS)
    }
}

/// What a mailbox knows of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Device {
    id: DeviceId,
    /// It has everything up to here.
    cursor: u64,
    /// When it was last there, in milliseconds since 1970.
    seen_ms: u64,
}

/// All devices had everything up to `seq` at some time; it may go at `free_ms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    seq: u64,
    free_ms: u64,
}

/// The mailbox's own row.
#[derive(Serialize, Deserialize)]
struct State {
    epoch: u64,
    head: u64,
    devices: Vec<Device>,
    marks: Vec<Mark>,
}

/// A mailbox's own row is far smaller; a larger one is not ours.
const STATE_BYTES_MAX: usize = 65_536;
const ENTRY_BYTES_MAX: usize = 4096;

/// See the module.
#[derive(Debug)]
pub(super) struct Mailbox {
    epoch: u64,
    /// The highest number given to a notification, durable or not.
    head: u64,
    devices: BTreeMap<DeviceId, Device>,
    /// Ascending in both.
    marks: Vec<Mark>,
    /// Durable notifications by number.
    entries: BTreeMap<u64, Entry>,
    /// Record keys of all notifications, durable or not.
    keys: BTreeMap<RecordKey, u64>,
    /// Who shows what has one of these hashes is a contact.
    pub(super) capabilities: BTreeSet<Hash>,
    fresh: Vec<Fresh>,
    freed: BTreeSet<u64>,
    state_changed: bool,
    writing: Option<Writing>,
    /// The lowest cursor that was durable last.
    lowest: u64,
}

/// A notification that is not durable yet, and who waits for it to be.
#[derive(Debug)]
struct Fresh {
    seq: u64,
    entry: Entry,
    askers: Vec<Asker>,
}

#[derive(Debug)]
struct Writing {
    fresh: Vec<Fresh>,
    freed: BTreeSet<u64>,
    state_changed: bool,
    lowest: u64,
}

/// What a finished write leads to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Whom to tell what.
    pub(super) askers: Vec<(Asker, Result<(), Rejection>)>,
    /// The lowest cursor, if it is now durably another one.
    pub(super) lowest: Option<u64>,
}

/// Where playback begins for a device that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// After this number.
    pub(super) after: u64,
    /// The mailbox had to begin a new run; the person's other devices start over, too.
    pub(super) renewed: bool,
}

impl Mailbox {
    /// An empty one. `epoch` is random and not 0.
    pub(super) fn new(epoch: u64) -> Self {
        let state = State {
            epoch,
            head: 0,
            devices: Vec::new(),
            marks: Vec::new(),
        };
        Self {
            state_changed: true,
            ..Self::of(state)
        }
    }

    fn of(state: State) -> Self {
        let devices = state
            .devices
            .into_iter()
            .map(|device| (device.id, device))
            .collect();
        let mut mailbox = Self {
            epoch: state.epoch,
            head: state.head,
            devices,
            marks: state.marks,
            entries: BTreeMap::new(),
            keys: BTreeMap::new(),
            capabilities: BTreeSet::new(),
            fresh: Vec::new(),
            freed: BTreeSet::new(),
            state_changed: false,
            writing: None,
            lowest: 0,
        };
        mailbox.lowest = mailbox
            .devices
            .values()
            .map(|device| device.cursor)
            .min()
            .unwrap_or(0);
        mailbox
    }

    /// Reads a mailbox's own row.
    pub(super) fn load(row: &Row) -> Result<(Fingerprint, Self), Rejection> {
        let owner = Fingerprint::from_slice(&row.key).map_err(|_| Rejection::Malformed)?;
        Ok((owner, Self::of(wire::decode(&row.value, STATE_BYTES_MAX)?)))
    }

    /// Reads the number and owner out of a notification's key.
    pub(super) fn read_key(key: &[u8]) -> Option<(Fingerprint, u64)> {
        let (owner, seq) = key.split_at_checked(32)?;
        let seq = u64::from_be_bytes(seq.try_into().ok()?);
        Some((Fingerprint::from_slice(owner).ok()?, seq))
    }

    /// Takes in a notification's row.
    pub(super) fn load_entry(&mut self, seq: u64, value: &[u8]) -> Result<(), Rejection> {
        let entry: Entry = wire::decode(value, ENTRY_BYTES_MAX)?;
        self.head = self.head.max(seq);
        self.keys.insert(entry.notification.key, seq);
        self.entries.insert(seq, entry);
        Ok(())
    }

    /// Which run of the mailbox this is.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All devices durably have everything up to here.
    pub(super) const fn lowest(&self) -> u64 {
        self.lowest
    }

    /// How many notifications are kept.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The next durable notification after this number.
    pub(super) fn after(&self, seq: u64) -> Option<(u64, &Entry)> {
        self.entries
            .range(seq.saturating_add(1)..)
            .next()
            .map(|(&seq, entry)| (seq, entry))
    }

    /// Takes a notification in. `Ok(true)` when it was durable before; otherwise `asker` is told
    /// once it is.
    ///
    /// # Errors
    /// [`Rejection::StrangersFull`], [`Rejection::MailboxFull`].
    pub(super) fn notify(
        &mut self,
        now: Time,
        quotas: &Quotas,
        entry: Entry,
        asker: Asker,
    ) -> Result<bool, Rejection> {
        if let Some(&seq) = self.keys.get(&entry.notification.key) {
            if self.entries.contains_key(&seq) {
                return Ok(true);
            }
            let written = self
                .writing
                .iter_mut()
                .flat_map(|writing| &mut writing.fresh);
            if let Some(fresh) = written
                .chain(&mut self.fresh)
                .find(|fresh| fresh.seq == seq)
            {
                fresh.askers.push(asker);
            }
            return Ok(false);
        }
        self.make_room_for(now, quotas, &entry)?;
        self.head = self.head.saturating_add(1);
        self.keys.insert(entry.notification.key, self.head);
        self.fresh.push(Fresh {
            seq: self.head,
            entry,
            askers: [asker].into(),
        });
        self.state_changed = true;
        Ok(false)
    }

    /// Whether a notification would be taken, once what is over has gone.
    ///
    /// # Errors
    /// As [`Self::notify`].
    pub(super) fn make_room_for(
        &mut self,
        now: Time,
        quotas: &Quotas,
        entry: &Entry,
    ) -> Result<(), Rejection> {
        if self.keys.contains_key(&entry.notification.key)
            || self.check_room(now, quotas, entry).is_ok()
        {
            return Ok(());
        }
        self.prune(now);
        self.check_room(now, quotas, entry)
    }

    /// What no device has yet counts as waiting; what some device lacks pins its record.
    /// Contacts and strangers have shares of their own, so that neither gets in the other's way.
    fn check_room(&self, now: Time, quotas: &Quotas, entry: &Entry) -> Result<(), Rejection> {
        let full = if entry.request {
            Rejection::StrangersFull
        } else {
            Rejection::MailboxFull
        };
        let written = self.writing.iter().flat_map(|writing| &writing.fresh);
        let coming = written.chain(&self.fresh).map(|fresh| &fresh.entry);
        let coming: Vec<&Entry> = coming.filter(|it| it.request == entry.request).collect();
        let alike = |it: &&Entry| it.request == entry.request;
        let kept = self.entries.values().filter(alike).count();
        let lacking = self.entries.range(self.lowest_now(now).saturating_add(1)..);
        let lacking = lacking.map(|(_, entry)| entry).filter(alike);
        let pinned = lacking.chain(coming.iter().copied());
        let pinned = pinned.fold(entry.bytes, |sum, it| sum.saturating_add(it.bytes));
        let strangers_bytes_max = quotas.mailbox_bytes_max / 4;
        let (kept_max, bytes_max) = if entry.request {
            (quotas.mailbox_entries_max / 2, strangers_bytes_max)
        } else {
            let rest = quotas.mailbox_bytes_max.saturating_sub(strangers_bytes_max);
            (quotas.mailbox_entries_max, rest)
        };
        if kept.saturating_add(coming.len()) >= kept_max || pinned > bytes_max {
            return Err(full);
        }
        if entry.request {
            self.check_share(quotas, entry, &coming)
        } else {
            Ok(())
        }
    }

    /// No pod's strangers may take more than half of the places that are free: however many one
    /// sends, the next pod's find some.
    fn check_share(
        &self,
        quotas: &Quotas,
        entry: &Entry,
        coming: &[&Entry],
    ) -> Result<(), Rejection> {
        let devices = self.devices.values().map(|device| device.cursor);
        let furthest = devices.max().unwrap_or(0);
        let waiting = self.entries.range(furthest.saturating_add(1)..);
        let waiting = waiting.map(|(_, entry)| entry).filter(|it| it.request);
        let (mut all, mut alike) = (0_usize, 0_usize);
        for other in waiting.chain(coming.iter().copied()) {
            all = all.saturating_add(1);
            if other.source == entry.source {
                alike = alike.saturating_add(1);
            }
        }
        if alike >= quotas.mailbox_strangers_max.saturating_sub(all) {
            return Err(Rejection::StrangersFull);
        }
        Ok(())
    }

    /// A device comes in with the cursor it has. `fresh_epoch` is used if its cursor shows that
    /// we lost notifications it has seen: we are older than we were.
    ///
    /// # Errors
    /// [`Rejection::Busy`] when as many other devices are there as may be.
    pub(super) fn enter(
        &mut self,
        now: Time,
        id: DeviceId,
        cursor: (u64, u64),
        fresh_epoch: u64,
        present: &dyn Fn(&DeviceId) -> bool,
    ) -> Result<Entered, Rejection> {
        let (epoch, seq) = cursor;
        self.make_room(now, &id, present)?;
        let renewed = epoch == self.epoch && seq > self.head;
        if renewed {
            self.epoch = fresh_epoch;
            self.marks.clear();
            self.devices
                .values_mut()
                .for_each(|device| device.cursor = 0);
        }
        let after = if epoch == self.epoch { seq } else { 0 };
        let seen_ms = now.wall_ms;
        let device = self.devices.entry(id).or_insert(Device {
            id,
            cursor: 0,
            seen_ms,
        });
        device.cursor = device.cursor.max(after);
        device.seen_ms = seen_ms;
        self.state_changed = true;
        self.mark(now);
        Ok(Entered { after, renewed })
    }

    fn make_room(
        &mut self,
        now: Time,
        id: &DeviceId,
        present: &dyn Fn(&DeviceId) -> bool,
    ) -> Result<(), Rejection> {
        if self.devices.contains_key(id) {
            return Ok(());
        }
        self.devices
            .retain(|id, device| counts(device, now) || present(id));
        if self.devices.len() >= limit::DEVICES_MAX {
            let absent = self.devices.values().filter(|device| !present(&device.id));
            let longest = absent
                .min_by_key(|device| device.seen_ms)
                .map(|device| device.id);
            self.devices.remove(&longest.ok_or(Rejection::Busy)?);
        }
        Ok(())
    }

    /// A device was there until now, or is there still.
    pub(super) fn seen(&mut self, now: Time, id: &DeviceId) {
        if let Some(device) = self.devices.get_mut(id) {
            device.seen_ms = now.wall_ms;
        }
    }

    /// A device has everything up to `seq`.
    pub(super) fn ack(&mut self, now: Time, id: &DeviceId, seq: u64) {
        let Some(device) = self.devices.get_mut(id) else {
            return;
        };
        device.seen_ms = now.wall_ms;
        if seq > device.cursor && seq <= self.head {
            device.cursor = seq;
            self.state_changed = true;
            self.mark(now);
        }
    }

    fn lowest_now(&self, now: Time) -> u64 {
        let counted = self.devices.values().filter(|device| counts(device, now));
        counted.map(|device| device.cursor).min().unwrap_or(0)
    }

    /// Notes what every device has, and when it may go. Marks within an hour are one, so that a
    /// mailbox has few.
    fn mark(&mut self, now: Time) {
        let seq = self.lowest_now(now);
        self.marks.retain(|mark| mark.seq <= seq);
        let at = now.wall_ms.saturating_add(limit::FREED_AFTER_MS);
        let free_ms = at.div_ceil(limit::HOUR_MS).saturating_mul(limit::HOUR_MS);
        match self.marks.last_mut() {
            Some(mark) if mark.seq == seq => {}
            Some(mark) if mark.free_ms == free_ms => mark.seq = seq,
            _ if seq > 0 => self.marks.push(Mark { seq, free_ms }),
            _ => {}
        }
    }

    /// Lets go of what has expired and of what was everywhere long enough.
    pub(super) fn prune(&mut self, now: Time) {
        let before = self.lowest_now(now);
        if before > self.marks.last().map_or(0, |mark| mark.seq) {
            // A device fell silent for so long that it no longer holds anything back.
            self.state_changed = true;
            self.mark(now);
        }
        let due = self
            .marks
            .partition_point(|mark| mark.free_ms <= now.wall_ms);
        let free = due
            .checked_sub(1)
            .and_then(|last| self.marks.get(last))
            .map_or(0, |m| m.seq);
        let gone = |seq: u64, entry: &Entry| seq <= free || entry.expires_ms() <= now.wall_ms;
        let freed = &mut self.freed;
        let keys = &mut self.keys;
        self.entries.retain(|&seq, entry| {
            let gone = gone(seq, entry);
            if gone {
                freed.insert(seq);
                if keys.get(&entry.notification.key) == Some(&seq) {
                    keys.remove(&entry.notification.key);
                }
            }
            !gone
        });
        // The last mark stays: it is what later cursors are compared with.
        if due > 1 {
            self.marks.drain(..due.saturating_sub(1));
            self.state_changed = true;
        }
    }

    /// Whether somebody waits for a write that was not asked for yet.
    pub(super) const fn is_waited_for(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Everything that has to be written, unless a write is under way or nothing is to do.
    pub(super) fn batch(&mut self, now: Time, owner: &Fingerprint) -> Option<Batch> {
        let idle = self.fresh.is_empty() && self.freed.is_empty() && !self.state_changed;
        if idle || self.writing.is_some() {
            return None;
        }
        let mut writes = Vec::new();
        if self.state_changed {
            writes.push(self.state_row(owner));
        }
        for fresh in &self.fresh {
            let key = entry_key(owner, fresh.seq);
            writes.push(Write::Put(
                Table::Notification,
                Row {
                    key,
                    value: wire::encode(&fresh.entry),
                },
            ));
        }
        let freed = self.freed.iter();
        writes.extend(freed.map(|&seq| Write::Delete(Table::Notification, entry_key(owner, seq))));
        self.writing = Some(Writing {
            fresh: core::mem::take(&mut self.fresh),
            freed: core::mem::take(&mut self.freed),
            state_changed: core::mem::take(&mut self.state_changed),
            lowest: self.lowest_now(now),
        });
        Some(Batch {
            needs: Vec::new(),
            writes,
        })
    }

    /// The mailbox's own row as it would be written now.
    pub(super) fn state_row(&self, owner: &Fingerprint) -> Write {
        let devices = self.devices.values().cloned().collect();
        let marks = self.marks.clone();
        let state = State {
            epoch: self.epoch,
            head: self.head,
            devices,
            marks,
        };
        let row = Row {
            key: owner.as_bytes().to_vec(),
            value: wire::encode(&state),
        };
        Write::Put(Table::Mailbox, row)
    }

    /// The mailbox's own row was written along with something else.
    pub(super) fn state_kept(&mut self) {
        self.state_changed = false;
    }

    /// The write that [`Mailbox::batch`] asked for has ended.
    pub(super) fn settle(&mut self, kept: Kept) -> Settled {
        let Some(writing) = self.writing.take() else {
            return Settled::default();
        };
        let result = match kept {
            Kept::Ok => Ok(()),
            Kept::Full => Err(Rejection::Full),
            Kept::Conflict | Kept::Failed => Err(Rejection::StorageFailed),
        };
        let mut askers = Vec::new();
        for fresh in writing.fresh {
            askers.extend(fresh.askers.into_iter().map(|asker| (asker, result)));
            if result.is_ok() {
                self.entries.insert(fresh.seq, fresh.entry);
            } else {
                self.keys.remove(&fresh.entry.notification.key);
            }
        }
        if result.is_err() {
            // Tried again along with the next change.
            self.freed.extend(writing.freed);
            self.state_changed |= writing.state_changed;
            return Settled {
                askers,
                lowest: None,
            };
        }
        let moved = writing.lowest != self.lowest;
        self.lowest = writing.lowest;
        Settled {
            askers,
            lowest: moved.then_some(writing.lowest),
        }
    }
}

/// Whether a device still holds notifications back.
const fn counts(device: &Device, now: Time) -> bool {
    device.seen_ms.saturating_add(limit::DEVICE_SILENT_MS) > now.wall_ms
}

/// Owner, then number, so that a mailbox's notifications lie together and in order.
fn entry_key(owner: &Fingerprint, seq: u64) -> Vec<u8> {
    [owner.as_bytes().as_slice(), &seq.to_be_bytes()].concat()
}
