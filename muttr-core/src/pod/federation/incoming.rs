//! Notifications that other pods hand over, or contacts with a capability.

use alloc::vec::Vec;

use crate::{
    custody,
    envelope::{record::Record, stamp::Stamp},
    limit,
    machine::Input,
    name::Host,
    pod::{Asker, Count, Errand, Event, Pod},
    rejection::Rejection,
    time::Time,
    wire::{
        self,
        fed::{HANDOVER_LABEL, Handover, SignedHandover, Taken},
        store::Receipt,
    },
};

/// A handover being dealt with.
#[derive(Debug)]
pub(super) struct Incoming {
    handover: Handover,
    signed: SignedHandover,
    /// Our promise, once the record is durable.
    receipt: Option<Receipt>,
}

impl Incoming {
    const fn new(handover: Handover, signed: SignedHandover) -> Self {
        Self {
            handover,
            signed,
            receipt: None,
        }
    }
}

impl Pod {
    /// Somebody hands over a notification.
    pub(in crate::pod) fn handed(&mut self, now: Time, id: u64, body: &[u8]) {
        if !self.is_ready() || self.federation.incoming.contains_key(&id) {
            return self.deny(id, Rejection::Busy);
        }
        if let Err(why) = self.take_handover(now, id, body) {
            self.deny(id, why);
        }
    }

    fn take_handover(&mut self, now: Time, id: u64, body: &[u8]) -> Result<(), Rejection> {
        let signed: SignedHandover = wire::decode(body, limit::HANDOVER_BYTES_MAX)?;
        let handover: Handover = wire::decode(&signed.handover, limit::HANDOVER_BYTES_MAX)?;
        let owner = self.owner_of(now, &handover.to)?;
        let capable = self.honours(&owner, &handover.notification.capability);
        let Some(from) = handover.from.clone() else {
            // Nobody vouches for it; the capability does.
            if !capable {
                return Err(Rejection::Unidentified);
            }
            self.federation
                .incoming
                .insert(id, Incoming::new(handover, signed));
            self.admit_handover(now, id);
            return Ok(());
        };
        self.deals_with(&from)?;
        let rate = self.handover_rate();
        let full = self.federation.incoming.len() >= limit::HANDOVERS_WAITING_MAX;
        let crowded = self.federation.describing() >= limit::DESCRIBING_MAX;
        let peer = self.federation.peer(now, &from, rate);
        let fresh = peer.known.as_ref().is_some_and(|known| known.is_fresh(now));
        let valid = peer.known.as_ref().is_some_and(|known| known.is_valid(now));
        let resting = peer.rest_until_ms > now.mono_ms;
        if !valid && resting && !peer.describing {
            return Err(Rejection::PodUnreachable);
        }
        if !valid && (full || crowded && !peer.describing) {
            return Err(Rejection::Busy);
        }
        if !fresh {
            self.meet(now, &from);
        }
        if !valid {
            let peer = self.federation.peers.get_mut(&from);
            // It may not be asked at all, with as many calls as there may be.
            let peer = peer.filter(|peer| peer.describing);
            peer.ok_or(Rejection::Busy)?.waiting.push(id);
        }
        self.federation
            .incoming
            .insert(id, Incoming::new(handover, signed));
        if valid {
            self.go_on_with(now, id);
        }
        Ok(())
    }

    /// The pod that hands it over is known: checks its signature.
    pub(super) fn go_on_with(&mut self, now: Time, id: u64) {
        let Some(incoming) = self.federation.incoming.get(&id) else {
            return;
        };
        let checked = match incoming.handover.from.clone() {
            Some(from) => self
                .check_handover(now, &from, incoming)
                .and_then(|()| self.count_handover(now, &from)),
            None => Err(Rejection::Unidentified),
        };
        match checked {
            Ok(()) => self.admit_handover(now, id),
            Err(why) => self.deny(id, why),
        }
    }

    /// Counts one that a pod really signed: whoever only says a name uses up nothing of what the
    /// pod that bears it may do.
    fn count_handover(&mut self, now: Time, from: &Host) -> Result<(), Rejection> {
        let rate = self.handover_rate();
        let peer = self.federation.peer(now, from, rate);
        peer.allowance.take(now, rate)
    }

