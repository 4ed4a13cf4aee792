//! The hardest play: two pods on a wretched network, ten minutes in which nothing passes between two
//! halves of it, power cuts all the while; and what has to be true when it is over.
//!
//! What is modelled is what such a network can do to what Muttr speaks. A channel is one ordered
//! stream: it is late, or it breaks, and then whoever said something does not know whether it was
//! heard. A question between seeds is a stream of its own: questions overtake each other, and
//! question or answer vanish, also when the one was acted upon. What pods ask each other is HTTPS:
//! the same, and a proxy may hand in the same thing twice. Everything else that happens twice does so
//! because the machines themselves ask again.

use std::collections::{BTreeMap, BTreeSet};

use muttr_core::{
    limit::{HOUR_MS, MINUTE_MS},
    machine::Table,
    seed::{Command, Delivery, Done, Status},
};

use super::Crowd;
use crate::{
    part::Part,
    profile::{CALM, HOMES, WRETCHED},
    scenario::Person,
    simulator::Who,
};

/// How long two halves know nothing of each other.
const PARTITION_MS: u64 = 10 * MINUTE_MS;
/// By when all must have arrived, or been told: retries pause for minutes.
const AT_LAST_MS: u64 = 6 * HOUR_MS;

/// A message as its author's profile has it.
struct Sent {
    from: Person,
    to: Person,
    text: String,
    delivery: Option<Delivery>,
}

impl Crowd {
    /// Everyone writes to everyone: whom one wrote to is no stranger, and is told how it goes.
    ///
    /// # Errors
    /// The oracle's objection.
    pub fn befriend(&mut self) -> Result<(), String> {
        for from in Person::ALL {
            for to in Person::ALL.iter().filter(|to| *to != from) {
                self.write_to(*from, *to)?;
            }
        }
        self.village.run(MINUTE_MS)
    }

    /// People write in wretched weather while pods, seeds and tabs lose their power: before two
    /// halves are apart, meanwhile, and after.
    ///
    /// # Errors
    /// The oracle's objection.
    pub fn endure(&mut self, integer: u64) -> Result<(), String> {
        self.village.world.profile = WRETCHED;
        for _ in 0..12 {
            self.unrest()?;
        }
        let (these, those) = self.halves(integer)?;
        self.village.world.part(&these, &those);
        let healed_ms = self.village.world.now_ms() + PARTITION_MS;
        while self.village.world.now_ms() < healed_ms {
            self.unrest()?;
            let left_ms = healed_ms.saturating_sub(self.village.world.now_ms());
            let pause_ms = self.village.world.roll(30_000).min(left_ms);
            self.village.run(pause_ms)?;
        }
        self.village.world.heal();
        for _ in 0..12 {
            self.unrest()?;
        }
        self.everyone_returns()
    }

    /// Who is apart from whom: the pods from each other; one half of the seeds and people from the
    /// other, while everybody reaches every pod; or all by chance, people and their own pod too.
    fn halves(&mut self, integer: u64) -> Result<(Vec<Who>, Vec<Who>), String> {
        let pods = self.pods.clone();
        let pods: Vec<Who> = pods
            .iter()
            .map(|pod| self.village.pod(*pod))
            .collect::<Result<_, _>>()?;
        let everyone: Vec<Who> = self.village.world.everyone().map(|(who, _)| who).collect();
        let who: Vec<Who> = match integer % 3 {
            0 => return Ok((pods[..1].to_vec(), pods[1..].to_vec())),
            1 => everyone
                .into_iter()
                .filter(|who| !pods.contains(who))
                .collect(),
            _ => everyone,
        };
        Ok(who
            .into_iter()
            .partition(|_| self.village.world.chance(500)))
    }

    /// Whatever an author's profile has arrives, while the network stays as it is.
    ///
    /// # Errors
    /// The oracle's objection, or what is missing or there twice.
    pub fn all_arrive(&mut self) -> Result<(), String> {
        let what = self.at_last(Self::missing)?;
        what.map_or(Ok(()), Err)
    }

