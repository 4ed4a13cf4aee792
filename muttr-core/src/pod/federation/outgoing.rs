//! Notifications for people of other pods: written down, then handed over until they are taken,
//! refused for good, or expire.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    calls::{is_silence, may_change},
    outgoing_key,
};
use crate::{
    custody,
    envelope::record::Record,
    limit,
    machine::{Batch, Input, Kept, Row, Table, Write},
    name::{Alias, DeviceId, Fingerprint, Host},
    pod::{Asker, Count, Errand, Event, Pod},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        channel::{HandoverState, Notification, ToSeed},
        fed::{HANDOVER_LABEL, Handover, SignedHandover, Taken},
        store::Receipt,
    },
};

/// A notification for another pod's person.
#[derive(Debug)]
pub(super) struct Outgoing {
    row: OutgoingRow,
    /// Who waits for it to be durable; `None` once it is.
    askers: Option<Vec<Asker>>,
    /// It is being handed over.
    busy: bool,
    /// It goes without its stamp: the other pod may be older than stamps are.
    bare: bool,
    /// How long it is put off when its recipient's place is full, say.
    pause_ms: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct OutgoingRow {
    /// Whose message it tells of, and from which of their devices: who is told how it goes.
    owner: Fingerprint,
    device: DeviceId,
    to: Alias,
    notification: Notification,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Waiting,
    Taken(Receipt),
    Refused(Rejection),
}

/// Names, a key, a capability, a receipt.
const ROW_BYTES_MAX: usize = 4_096;

impl Outgoing {
    /// The recipient's pod took it and still has to keep it.
    fn is_with(&self, now: Time, host: &Host) -> bool {
        self.row.to.host() == host
            && self.row.expires_ms() > now.wall_ms
            && matches!(self.row.state, State::Taken(_))
    }
}

impl OutgoingRow {
    fn expires_ms(&self) -> u64 {
        u64::from(self.notification.expires_h).saturating_mul(limit::HOUR_MS)
    }
}

impl Pod {
    /// Reads a row that was left from before.
    pub(in crate::pod) fn load_outgoing(&mut self, now: Time, row: &Row) -> Option<()> {
        let key = row.key.clone();
        let row: OutgoingRow = wire::decode(&row.value, ROW_BYTES_MAX).ok()?;
        if row.state == State::Waiting {
            self.count_waiting(row.owner, true);
            self.enqueue(now, row.to.host().clone(), key.clone());
        }
        let outgoing = Outgoing {
            row,
            askers: None,
            busy: false,
            bare: false,
            pause_ms: limit::SEND_RETRY_MS.0,
        };
        self.federation.outgoing.insert(key, outgoing);
        Some(())
    }

    fn count_waiting(&mut self, owner: Fingerprint, more: bool) {
        let count = self.federation.waiting.entry(owner).or_default();
        *count = if more {
            count.saturating_add(1)
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            self.federation.waiting.remove(&owner);
        }
    }

    fn enqueue(&mut self, now: Time, host: Host, key: Vec<u8>) {
        let rate = self.handover_rate();
        self.federation.peer(now, &host, rate).queue.push_back(key);
    }

    /// Takes a notification for somebody of another pod. The record is held here already.
    ///
    /// # Errors
    /// [`Rejection::ForeignPod`] for a pod that is not dealt with, [`Rejection::Full`], or what
    /// it was refused with before.
    pub(in crate::pod) fn forward(
        &mut self,
        now: Time,
        asker: Asker,
        who: (Fingerprint, DeviceId),
        to: &Alias,
        notification: Notification,
    ) -> Result<(), Rejection> {
        self.deals_with(to.host())?;
        let key = outgoing_key(to, &notification.key);
        if let Some(known) = self.federation.outgoing.get_mut(&key) {
            let mut renew = false;
            match (&mut known.askers, &known.row.state) {
                (Some(askers), _) => askers.push(asker),
                (None, State::Taken(_)) => {
                    self.answer(asker, Ok(()), |id, ()| ToSeed::Notified { id })
                }
                (None, State::Refused(why)) if !may_change(*why) => return Err(*why),
                (None, State::Refused(_)) => renew = true,
                (None, State::Waiting) => {
                    self.answer(asker, Ok(()), |id, ()| ToSeed::Forwarding { id });
                    // Whoever asks again wants it soon.
                    if let Some(peer) = self.federation.peers.get_mut(to.host()) {
                        peer.hurry(now);
                    }
                }
            }
            if !renew {
                return Ok(());
            }
        }
        let quotas = &self.config.quotas;
        let waiting = self
            .federation
            .waiting
            .get(&who.0)
            .copied()
            .unwrap_or_default();
        if waiting >= quotas.outgoing_per_person_max
            || self.federation.outgoing.len() >= quotas.outgoing_max
        {
            return Err(Rejection::Full);
        }
        let row = OutgoingRow {
            owner: who.0,
            device: who.1,
            to: to.clone(),
            notification,
            state: State::Waiting,
        };
        self.count_waiting(who.0, true);
        self.write_outgoing(key.clone(), &row, Errand::Forward(key.clone()));
        let outgoing = Outgoing {
            row,
            askers: Some([asker].into()),
            busy: false,
            bare: false,
            pause_ms: limit::SEND_RETRY_MS.0,
        };
        self.federation.outgoing.insert(key, outgoing);
        // Meanwhile we may learn who is to have it.
        self.meet(now, to.host());
        Ok(())
    }

