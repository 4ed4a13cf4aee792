//! Who other pods are, and what this one says of itself.

use alloc::{boxed::Box, vec::Vec};

use rand_core::RngCore;

use super::{Known, POD_ROW_BYTES_MAX, Peer, PodRow};
use crate::{
    custody::{self, Contact},
    keyring::Certificate,
    limit,
    machine::{Batch, Input, Link, Row, Table, Write},
    name::Host,
    pod::{Described, Errand, Event, Pod},
    rejection::Rejection,
    session,
    time::Time,
    wire::{
        self,
        fed::{DESCRIPTION_LABEL, Description, SignedDescription},
    },
};

/// The row of the pod's own settings that says which run of its storage this is.
const RUN: &[u8] = b"run";

impl Pod {
    /// Reads a row of the settings.
    pub(in crate::pod) fn load_setting(&mut self, row: &Row) -> Option<()> {
        if row.key == RUN {
            self.federation.run = wire::decode(&row.value, 16).ok()?;
        }
        Some(())
    }

    /// Reads a pod that was met before. What it signed was checked then.
    pub(in crate::pod) fn load_pod(&mut self, now: Time, row: &Row) -> Option<()> {
        let PodRow { signed, asked_ms } = wire::decode(&row.value, POD_ROW_BYTES_MAX).ok()?;
        let description: Description = wire::decode(&signed.description, POD_ROW_BYTES_MAX).ok()?;
        let certificate = Certificate::parse(&description.certificate, now).ok()?;
        let known = Known {
            description,
            certificate,
            asked_ms,
        };
        let (host, rate) = (known.description.host.clone(), self.handover_rate());
        if self.config.policy.admits(&host) {
            self.federation.peer(now, &host, rate).known = Some(known);
        }
        Some(())
    }

    /// Everything is read: says who we are, and finds the pods known from before again.
    pub(in crate::pod) fn federation_ready(&mut self, now: Time) {
        if self.federation.run == 0 {
            self.draw_run();
        }
        self.describe_self(now);
        self.federation.doubt_at_ms = Some(now.after(limit::DESCRIPTION_DOUBT_MS));
        let peers = self.federation.peers.values();
        let known = peers.filter_map(|peer| peer.known.as_ref());
        let contacts: Vec<Contact> = known.map(contact).collect();
        self.look_through(now, contacts);
        let hosts: Vec<Host> = self.federation.peers.keys().cloned().collect();
        for host in hosts {
            self.meet(now, &host);
            self.hand_over(now, &host);
        }
    }

    /// Our storage is older than we were: others are to tell us again what they told us. Once in
    /// each life, for storage does not grow younger while we use it, and whoever says that theirs
    /// is newer may say so all day.
    pub(in crate::pod) fn draw_run(&mut self) {
        if core::mem::replace(&mut self.federation.drawn, true) {
            return;
        }
        self.federation.run = self.rng.next_u64().max(1);
        // Whoever asks is to hear of it from now on.
        self.federation.describe_at_ms = Some(0);
        let row = Row {
            key: RUN.to_vec(),
            value: wire::encode(&self.federation.run),
        };
        let writes = [Write::Put(Table::Setting, row)].into();
        let needs = Vec::new();
        self.keep(Errand::Nothing, Batch { needs, writes });
    }