    /// Everybody looks at everything, and every author is told.
    ///
    /// # Errors
    /// The oracle's objection, or whose author was not told.
    pub fn all_are_told(&mut self) -> Result<(), String> {
        for who in Person::ALL {
            for with in self.looking(|crowd| crowd.village.correspondents(*who))? {
                self.looking(|crowd| {
                    let marked = crowd
                        .village
                        .ask(*who, |id| Command::MarkRead { id, with })?;
                    let what = |no| format!("{who} cannot look: {no}");
                    marked.map(|_| ()).map_err(what)
                })?;
            }
        }
        let what = self.at_last(Self::untold)?;
        what.map_or(Ok(()), Err)
    }

    /// Everything loses its power and comes back. Nothing is shown again, nobody is told less than
    /// before, and nothing is on its way any more.
    ///
    /// # Errors
    /// The oracle's objection, or what is left.
    pub fn all_is_over(&mut self) -> Result<(), String> {
        for who in Person::ALL {
            self.inbox_is_advanced(*who)?;
        }
        self.village.world.profile = HOMES;
        self.village.run(MINUTE_MS)?;
        let everyone: Vec<Who> = self.village.world.everyone().map(|(who, _)| who).collect();
        for who in everyone {
            self.village.world.kill(who);
        }
        self.everyone_returns()?;
        for seed in self.village.all_seeds() {
            self.village.restart_seed(seed);
        }
        self.village.run(10 * MINUTE_MS)?;
        if let Some(what) = self.missing()? {
            return Err(what);
        }
        if let Some(what) = self.untold()? {
            return Err(what);
        }
        for who in Person::ALL {
            let shown = self.unadvanced(*who)?;
            if let Some(text) = shown.first() {
                return Err(format!("{who} is shown \"{text}\" again"));
            }
            self.nothing_is_under_way(*who)?;
        }
        for pod in self.pods.clone() {
            let who = self.village.pod(pod)?;
            let Some(Part::Pod(machine)) = &self.village.world.at(who).machine else {
                return Err(format!("{pod} is not there"));
            };
            let left = machine.stats().outgoing;
            if left > 0 {
                return Err(format!("{pod} goes on trying to hand over {left}"));
            }
        }
        Ok(())
    }

    /// Waits until a look finds no fault any more; the last fault, if it never comes to that.
    fn at_last(
        &mut self,
        look: impl Fn(&mut Self) -> Result<Option<String>, String>,
    ) -> Result<Option<String>, String> {
        let end_ms = self.village.world.now_ms() + AT_LAST_MS;
        loop {
            let fault = look(self)?;
            if fault.is_none() || self.village.world.now_ms() > end_ms {
                return Ok(fault);
            }
            self.village.run(MINUTE_MS)?;
        }
    }