    fn write_outgoing(&mut self, key: Vec<u8>, row: &OutgoingRow, errand: Errand) {
        let row = Row {
            key,
            value: wire::encode(row),
        };
        let writes = [Write::Put(Table::Outgoing, row)].into();
        let needs = Vec::new();
        self.keep(errand, Batch { needs, writes });
    }

    /// The notification is durable here, or is not.
    pub(in crate::pod) fn forward_kept(&mut self, now: Time, key: Vec<u8>, kept: Kept) {
        let Some(outgoing) = self.federation.outgoing.get_mut(&key) else {
            return;
        };
        let askers = outgoing.askers.take().unwrap_or_default();
        let host = outgoing.row.to.host().clone();
        let result = match kept {
            Kept::Ok => Ok(()),
            Kept::Full => Err(Rejection::Full),
            Kept::Conflict | Kept::Failed => Err(Rejection::StorageFailed),
        };
        if result.is_err() {
            let owner = outgoing.row.owner;
            self.federation.outgoing.remove(&key);
            self.count_waiting(owner, false);
        } else {
            self.enqueue(now, host.clone(), key);
        }
        for asker in askers {
            self.answer(asker, result, |id, ()| ToSeed::Forwarding { id });
        }
        self.hand_over(now, &host);
    }

    /// Hands over what waits for a pod, as far as it may be asked now.
    pub(in crate::pod) fn hand_over(&mut self, now: Time, host: &Host) {
        if self.deals_with(host).is_err() {
            return self.give_up_on(host);
        }
        loop {
            let calls = self.federation.calls.len();
            let Some(peer) = self.federation.peers.get_mut(host) else {
                return;
            };
            let ready = peer.calls < limit::CALLS_PER_POD_MAX
                && calls < limit::CALLS_MAX
                && peer.rest_until_ms <= now.mono_ms;
            if peer.queue.is_empty() || !ready || peer.describing {
                return;
            }
            if !peer.known.as_ref().is_some_and(|known| known.is_fresh(now)) {
                return self.meet(now, host);
            }
            let Some(key) = peer.queue.pop_front() else {
                return;
            };
            // Counts as a call from here on: the record is read first.
            peer.calls = peer.calls.saturating_add(1);
            self.read_for(now, host, key);
        }
    }

    /// A pod is no longer dealt with.
    fn give_up_on(&mut self, host: &Host) {
        let peer = self.federation.peers.get_mut(host);
        let queue = peer.map(|peer| core::mem::take(&mut peer.queue));
        for key in queue.unwrap_or_default() {
            self.conclude(&key, State::Refused(Rejection::ForeignPod));
        }
    }

    /// Reads the record that goes with a notification.
    fn read_for(&mut self, now: Time, host: &Host, key: Vec<u8>) {
        let outgoing = self.federation.outgoing.get_mut(&key);
        let waits = |it: &&mut Outgoing| {
            it.row.state == State::Waiting && !it.busy && it.row.expires_ms() > now.wall_ms
        };
        let Some(outgoing) = outgoing.filter(waits) else {
            return self.call_over(host);
        };
        outgoing.busy = true;
        let record = outgoing.row.notification.key;
        let id = self.errand(Errand::Handover(host.clone(), key));
        let fetch = custody::Command::Fetch { id, key: record };
        self.in_custody(now, Input::Command(fetch));
    }

    fn call_over(&mut self, host: &Host) {
        if let Some(peer) = self.federation.peers.get_mut(host) {
            peer.calls = peer.calls.saturating_sub(1);
        }
    }

