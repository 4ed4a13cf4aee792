//! What is asked of other pods, and what comes of it.

use alloc::{boxed::Box, vec::Vec};

use super::Purpose;
use crate::{
    limit,
    name::{Alias, Host},
    pod::{Asker, Call, Count, Event, Pod, Reply, Resolved, allowance::Rate},
    rejection::{Rejection, Retry},
    time::Time,
    wire::channel::ToSeed,
};

impl Pod {
    pub(super) const fn handover_rate(&self) -> Rate {
        let quotas = &self.config.quotas;
        Rate::per_s(quotas.handovers_burst, quotas.handovers_per_s)
    }

    /// Whether a pod is dealt with at all.
    pub(super) fn deals_with(&self, host: &Host) -> Result<(), Rejection> {
        let good = *host != self.config.host && self.config.policy.admits(host);
        if good {
            Ok(())
        } else {
            Err(Rejection::ForeignPod)
        }
    }

    fn call(&mut self, host: &Host, purpose: Purpose, call: Call) {
        self.federation.calls_begun = self.federation.calls_begun.wrapping_add(1);
        let id = self.federation.calls_begun;
        if let Some(peer) = self.federation.peers.get_mut(host) {
            peer.calls = peer.calls.saturating_add(1);
        }
        self.federation.calls.insert(id, purpose);
        self.tell_shell(Event::Call {
            id,
            host: host.clone(),
            call,
        });
    }

    pub(super) fn call_notify(&mut self, host: &Host, key: Vec<u8>, body: Vec<u8>) {
        self.call(host, Purpose::Notify(host.clone(), key), Call::Notify(body));
    }

    /// Asks a pod who it is, unless that is known or being asked, or it was asked in vain a
    /// moment ago.
    pub(in crate::pod) fn meet(&mut self, now: Time, host: &Host) {
        if self.deals_with(host).is_err() || self.federation.calls.len() >= limit::CALLS_MAX {
            return;
        }
        let rate = self.handover_rate();
        let peer = self.federation.peer(now, host, rate);
        let fresh = peer.known.as_ref().is_some_and(|known| known.is_fresh(now));
        if fresh || peer.describing || peer.rest_until_ms > now.mono_ms {
            return;
        }
        peer.describing = true;
        self.call(host, Purpose::Describe(host.clone()), Call::Describe);
    }

    /// Asks a pod once more who it is, though that is known: it may have lost what it took from us,
    /// and then says so. Only if there is such a thing.
    pub(super) fn doubt(&mut self, now: Time, host: &Host) {
        let gave = self.has_given(now, host);
        let full = self.federation.calls.len() >= limit::CALLS_MAX;
        let peer = self.federation.peers.get_mut(host);
        let Some(peer) = peer.filter(|_| gave && !full) else {
            return;
        };
        if peer.describing || peer.rest_until_ms > now.mono_ms {
            return;
        }
        peer.describing = true;
        self.call(host, Purpose::Describe(host.clone()), Call::Describe);
    }

    /// Asks another pod whose an alias is.
    ///
    /// # Errors
    /// [`Rejection::ForeignPod`], [`Rejection::Busy`].
    pub(in crate::pod) fn resolve_elsewhere(
        &mut self,
        now: Time,
        asker: Asker,
        alias: &Alias,
    ) -> Result<(), Rejection> {
        let host = alias.host();
        self.deals_with(host)?;
        let rate = self.handover_rate();
        let busy = self.federation.calls.len() >= limit::CALLS_MAX
            || self.federation.peer(now, host, rate).calls >= limit::CALLS_PER_POD_MAX;
        if busy {
            return Err(Rejection::Busy);
        }
        let purpose = Purpose::Resolve(asker, host.clone());
        self.call(host, purpose, Call::Resolve(alias.label().clone()));
        Ok(())
    }

    /// Another pod answered, or did not.
    pub(in crate::pod) fn called(&mut self, now: Time, id: u64, result: Result<Reply, Rejection>) {
        let Some(purpose) = self.federation.calls.remove(&id) else {
            return;
        };
        let host = purpose.host().clone();
        if let Some(peer) = self.federation.peers.get_mut(&host) {
            peer.calls = peer.calls.saturating_sub(1);
        }
        match (purpose, result) {
            (Purpose::Describe(host), result) => {
                let known = match result {
                    Ok(Reply::Described(signed)) => self.described(now, &host, &signed),
                    Ok(_) => Err(Rejection::PodDishonest),
                    Err(why) => Err(why),
                };
                match known {
                    Err(why) => self.failed(now, &host, why),
                    Ok(()) => self.answered_well(&host),
                }
                self.introduced(now, &host, known);
            }
            (Purpose::Resolve(asker, _), result) => {
                match &result {
                    Err(why) if is_silence(*why) => self.failed(now, &host, *why),
                    _ => self.answered_well(&host),
                }
                self.resolved_elsewhere(asker, result);
            }
            (Purpose::Notify(_, key), result) => {
                let taken = match result {
                    Ok(Reply::Taken(taken)) => self.check_taken(&host, &key, &taken),
                    Ok(_) => Err(Rejection::PodDishonest),
                    Err(why) => Err(why),
                };
                match &taken {
                    Err(why) if is_silence(*why) => self.failed(now, &host, *why),
                    _ => self.answered_well(&host),
                }
                self.handed_over(now, &key, taken);
            }
        }
        self.hand_over(now, &host);
    }

    /// A pod did not answer, or said what does not hold: it is left alone for a while.
    fn failed(&mut self, now: Time, host: &Host, why: Rejection) {
        if let Some(peer) = self.federation.peers.get_mut(host) {
            peer.ill(now);
        }
        self.tell_shell(Event::Counted(Count::Failed(why)));
    }

    fn answered_well(&mut self, host: &Host) {
        if let Some(peer) = self.federation.peers.get_mut(host) {
            peer.well();
        }
    }

    /// A pod's description came, or did not: goes on with what waited for it.
    fn introduced(&mut self, now: Time, host: &Host, known: Result<(), Rejection>) {
        let Some(peer) = self.federation.peers.get_mut(host) else {
            return;
        };
        peer.describing = false;
        let waiting = core::mem::take(&mut peer.waiting);
        if let Err(why) = known {
            self.tell_waiting(host, why);
        }
        for id in waiting {
            match known {
                Ok(()) => self.go_on_with(now, id),
                Err(why) => self.deny(id, why),
            }
        }
    }

    fn resolved_elsewhere(&mut self, asker: Asker, result: Result<Reply, Rejection>) {
        let result: Result<Box<Resolved>, Rejection> = match result {
            Ok(Reply::Resolved(resolved)) => Ok(resolved),
            Ok(_) => Err(Rejection::PodDishonest),
            Err(why) => Err(why),
        };
        self.answer(asker, result, |id, resolved| ToSeed::Resolved {
            id,
            binding: resolved.binding,
            certificate: resolved.certificate,
        });
    }
}

/// Whether a call failed as a whole, and so would any other to the same pod.
pub(super) const fn is_silence(why: Rejection) -> bool {
    matches!(
        why,
        Rejection::PodUnreachable
            | Rejection::NoSuchPod
            | Rejection::TimedOut
            | Rejection::PodDishonest
            | Rejection::RateLimited
            | Rejection::Busy
            | Rejection::StorageFailed
    )
}

/// Whether trying again later may help with a refusal of another pod.
pub(super) fn may_change(why: Rejection) -> bool {
    is_silence(why) || why.retry() == Retry::Later || why == Rejection::Full
}