    /// Asks a profile for something, with a disk that does as it is told: what is looked at is not
    /// whether looking works.
    fn looking<T>(
        &mut self,
        look: impl FnOnce(&mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        let weather = self.village.world.profile;
        (
            self.village.world.profile.disk_failed,
            self.village.world.profile.lazy,
        ) = (CALM.disk_failed, CALM.lazy);
        let result = look(self);
        self.village.world.profile = weather;
        result
    }

    /// Every message that an author's profile has.
    fn sent(&mut self) -> Result<Vec<Sent>, String> {
        let mut sent = Vec::new();
        for from in Person::ALL {
            for to in Person::ALL.iter().filter(|to| *to != from) {
                let with = self.alias(*to)?;
                let messages = self.looking(|crowd| crowd.village.conversation(*from, &with))?;
                for message in messages.into_iter().filter(|message| message.outgoing) {
                    sent.push(Sent {
                        from: *from,
                        to: *to,
                        text: String::from_utf8_lossy(&message.body).into_owned(),
                        delivery: message.delivery,
                    });
                }
            }
        }
        Ok(sent)
    }

    /// What has not arrived.
    ///
    /// # Errors
    /// What is there twice, or should not be there.
    fn missing(&mut self) -> Result<Option<String>, String> {
        self.collect()?;
        let sent = self.sent()?;
        for (text, written) in &self.written {
            let is_there = sent.iter().any(|it| it.text == *text);
            if written.outcome == Some(Ok(())) && !is_there {
                return Err(format!("{} no longer has \"{text}\"", written.from));
            }
        }
        let mut fault = None;
        for who in Person::ALL {
            let mut copies: BTreeMap<String, usize> = BTreeMap::new();
            for with in self.looking(|crowd| crowd.village.correspondents(*who))? {
                let messages = self.looking(|crowd| crowd.village.conversation(*who, &with))?;
                for message in messages.into_iter().filter(|message| !message.outgoing) {
                    let text = String::from_utf8_lossy(&message.body).into_owned();
                    *copies.entry(text).or_default() += 1;
                }
            }
            for it in sent.iter().filter(|it| it.to == *who) {
                match copies.remove(&it.text) {
                    Some(1) => {}
                    Some(times) => return Err(format!("{who} has \"{}\" {times} times", it.text)),
                    None => {
                        let (text, delivery) = (&it.text, &it.delivery);
                        let what = format!("{who} never got \"{text}\": {delivery:?}");
                        fault.get_or_insert(what);
                    }
                }
            }
            if let Some(text) = copies.keys().next() {
                return Err(format!("{who} has \"{text}\", which nobody sent to them"));
            }
        }
        Ok(fault)
    }

    /// A message that was looked at and whose author does not know.
    fn untold(&mut self) -> Result<Option<String>, String> {
        let told = |it: &Sent| {
            let delivery = it.delivery.as_ref();
            delivery.is_some_and(|delivery| delivery.status == Status::Read)
        };
        let untold = self.sent()?.into_iter().find(|it| !told(it));
        Ok(untold.map(|it| {
            let Sent {
                from,
                text,
                delivery,
                ..
            } = it;
            format!("{from} is never told that \"{text}\" was read: {delivery:?}")
        }))
    }

    /// What a person's application was not done with, in the order it came.
    fn unadvanced(&mut self, who: Person) -> Result<Vec<String>, String> {
        let arrived = self.arrived(who)?.into_iter();
        Ok(arrived.map(|(_, text)| text).collect())
    }

    fn arrived(&mut self, who: Person) -> Result<Vec<(u64, String)>, String> {
        let done = self.looking(|crowd| crowd.village.ask(who, |id| Command::Inbox { id }))?;
        let Ok(Done::Messages(messages)) = done else {
            return Err(format!("{who}'s inbox cannot be read: {done:?}"));
        };
        let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
        let arrived = messages.into_iter();
        Ok(arrived.map(|it| (it.arrival, text(&it.body))).collect())
    }

    /// A person's application, which was never done with anything, has each message once; and now
    /// it is done with all.
    fn inbox_is_advanced(&mut self, who: Person) -> Result<(), String> {
        let arrived = self.arrived(who)?;
        let sent = self.sent()?;
        let mut wanted: BTreeSet<&str> = sent
            .iter()
            .filter(|it| it.to == who)
            .map(|it| it.text.as_str())
            .collect();
        for (_, text) in &arrived {
            if !wanted.remove(text.as_str()) {
                return Err(format!(
                    "{who}'s inbox has \"{text}\" twice, or for nothing"
                ));
            }
        }
        if let Some(text) = wanted.first() {
            return Err(format!("{who}'s inbox does not have \"{text}\""));
        }
        let last = arrived.iter().map(|(arrival, _)| *arrival).max();
        let Some(arrival) = last else { return Ok(()) };
        self.village
            .order(who, |_| Command::Advance { arrival })
            .map(|_| ())
    }

    /// A person's profile has nothing more to fetch, to open, to send or to hand over.
    fn nothing_is_under_way(&mut self, who: Person) -> Result<(), String> {
        let sent = self.sent()?;
        let own = sent.iter().filter(|it| it.from == who).count();
        let tab = self.village.person(who)?;
        let disk = &self.village.world.at(tab).disk;
        // Receipts lie beside the messages, and are gone once they were told of.
        let outbox = disk.rows(Table::Outbox).count();
        if outbox != own {
            return Err(format!("{who} wrote {own} and has {outbox} in the outbox"));
        }
        let pending = |(key, _): &(&[u8], &[u8])| key.first() == Some(&0);
        let pending = disk.rows(Table::Inbox).filter(pending).count();
        if pending > 0 {
            return Err(format!("{who} still tries to open {pending}"));
        }
        Ok(())
    }
}
