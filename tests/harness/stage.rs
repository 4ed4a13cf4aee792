//! The simulator's stage: plays a scenario sentence by sentence.

use std::collections::{BTreeMap, BTreeSet};

use muttr_core::{
    limit,
    machine::{Protocol, Table},
    name::{Alias, Fingerprint, Label, MessageId, RecordKey},
    rejection::Rejection,
    seed::{Command, Delivery, Done, Message, State, Status},
};

use crate::{
    profile::Profile,
    scenario::{Address, Line, Person, PodName, Scenario, Standing, Step},
    simulator::Manner,
    village::Village,
};

/// How long "nothing else" is waited for, in milliseconds.
const NO_MORE_MS: u64 = 3_000;
/// How long a reload takes, in milliseconds.
const RELOAD_MS: u64 = 300;

/// A village and what the play said so far.
#[derive(Debug)]
pub struct Stage {
    /// Everyone.
    pub village: Village,
    /// Whom each text was written to.
    written: BTreeMap<(Person, String), Alias>,
    /// What sentences claimed to have been read.
    claimed: BTreeSet<(Person, MessageId)>,
    fingerprints: BTreeMap<Person, Fingerprint>,
}

/// Plays a scenario from beginning to end.
///
/// # Errors
/// The sentence that does not hold, with its line, or the oracle's objection.
pub fn play(scenario: &Scenario, integer: u64, profile: Profile) -> Result<(), String> {
    let mut stage = Stage::new(integer, profile);
    scenario
        .lines
        .iter()
        .try_for_each(|line| stage.perform(line))
}

impl Stage {
    /// An empty stage.
    #[must_use]
    pub fn new(integer: u64, profile: Profile) -> Self {
        Self {
            village: Village::new(integer, profile),
            written: BTreeMap::new(),
            claimed: BTreeSet::new(),
            fingerprints: BTreeMap::new(),
        }
    }

    /// Plays one sentence.
    ///
    /// # Errors
    /// As [`play`].
    pub fn perform(&mut self, line: &Line) -> Result<(), String> {
        let place = |what| format!("line {}, \"{}\": {what}", line.number, line.text);
        let outcome = self.step(&line.step).map_err(place)?;
        let code = outcome.err().map(Rejection::code);
        match (line.refused.as_deref(), code) {
            (None, None) => Ok(()),
            (Some(expected), Some(code)) if expected == code => Ok(()),
            (None, Some(code)) => Err(place(format!("refused with {code}"))),
            (Some(_), code) => Err(place(format!("not refused so, but: {code:?}"))),
        }
    }

    /// The outer error is the play's, the inner the rejection a command met.
    fn step(&mut self, step: &Step) -> Result<Result<(), Rejection>, String> {
        match step {
            Step::Register { who, label } => return self.register(*who, label),
            Step::Resolve { who, address } => return self.resolve(*who, address),
            Step::Write { who, to, texts } => return self.write(*who, to, texts),
            Step::Stage(_) => {}
            Step::PodStarts(pod) => self.pod_starts(*pod)?,
            Step::PodKnows { pod, other } => {
                self.village.introduce(*pod, *other)?;
                self.village.run(RELOAD_MS)?;
            }
            Step::PodKilled(pod) => self.village.world.kill(self.village.pod(*pod)?),
            Step::PodRestarts(pod) => {
                self.village.world.kill(self.village.pod(*pod)?);
                self.village.run(RELOAD_MS)?;
                self.pod_starts(*pod)?;
            }
            Step::Join { who, pod, manner } => self.join(*who, *pod, *manner)?,
            Step::Leave(who) => self.village.world.leave(self.village.person(*who)?),
            Step::Crash(who) => self.village.world.kill(self.village.person(*who)?),
            Step::Reload(who) => {
                self.village.world.leave(self.village.person(*who)?);
                self.village.run(RELOAD_MS)?;
                let (pod, manner) = self.village.home(*who)?;
                self.join(*who, pod, manner)?;
            }
            Step::SeedsJoin(count, pod) => self.seeds_join(*count, *pod)?,
            Step::SeedsLeave(count) => {
                for who in self.village.seeds().into_iter().take(*count as usize) {
                    self.village.world.leave(who);
                }
            }
            Step::SeedsCrash(count) => {
                for who in self.village.seeds().into_iter().take(*count as usize) {
                    self.village.world.kill(who);
                }
            }
            claim => self.claim(claim)?,
        }
        Ok(Ok(()))
    }