    /// Signs anew what we say of ourselves.
    pub(in crate::pod) fn describe_self(&mut self, now: Time) {
        let mut known: Vec<&Known> = self
            .federation
            .peers
            .values()
            .filter_map(|peer| peer.known.as_ref().filter(|known| known.is_valid(now)))
            .collect();
        // A few, others each time.
        while known.len() > limit::PODS_NAMED_MAX {
            let count = u64::try_from(known.len()).unwrap_or(u64::MAX);
            let chosen = self.rng.next_u64().checked_rem(count).unwrap_or_default();
            known.swap_remove(usize::try_from(chosen).unwrap_or_default());
        }
        let addresses = self.config.addresses.iter().cloned();
        let description = Description {
            host: self.config.host.clone(),
            certificate: self.config.identity.certificate().bytes().to_vec(),
            seed: self.config.custody.me,
            addresses: addresses.map(Into::into).collect(),
            knows: known
                .iter()
                .map(|known| known.description.host.clone())
                .collect(),
            run: self.federation.run,
            at_ms: now.wall_ms,
            not_after_ms: now.wall_ms.saturating_add(limit::DESCRIPTION_LIFE_MS),
        };
        let pods = known.into_iter().map(contact).collect();
        let description = wire::encode(&description);
        let identity = &self.config.identity;
        let signature = identity.prove(&mut self.rng, now, DESCRIPTION_LABEL, &description);
        let signed = wire::encode(&SignedDescription {
            description,
            signature,
            succession: self.config.succession.clone(),
        });
        self.federation.describe_at_ms = Some(now.after(limit::DESCRIPTION_RENEW_MS));
        self.tell_shell(Event::Described(Box::new(Described { signed, pods })));
    }

    /// Checks what a pod says of itself, against what is known of it already.
    fn check_description(
        &self,
        now: Time,
        host: &Host,
        signed: &SignedDescription,
    ) -> Result<Known, Rejection> {
        let description: Description =
            wire::decode(&signed.description, limit::DESCRIPTION_BYTES_MAX)?;
        let too_much = description.knows.len() > limit::PODS_NAMED_MAX
            || description.addresses.len() > limit::ADDRESSES_PER_SEED_MAX;
        if description.host != *host || too_much {
            return Err(Rejection::PodDishonest);
        }
        let certificate = Certificate::parse(&description.certificate, now)?;
        certificate
            .check_proof(
                now,
                DESCRIPTION_LABEL,
                &signed.description,
                &signed.signature,
            )
            .map_err(|_| Rejection::PodDishonest)?;
        let late = description.not_after_ms <= now.wall_ms
            || description.at_ms > now.wall_ms.saturating_add(limit::CLOCK_SKEW_MS);
        if late {
            return Err(Rejection::ClockWrong);
        }
        let fingerprint = certificate.fingerprint();
        let before = self
            .known(host)
            .map(|known| known.certificate.fingerprint());
        if let Some(before) = before.filter(|before| *before != fingerprint) {
            session::check_succession(now, host, before, &fingerprint, &signed.succession)?;
        }
        Ok(Known {
            description,
            certificate,
            asked_ms: now.wall_ms,
        })
    }

    pub(super) fn known(&self, host: &Host) -> Option<&Known> {
        self.federation.peers.get(host)?.known.as_ref()
    }

    /// A pod described itself: it is remembered, and one looks around through it.
    pub(super) fn described(
        &mut self,
        now: Time,
        host: &Host,
        signed: &[u8],
    ) -> Result<(), Rejection> {
        let signed: SignedDescription = wire::decode(signed, limit::DESCRIPTION_BYTES_MAX)
            .map_err(|_| Rejection::PodDishonest)?;
        let known = self.check_description(now, host, &signed)?;
        let before = self.known(host).cloned();
        if before.is_none() && self.federation.pods_len() >= limit::PODS_MAX {
            self.forget_one(now);
        }
        let rate = self.handover_rate();
        self.federation.peer(now, host, rate).known = Some(known.clone());
        let row = Row {
            key: host.as_str().as_bytes().to_vec(),
            value: wire::encode(&PodRow {
                signed,
                asked_ms: now.wall_ms,
            }),
        };
        let writes = [Write::Put(Table::Pod, row)].into();
        let needs = Vec::new();
        self.keep(Errand::Nothing, Batch { needs, writes });
        match before {
            Some(before) if before.description.run != known.description.run => {
                self.hand_over_again(now, host);
            }
            Some(_) => {}
            None => {
                self.tell_shell(Event::Counted(crate::pod::Count::Met));
                self.describe_self(now);
            }
        }
        self.look_through(now, [contact(&known)].into());
        for other in known.description.knows {
            self.hear_of(now, &other);
        }
        Ok(())
    }