    /// The record is here, or cannot be found.
    pub(in crate::pod) fn read_to_hand_over(
        &mut self,
        now: Time,
        host: &Host,
        key: Vec<u8>,
        record: Result<Record, Rejection>,
    ) {
        self.call_over(host);
        let Some(outgoing) = self.federation.outgoing.get(&key) else {
            return;
        };
        let stamp = self.stamp_of(outgoing.row.owner, &outgoing.row.notification.key);
        let (record, stamp) = match (record, stamp) {
            (Ok(record), Some(stamp)) => (record, stamp),
            // Our own copy is gone, or is from before there were stamps; the author may have another.
            (Ok(_), None) | (Err(Rejection::NoRecord), _) => {
                return self.conclude(&key, State::Refused(Rejection::NoRecord));
            }
            // We have too much to do ourselves, which is nobody's fault over there.
            (Err(_), _) => return self.try_later(now, &key),
        };
        let stamp = if outgoing.bare {
            Vec::new()
        } else {
            stamp.to_bytes()
        };
        let handover = wire::encode(&Handover {
            from: Some(self.config.host.clone()),
            to: outgoing.row.to.clone(),
            notification: outgoing.row.notification.clone(),
            at_ms: now.wall_ms,
        });
        let identity = &self.config.identity;
        let signature = identity.prove(&mut self.rng, now, HANDOVER_LABEL, &handover);
        let body = wire::encode(&SignedHandover {
            handover,
            signature,
            record: record.into_bytes(),
            stamp,
        });
        self.call_notify(host, key, body);
    }

    /// What became of handing one over.
    pub(super) fn handed_over(&mut self, now: Time, key: &[u8], taken: Result<Taken, Rejection>) {
        let Some(outgoing) = self.federation.outgoing.get_mut(key) else {
            return;
        };
        outgoing.busy = false;
        let host = outgoing.row.to.host().clone();
        match taken {
            Ok(taken) => {
                self.run_seen(now, &host, taken.run);
                self.conclude(key, State::Taken(taken.receipt));
            }
            Err(Rejection::Malformed) if !outgoing.bare => {
                outgoing.bare = true;
                self.try_later(now, key);
            }
            Err(why) if may_change(why) => self.put_off(now, key, why),
            Err(why) => self.conclude(key, State::Refused(why)),
        }
    }

    /// Not now: because of the pod, or because of this one recipient's place there.
    fn put_off(&mut self, now: Time, key: &[u8], why: Rejection) {
        let Some(outgoing) = self.federation.outgoing.get_mut(key) else {
            return;
        };
        let host = outgoing.row.to.host().clone();
        if is_silence(why) {
            if let Some(peer) = self.federation.peers.get_mut(&host) {
                peer.queue.push_front(key.to_vec());
            }
            return self.tell_waiting(&host, why);
        }
        self.try_later(now, key);
        self.tell_state(key, HandoverState::Waiting(why));
    }

    /// Puts one off by itself, each time for longer.
    fn try_later(&mut self, now: Time, key: &[u8]) {
        if let Some(outgoing) = self.federation.outgoing.get_mut(key) {
            outgoing.busy = false;
            let at_ms = now.after(outgoing.pause_ms);
            let longer_ms = outgoing.pause_ms.saturating_mul(2);
            outgoing.pause_ms = longer_ms.min(limit::SEND_RETRY_MS.1);
            self.federation.later.insert((at_ms, key.to_vec()));
        }
    }

    /// Lines up what was put off and is due.
    pub(super) fn line_up(&mut self, now: Time) {
        while let Some((at_ms, key)) = self.federation.later.first().cloned()
            && at_ms <= now.mono_ms
        {
            self.federation.later.pop_first();
            if let Some(outgoing) = self.federation.outgoing.get(&key) {
                let host = outgoing.row.to.host().clone();
                self.enqueue(now, host, key);
            }
        }
    }

    /// Whether the pod really promised to keep the record.
    pub(super) fn check_taken(
        &self,
        host: &Host,
        key: &[u8],
        taken: &[u8],
    ) -> Result<Taken, Rejection> {
        let dishonest = |_| Rejection::PodDishonest;
        let taken: Taken = wire::decode(taken, limit::POD_ANSWER_BYTES_MAX).map_err(dishonest)?;
        let outgoing = self.federation.outgoing.get(key).ok_or(Rejection::Closed)?;
        let seed = self.known(host).ok_or(Rejection::PodDishonest)?.seed();
        let notification = &outgoing.row.notification;
        custody::receipt::check(
            &taken.receipt,
            &notification.key,
            notification.expires_h,
            &seed,
        )
        .map_err(dishonest)?;
        Ok(taken)
    }