    fn check_handover(&self, now: Time, from: &Host, incoming: &Incoming) -> Result<(), Rejection> {
        let known = self.known(from).ok_or(Rejection::PodUnreachable)?;
        let Incoming {
            handover, signed, ..
        } = incoming;
        // Before the signature, for it costs nothing.
        if handover.at_ms.abs_diff(now.wall_ms) > limit::CLOCK_SKEW_MS {
            return Err(Rejection::ClockWrong);
        }
        known
            .certificate
            .check_proof(now, HANDOVER_LABEL, &signed.handover, &signed.signature)
    }

    /// It may come in: keeps the record, if there is room for the notification.
    fn admit_handover(&mut self, now: Time, id: u64) {
        let record = self.room_for(now, id);
        match record {
            Ok((record, stamp)) => {
                let errand = self.errand(Errand::Handed(id));
                let keep = custody::Command::Keep {
                    id: errand,
                    record,
                    stamp: Some(stamp),
                };
                self.in_custody(now, Input::Command(keep));
            }
            Err(why) => self.deny(id, why),
        }
    }

    /// Whether there is room; yields the record and its stamp.
    fn room_for(&mut self, now: Time, id: u64) -> Result<(Record, Stamp), Rejection> {
        let incoming = self.federation.incoming.get(&id).ok_or(Rejection::Closed)?;
        let Handover {
            to,
            notification,
            from,
            ..
        } = &incoming.handover;
        let record = Record::parse(&incoming.signed.record)?;
        record.check_time(now)?;
        if record.key() != notification.key || record.expires_h() != notification.expires_h {
            return Err(Rejection::WrongBytes);
        }
        let stamp = self.check_stamp(&notification.key, &incoming.signed.stamp)?;
        let bytes = u64::try_from(incoming.signed.record.len()).unwrap_or(u64::MAX);
        let (to, notification, from) = (to.clone(), notification.clone(), from.clone());
        let owner = self.owner_of(now, &to)?;
        let entry = self.entry(&owner, &to, bytes, notification, from);
        let quotas = self.config.quotas;
        let mailbox = self.mailboxes.get_mut(&owner).ok_or(Rejection::NotFound)?;
        mailbox.make_room_for(now, &quotas, &entry)?;
        Ok((record, stamp))
    }

    /// The record is durable, or is not.
    pub(in crate::pod) fn handover_kept(
        &mut self,
        now: Time,
        id: u64,
        result: Result<Receipt, Rejection>,
    ) {
        let receipt = match result {
            Ok(receipt) => receipt,
            Err(why) => return self.deny(id, why),
        };
        let Some(incoming) = self.federation.incoming.get_mut(&id) else {
            return;
        };
        incoming.receipt = Some(receipt);
        let Handover {
            to,
            notification,
            from,
            ..
        } = incoming.handover.clone();
        let notified = self.notify_own(now, Asker::Pod(id), &to, notification, from);
        if let Err(why) = notified {
            self.deny(id, why);
        }
    }

    /// The notification is durable too, or is not.
    pub(in crate::pod) fn handover_done(&mut self, id: u64, result: Result<(), Rejection>) {
        if let Err(why) = result {
            return self.deny(id, why);
        }
        let Some(incoming) = self.federation.incoming.remove(&id) else {
            return;
        };
        let run = self.federation.run;
        let taken = incoming.receipt.map(|receipt| Taken { receipt, run });
        let result: Result<Vec<u8>, _> = taken
            .map(|taken| wire::encode(&taken))
            .ok_or(Rejection::StorageFailed);
        self.tell_shell(Event::Counted(Count::Taken));
        self.tell_shell(Event::Answered { id, result });
    }

    pub(super) fn deny(&mut self, id: u64, why: Rejection) {
        self.federation.incoming.remove(&id);
        self.tell_shell(Event::Counted(Count::Denied(why)));
        self.tell_shell(Event::Answered {
            id,
            result: Err(why),
        });
    }
}