    /// Does what has become due with other pods.
    pub(in crate::pod) fn look_after_pods(&mut self, now: Time) {
        if self
            .federation
            .describe_at_ms
            .is_some_and(|at| at <= now.mono_ms)
        {
            self.describe_self(now);
        }
        if self
            .federation
            .doubt_at_ms
            .is_some_and(|at| at <= now.mono_ms)
        {
            self.federation.doubt_at_ms = Some(now.after(limit::DESCRIPTION_DOUBT_MS));
            let hosts: Vec<Host> = self.federation.peers.keys().cloned().collect();
            for host in hosts {
                self.doubt(now, &host);
            }
        }
        self.line_up(now);
        let due = |peer: &Peer| peer.deadline().is_some_and(|at| at <= now.mono_ms);
        let peers = self.federation.peers.iter().filter(|(_, peer)| due(peer));
        let hosts: Vec<Host> = peers.map(|(host, _)| host.clone()).collect();
        for host in hosts {
            self.hand_over(now, &host);
        }
    }

    /// A seed is linked. If it is a pod that did not answer, it is back; and whichever pod it is, it
    /// may have been away and have lost something.
    pub(in crate::pod) fn pod_linked(&mut self, now: Time, link: Link) {
        let Link::Seed(seed) = link else { return };
        let is_it = |peer: &Peer| {
            peer.known
                .as_ref()
                .is_some_and(|known| known.seed() == seed)
        };
        let mut peers = self.federation.peers.iter_mut();
        let Some((host, peer)) = peers.find(|(_, peer)| is_it(peer)) else {
            return;
        };
        let host = host.clone();
        if !peer.queue.is_empty() && peer.rest_until_ms > now.mono_ms {
            peer.well();
        }
        // Who comes and goes all the time is not asked each time.
        let asked_ms = peer.known.as_ref().map_or(0, |known| known.asked_ms);
        if asked_ms.saturating_add(limit::MINUTE_MS) < now.wall_ms {
            self.doubt(now, &host);
        }
        self.hand_over(now, &host);
    }

    /// A pod was named by another one.
    fn hear_of(&mut self, now: Time, host: &Host) {
        let few = self.federation.pods_len() < limit::PODS_NAMED_MAX.saturating_mul(4);
        if few && self.known(host).is_none() {
            self.meet(now, host);
        }
    }

    /// Makes room for another pod: the one asked longest ago goes, if nothing waits for it.
    fn forget_one(&mut self, now: Time) {
        let peers = self.federation.peers.iter();
        let idle = peers.filter(|(_, peer)| peer.queue.is_empty() && peer.calls == 0);
        let known = idle.filter_map(|(host, peer)| Some((host, peer.known.as_ref()?)));
        let oldest = known.min_by_key(|(_, known)| known.asked_ms);
        let Some(host) = oldest.map(|(host, _)| host.clone()) else {
            return;
        };
        let rate = self.handover_rate();
        self.federation.peer(now, &host, rate).known = None;
        let key = host.as_str().as_bytes().to_vec();
        let writes = [Write::Delete(Table::Pod, key)].into();
        let needs = Vec::new();
        self.keep(Errand::Nothing, Batch { needs, writes });
    }

    fn look_through(&mut self, now: Time, contacts: Vec<Contact>) {
        if contacts.is_empty() {
            return;
        }
        let elsewhere = custody::Command::Elsewhere(contacts.clone());
        self.in_custody(now, Input::Command(elsewhere));
        self.in_custody(now, Input::Command(custody::Command::Join(contacts)));
    }
}

fn contact(known: &Known) -> Contact {
    let addresses = known.description.addresses.iter();
    Contact {
        seed: known.seed(),
        addresses: addresses.map(|address| address.to_vec()).collect(),
    }
}