    /// It came to an end: written down, and told.
    fn conclude(&mut self, key: &[u8], state: State) {
        let Some(outgoing) = self.federation.outgoing.get_mut(key) else {
            return;
        };
        let owner = outgoing.row.owner;
        outgoing.row.state = state.clone();
        let row = outgoing.row.clone();
        self.count_waiting(owner, false);
        self.write_outgoing(key.to_vec(), &row, Errand::Nothing);
        let (count, told) = match state {
            State::Taken(receipt) => (Count::Delivered, HandoverState::Taken(receipt)),
            State::Refused(why) => (Count::Refused(why), HandoverState::Refused(why)),
            State::Waiting => return,
        };
        self.tell_shell(Event::Counted(count));
        self.tell_state(key, told);
    }

    /// Tells the device that wrote the message how it goes, if it is there. A device that is not
    /// asks when it comes back.
    fn tell_state(&mut self, key: &[u8], state: HandoverState) {
        let Some(outgoing) = self.federation.outgoing.get(key) else {
            return;
        };
        let row = &outgoing.row;
        let Some(&channel) = self.sessions.get(&(row.owner, row.device)) else {
            return;
        };
        let message = ToSeed::Handover {
            to: row.to.clone(),
            key: row.notification.key,
            state,
        };
        self.tell(channel, &message);
    }

    /// Tells everyone whose notifications wait for a pod why they do.
    pub(super) fn tell_waiting(&mut self, host: &Host, why: Rejection) {
        let queue = self
            .federation
            .peers
            .get(host)
            .map(|peer| peer.queue.clone());
        for key in queue.unwrap_or_default() {
            self.tell_state(&key, HandoverState::Waiting(why));
        }
    }

    /// Another run of a pod's storage: what it took before may be lost.
    fn run_seen(&mut self, now: Time, host: &Host, run: u64) {
        if self
            .known(host)
            .is_some_and(|known| known.description.run != run)
        {
            if let Some(peer) = self.federation.peers.get_mut(host)
                && let Some(known) = &mut peer.known
            {
                known.description.run = run;
            }
            self.hand_over_again(now, host);
        }
    }

    /// Whether a pod took something from us that it still has to keep.
    pub(super) fn has_given(&self, now: Time, host: &Host) -> bool {
        let mut outgoing = self.federation.outgoing.values();
        outgoing.any(|outgoing| outgoing.is_with(now, host))
    }

    /// Hands over once more what a pod had taken.
    pub(super) fn hand_over_again(&mut self, now: Time, host: &Host) {
        let taken = |outgoing: &&mut Outgoing| outgoing.is_with(now, host);
        let again = self
            .federation
            .outgoing
            .iter_mut()
            .filter(|(_, it)| taken(it));
        let mut keys = Vec::new();
        for (key, outgoing) in again {
            outgoing.row.state = State::Waiting;
            keys.push((key.clone(), outgoing.row.owner));
        }
        for (key, owner) in keys {
            self.count_waiting(owner, true);
            self.enqueue(now, host.clone(), key);
        }
        self.hand_over(now, host);
    }

    /// Lets go of what expired.
    pub(in crate::pod) fn prune_outgoing(&mut self, now: Time) {
        let over = |(_, it): &(&Vec<u8>, &Outgoing)| {
            it.row.expires_ms() <= now.wall_ms && it.askers.is_none() && !it.busy
        };
        let over = self.federation.outgoing.iter().filter(over);
        let keys: Vec<Vec<u8>> = over.map(|(key, _)| key.clone()).collect();
        for key in keys {
            let waiting = |it: &Outgoing| it.row.state == State::Waiting;
            if self.federation.outgoing.get(&key).is_some_and(waiting) {
                self.tell_shell(Event::Counted(Count::Expired));
                self.tell_state(&key, HandoverState::Refused(Rejection::Expired));
            }
            if let Some(outgoing) = self.federation.outgoing.remove(&key) {
                if outgoing.row.state == State::Waiting {
                    self.count_waiting(outgoing.row.owner, false);
                }
                let writes = [Write::Delete(Table::Outgoing, key)].into();
                let needs = Vec::new();
                self.keep(Errand::Nothing, Batch { needs, writes });
            }
        }
    }
}