    fn claim(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Online { who, online } => {
                let wanted = if *online {
                    State::Online
                } else {
                    State::Offline
                };
                let became = self
                    .village
                    .until(|village| Ok(village.state(*who)? == wanted))?;
                demand(became, || {
                    format!("{who} is not, but {:?}", self.village.state(*who))
                })
            }
            Step::Still { who, address } => self.still(*who, address),
            Step::Read { who, texts, from } => texts
                .iter()
                .try_for_each(|text| self.read(*who, text, from)),
            Step::ReadNoMore(who) => self.read_no_more(*who),
            Step::Status {
                author,
                text,
                status,
            } => self.status(*author, text, *status),
            Step::Held {
                author,
                text,
                seeds,
                pods,
            } => self.held(*author, text, *seeds, *pods),
            Step::PutAside { who, messages } => {
                let (who, messages) = (*who, *messages);
                let became = self
                    .village
                    .until(|village| Ok(village.put_aside(who)? >= messages))?;
                demand(became, || {
                    format!("only {:?} were put aside", self.village.put_aside(who))
                })
            }
            unseen => self.behind_backs(unseen),
        }
    }

    fn behind_backs(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::PodForgets { pod, record } => {
                let key = match record {
                    Some((author, text)) => Some(self.record_key(*author, text)?),
                    None => None,
                };
                let pod = self.village.pod(*pod)?;
                let which = |row: &[u8]| key.is_none_or(|key| row == key.as_bytes());
                self.village
                    .world
                    .at_mut(pod)
                    .disk
                    .forget(Table::Record, which);
            }
            Step::AllForget => {
                let everyone: Vec<_> = self.village.world.everyone().map(|(who, _)| who).collect();
                for who in everyone {
                    self.village
                        .world
                        .at_mut(who)
                        .disk
                        .forget(Table::Record, |_| true);
                }
            }
            Step::PodSpoils { pod, author, text } => {
                let key = self.record_key(*author, text)?;
                let pod = self.village.pod(*pod)?;
                let disk = &mut self.village.world.at_mut(pod).disk;
                // Deep inside the record, so that its form stays good.
                disk.tamper(Table::Record, key.as_bytes(), |row| {
                    let middle = row.len() / 2;
                    row[middle] ^= 1;
                });
            }
            Step::Garbage { pod, .. } => self.garbage(*pod)?,
            Step::Repeat { pod, whose, .. } => {
                let pod = self.village.pod(*pod)?;
                let said = self.village.world.overheard(self.village.person(*whose)?);
                self.village.world.stranger_says(pod, said);
                self.village.run(NO_MORE_MS)?;
            }
            Step::Wait(span) => self.village.run(span.as_millis() as u64)?,
            _ => return Err("this stage cannot play that".into()),
        }
        Ok(())
    }

    fn pod_starts(&mut self, pod: PodName) -> Result<(), String> {
        self.village.start_pod(pod);
        self.village.run(200)
    }

    /// Opens a profile, and waits until it knows how it stands with its pod.
    fn join(&mut self, who: Person, pod: PodName, manner: Manner) -> Result<(), String> {
        self.village.join(who, pod, manner)?;
        let wanted = if self.village.world.runs(self.village.pod(pod)?) {
            State::Online
        } else {
            State::Offline
        };
        let became = self
            .village
            .until(|village| Ok(village.state(who)? == wanted))?;
        demand(became, || format!("{who} is not {wanted:?}"))
    }

    fn seeds_join(&mut self, count: u32, pod: PodName) -> Result<(), String> {
        for _ in 0..count {
            self.village.join_seed(pod)?;
        }
        let pod = self.village.pod(pod)?;
        let linked = self.village.until(|village| {
            Ok(village
                .seeds()
                .iter()
                .all(|seed| village.world.linked(*seed, pod)))
        })?;
        demand(linked, || "some never reached the pod".into())
    }

    fn register(&mut self, who: Person, label: &str) -> Result<Result<(), Rejection>, String> {
        let Ok(label) = label.parse::<Label>() else {
            return Ok(Err(Rejection::AliasInvalid));
        };
        let done = self
            .village
            .ask(who, |id| Command::Register { id, label })?;
        Ok(done.map(|_| ()))
    }

    fn resolve(&mut self, who: Person, at: &Address) -> Result<Result<(), Rejection>, String> {
        let alias = match Village::alias(&at.label, at.pod) {
            Ok(alias) => alias,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let done = self.village.ask(who, |id| Command::Lookup { id, alias })?;
        Ok(done.map(|_| ()))
    }

    fn write(
        &mut self,
        who: Person,
        to: &Address,
        texts: &[String],
    ) -> Result<Result<(), Rejection>, String> {
        let alias = match Village::alias(&to.label, to.pod) {
            Ok(alias) => alias,
            Err(rejection) => return Ok(Err(rejection)),
        };
        for text in texts {
            if let Err(rejection) = self.village.write(who, alias.clone(), text)? {
                return Ok(Err(rejection));
            }
            self.written.insert((who, text.clone()), alias.clone());
        }
        Ok(Ok(()))
    }

    fn still(&mut self, who: Person, address: &Address) -> Result<(), String> {
        let alias = Village::alias(&address.label, address.pod).map_err(|no| no.to_string())?;
        // Whoever asks, the pod names the same certificate as ever, and it is this profile's.
        let done = self.village.ask(who, |id| Command::Register {
            id,
            label: alias.label().clone(),
        })?;
        demand(done.is_ok(), || {
            format!("{who} is refused their own alias: {done:?}")
        })?;
        let done = self.village.ask(who, |id| Command::Lookup { id, alias })?;
        let Ok(Done::Contact(contact)) = done else {
            return Err(format!("{who} does not find themselves: {done:?}"));
        };
        let before = *self.fingerprints.entry(who).or_insert(contact.fingerprint);
        demand(before == contact.fingerprint, || {
            format!("{who} is somebody else now")
        })
    }

    fn read(&mut self, who: Person, text: &str, from: &Address) -> Result<(), String> {
        let from = Village::alias(&from.label, from.pod).map_err(|no| no.to_string())?;
        let mut found: Vec<Message> = Vec::new();
        self.village.until(|village| {
            let messages = village.conversation(who, &from)?.into_iter();
            let wanted = |message: &Message| !message.outgoing && message.body == text.as_bytes();
            found = messages.filter(wanted).collect();
            Ok(!found.is_empty())
        })?;
        let message = match found.as_slice() {
            [] => return Err("it never came".into()),
            [message] => message,
            _ => return Err(format!("it is there {} times", found.len())),
        };
        demand(message.from == from && message.verified, || {
            "it is not surely theirs".into()
        })?;
        self.claimed.insert((who, message.id));
        let arrival = message.arrival;
        let done = self
            .village
            .ask(who, |id| Command::MarkRead { id, with: from })?;
        demand(done.is_ok(), || {
            format!("it cannot be marked as read: {done:?}")
        })?;
        self.village
            .order(who, |_| Command::Advance { arrival })
            .map(|_| ())
    }

    fn read_no_more(&mut self, who: Person) -> Result<(), String> {
        self.village.run(NO_MORE_MS)?;
        for with in self.village.correspondents(who)? {
            for message in self.village.conversation(who, &with)? {
                if !message.outgoing && !self.claimed.contains(&(who, message.id)) {
                    return Err("there is a message that nobody spoke of".into());
                }
            }
        }
        Ok(())
    }

    /// What the author's profile says of one of their messages.
    fn delivery(&mut self, author: Person, text: &str) -> Result<Delivery, String> {
        let to = self.written.get(&(author, text.to_owned())).cloned();
        let to = to.ok_or_else(|| format!("{author} never wrote that"))?;
        let messages = self.village.conversation(author, &to)?;
        let mut own = messages.into_iter().filter(|message| message.outgoing);
        let message = own.find(|message| message.body == text.as_bytes());
        let delivery = message.and_then(|message| message.delivery);
        delivery.ok_or_else(|| format!("{author}'s profile does not know of it"))
    }

    fn wait_for_delivery(
        &mut self,
        author: Person,
        text: &str,
        good: impl Fn(&Delivery) -> bool,
    ) -> Result<(), String> {
        let steps = crate::village::PATIENCE_MS / 500;
        for _ in 0..steps {
            if good(&self.delivery(author, text)?) {
                return Ok(());
            }
            self.village.run(500)?;
        }
        Err(format!("it is only {:?}", self.delivery(author, text)?))
    }

    fn status(&mut self, author: Person, text: &str, claimed: Standing) -> Result<(), String> {
        self.wait_for_delivery(author, text, |it| standing(it.status).reaches(claimed))
    }

    fn held(&mut self, author: Person, text: &str, seeds: u32, pods: u32) -> Result<(), String> {
        self.wait_for_delivery(author, text, |it| it.seeds >= seeds && it.pods >= pods)
    }

    fn record_key(&mut self, author: Person, text: &str) -> Result<RecordKey, String> {
        self.delivery(author, text)?
            .key
            .ok_or_else(|| "it has no record yet".into())
    }

    /// Senseless and truncated bytes on both of a pod's doors.
    fn garbage(&mut self, pod: PodName) -> Result<(), String> {
        let pod = self.village.pod(pod)?;
        let world = &mut self.village.world;
        for len in [0, 1, 31, 32, 48, 1_000, limit::NOISE_CHUNK_BYTES, 100_000] {
            let noise: Vec<u8> = (0..len).map(|_| world.roll(256) as u8).collect();
            world.stranger_says(pod, vec![noise.clone()]);
            world.stranger_says(pod, vec![noise.clone(), noise.clone()]);
            world.stranger_asks(pod, Protocol::Store, noise.clone());
            world.stranger_asks(pod, Protocol::Routing, noise);
        }
        self.village.run(NO_MORE_MS)?;
        demand(self.village.world.runs(pod), || "the pod is gone".into())
    }
}

const fn standing(status: Status) -> Standing {
    match status {
        Status::Queued => Standing::Queued,
        Status::Stored => Standing::Stored,
        Status::Notified => Standing::Notified,
        Status::Fetched => Standing::Fetched,
        Status::Read => Standing::Read,
        Status::Lost => Standing::Lost,
    }
}

fn demand(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
