//! The deterministic simulator: core machines, virtual time, a modelled network, and disks that
//! can lose power. One integer decides everything.
//!
//! The earliest event happens first. An event is handed to one machine, the machine's outputs
//! are drained, and each becomes events to come: a frame at the far end after the profile's
//! latency, a `Kept` after the disk's. The oracle sees every output.

use std::collections::BTreeMap;

use muttr_core::{
    machine::{Input, Link, Machine, Output},
    name::SeedId,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use crate::{oracle::Oracle, profile::Profile};

mod channel;
mod disk;
mod network;
mod participant;
mod partition;
#[cfg(test)]
mod tests;
mod trace;

pub use disk::Disk;
pub use participant::{Manner, Participant, Role, Who, circuit_address, pod_address};

use disk::{Finished, Task};
use participant::Alive;
use trace::Trace;

/// Midnight of 1 December 2026, UTC, in milliseconds since 1970: when every world begins.
pub const WALL_START_MS: u64 = 1_796_083_200_000;

/// Outputs a machine may have ready at once; more is a violation.
const OUTPUTS_MAX: usize = 10_000;

/// Ticks in a row after which a machine's deadline may still be in the past.
const OVERDUE_TICKS_MAX: u32 = 256;

/// A world: its participants, what binds them, and what is to happen.
pub struct World<M: Machine> {
    now_ms: u64,
    dice: ChaCha8Rng,
    due: BTreeMap<(u64, u64), Due<M::Command>>,
    due_next: u64,
    participants: BTreeMap<Who, Participant<M>>,
    network: network::Network,
    partition: partition::Partition,
    oracle: Option<Box<dyn Oracle<M>>>,
    told: Vec<(u64, Who, M::Event)>,
    violation: Option<String>,
    trace: Trace,
    /// The weather; may be changed as the world goes on.
    pub profile: Profile,
}

/// What is to happen.
#[derive(Debug)]
enum Due<C> {
    Input(Alive, Input<C>),
    Drain(Alive),
    Disk(Alive),
    Wake(Alive, u64),
    Network(network::Due),
    Channel(channel::Due),
}

impl<M: Machine> std::fmt::Debug for World<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (now_ms, due) = (self.now_ms, self.due.len());
        write!(
            f,
            "World({} participants, {due} due at {now_ms} ms)",
            self.participants.len()
        )
    }
}

impl<M: Machine> World<M> {
    /// An empty world.
    #[must_use]
    pub fn new(integer: u64, profile: Profile, oracle: Box<dyn Oracle<M>>) -> Self {
        Self {
            now_ms: 0,
            dice: ChaCha8Rng::seed_from_u64(integer),
            due: BTreeMap::new(),
            due_next: 0,
            participants: BTreeMap::new(),
            network: network::Network::default(),
            partition: partition::Partition::default(),
            oracle: Some(oracle),
            told: Vec::new(),
            violation: None,
            trace: Trace::default(),
            profile,
        }
    }

    /// Adds a participant that does not run yet.
    pub fn add(&mut self, name: &str, seed: SeedId, role: Role) -> Who {
        let who = Who(self.participants.len() as u32);
        self.participants
            .insert(who, Participant::new(name.into(), seed, role));
        who
    }

    /// Milliseconds since the world began.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// When the next thing is to happen, if anything is.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// What the clock on the wall shows, in milliseconds since 1970.
    #[must_use]
    pub const fn wall_ms(&self) -> u64 {
        WALL_START_MS + self.now_ms
    }

    /// One participant.
    ///
    /// # Panics
    /// When it is of another world.
    #[must_use]
    pub fn at(&self, who: Who) -> &Participant<M> {
        self.participants
            .get(&who)
            .expect("a participant of this world")
    }

    /// One participant, to be changed behind its machine's back.
    ///
    /// # Panics
    /// When it is of another world.
    pub fn at_mut(&mut self, who: Who) -> &mut Participant<M> {
        self.participants
            .get_mut(&who)
            .expect("a participant of this world")
    }

    /// Everyone.
    pub fn everyone(&self) -> impl Iterator<Item = (Who, &Participant<M>)> {
        self.participants
            .iter()
            .map(|(who, participant)| (*who, participant))
    }

    /// Whether it runs.
    #[must_use]
    pub fn runs(&self, who: Who) -> bool {
        self.at(who).machine.is_some()
    }

    /// A number from 0 up to, not including, `below`.
    pub fn roll(&mut self, below: u64) -> u64 {
        if below == 0 {
            0
        } else {
            self.dice.next_u64() % below
        }
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.roll(1_000) < u64::from(per_mille)
    }

    /// Thirty-two random bytes, as machines are given at construction.
    pub fn random(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.dice.fill_bytes(&mut bytes);
        bytes
    }

    /// What machines told since this was last asked: when, who, what.
    pub fn take_told(&mut self) -> Vec<(u64, Who, M::Event)> {
        std::mem::take(&mut self.told)
    }

    /// A number that two worlds share exactly when the same happened in both.
    #[must_use]
    pub const fn fingerprint(&self) -> u64 {
        self.trace.0
    }

    /// Starts a participant, which goes by its own clock from now on. The shell opens a tab's
    /// channel at once.
    pub fn start(&mut self, who: Who, machine: M) {
        let now_ms = self.now_ms;
        let participant = self.at_mut(who);
        participant.machine = Some(machine);
        participant.life += 1;
        participant.born_ms = now_ms;
        participant.wake_ms = None;
        participant.reconnects = true;
        participant.attempts = 0;
        participant.channel_next = 1;
        let alive = (who, participant.life);
        self.drain(alive);
        if matches!(self.at(who).role, Role::Tab { .. }) {
            self.open_channel_soon(alive, 0);
        }
    }

    /// Cuts a participant's power: of the writes under way some first ones were made, nobody is
    /// told, and the others notice in their own time.
    pub fn kill(&mut self, who: Who) {
        let pending = self.at(who).disk.pending() as u64;
        let survivors = self.roll(pending + 1) as usize;
        let notice_ms = self.profile.notice_ms;
        self.stop(who, survivors, notice_ms);
    }

    /// Stops a participant in good order: what it wrote is written, the others are told.
    pub fn leave(&mut self, who: Who) {
        self.stop(who, usize::MAX, 0);
    }

    fn stop(&mut self, who: Who, survivors: usize, notice_ms: u64) {
        let participant = self.at_mut(who);
        let survivors = survivors.min(participant.disk.pending());
        participant.disk.lose_power(survivors);
        participant.machine = None;
        let life = participant.life;
        self.network_lost((who, life), notice_ms);
        self.channels_lost((who, life), notice_ms);
    }

    /// Hands a command to a participant's machine, now.
    pub fn command(&mut self, who: Who, command: M::Command) {
        let alive = (who, self.at(who).life);
        self.give(alive, Input::Command(command));
    }

    /// Lets the next event happen; false when nothing is to come.
    ///
    /// # Errors
    /// What the oracle objects to.
    pub fn step(&mut self) -> Result<bool, String> {
        let Some(((at_ms, _), due)) = self.due.pop_first() else {
            return Ok(false);
        };
        self.now_ms = self.now_ms.max(at_ms);
        match due {
            Due::Input(alive, input) => self.give(alive, input),
            Due::Drain(alive) => self.drain(alive),
            Due::Disk(alive) => self.disk_done(alive),
            Due::Wake(alive, wake_ms) => self.wake(alive, wake_ms),
            Due::Network(due) => self.network_due(due),
            Due::Channel(due) => self.channel_due(due),
        }
        self.look()?;
        Ok(true)
    }

    /// Lets everything happen that is due before `until_ms`, and moves the clock there.
    ///
    /// # Errors
    /// What the oracle objects to.
    pub fn run_until(&mut self, until_ms: u64) -> Result<(), String> {
        while self
            .due
            .first_key_value()
            .is_some_and(|((at_ms, _), _)| *at_ms <= until_ms)
        {
            self.step()?;
        }
        self.now_ms = self.now_ms.max(until_ms);
        Ok(())
    }

    /// The oracle's objection, once there is one.
    fn look(&mut self) -> Result<(), String> {
        if let Some(mut oracle) = self.oracle.take() {
            let verdict = oracle.rests(self);
            self.oracle = Some(oracle);
            self.object(verdict);
        }
        match &self.violation {
            Some(violation) => Err(format!("at {} ms: {violation}", self.now_ms)),
            None => Ok(()),
        }
    }

    fn object(&mut self, verdict: Result<(), String>) {
        if let Err(what) = verdict {
            self.violation.get_or_insert(what);
        }
    }

    fn later(&mut self, delay_ms: u64, due: Due<M::Command>) {
        self.due_next += 1;
        self.due
            .insert((self.now_ms.saturating_add(delay_ms), self.due_next), due);
    }

    fn lives(&self, (who, life): Alive) -> bool {
        self.participants
            .get(&who)
            .is_some_and(|at| at.machine.is_some() && at.life == life)
    }

    /// Hands one input to a machine and drains it.
    fn give(&mut self, alive: Alive, input: Input<M::Command>) {
        if !self.lives(alive) {
            return;
        }
        self.trace.input(self.now_ms, alive.0, &input);
        let now_ms = self.now_ms;
        let participant = self.at_mut(alive.0);
        let time = participant.time(now_ms, WALL_START_MS);
        if let Some(machine) = participant.machine.as_mut() {
            machine.handle(time, input);
        }
        self.drain(alive);
    }

    /// Acts on a machine's outputs, all of them unless the shell is lazy.
    fn drain(&mut self, alive: Alive) {
        for drained in 0.. {
            if !self.lives(alive) {
                return;
            }
            if drained > OUTPUTS_MAX {
                let name = &self.at(alive.0).name;
                let what = format!("{name} has more than {OUTPUTS_MAX} outputs ready at once");
                self.object(Err(what));
                return;
            }
            let lazy = self.profile.lazy;
            if drained > 0 && self.chance(lazy) {
                let delay_ms = 1 + self.roll(20);
                self.later(delay_ms, Due::Drain(alive));
                break;
            }
            let Some(output) = self
                .at_mut(alive.0)
                .machine
                .as_mut()
                .and_then(Machine::poll)
            else {
                break;
            };
            self.act(alive, output);
        }
        self.set_wake(alive);
    }

    fn act(&mut self, alive: Alive, output: Output<M::Event>) {
        if let Some(mut oracle) = self.oracle.take() {
            let verdict = oracle.sees(self, alive.0, &output);
            self.oracle = Some(oracle);
            self.object(verdict);
        }
        match output {
            Output::Link(seed, addresses) => self.dial(alive, seed, &addresses),
            Output::Unlink(Link::Seed(seed)) => self.unlink(alive, seed),
            Output::Unlink(Link::Channel(number)) => self.close_channel(alive, number),
            Output::Send(Link::Seed(seed), frame) => self.send(alive, seed, frame),
            Output::Send(Link::Channel(number), frame) => self.say(alive, number, frame),
            Output::Keep(ticket, batch) => self.disk_task(alive, Task::Keep(ticket, batch)),
            Output::Recall(ticket, scan) => self.disk_task(alive, Task::Recall(ticket, scan)),
            Output::Event(event) => self.told.push((self.now_ms, alive.0, event)),
        }
    }

    fn disk_task(&mut self, alive: Alive, task: Task) {
        let profile = self.profile;
        let takes_ms = 1 + self.roll(2 * profile.disk_ms);
        let now_ms = self.now_ms;
        let disk = &mut self.at_mut(alive.0).disk;
        disk.push(task);
        disk.busy_until_ms = disk.busy_until_ms.max(now_ms) + takes_ms;
        let delay_ms = disk.busy_until_ms - now_ms;
        self.later(delay_ms, Due::Disk(alive));
    }

    fn disk_done(&mut self, alive: Alive) {
        if !self.lives(alive) {
            return;
        }
        let rate = self.profile.disk_failed;
        let fails = self.chance(rate);
        match self.at_mut(alive.0).disk.finish(fails) {
            Some(Finished::Kept(ticket, kept)) => self.give(alive, Input::Kept(ticket, kept)),
            Some(Finished::Recalled(ticket, rows)) => {
                self.give(alive, Input::Recalled(ticket, rows));
            }
            None => {}
        }
    }

    /// Sets the alarm clock by the machine's deadline.
    fn set_wake(&mut self, alive: Alive) {
        let now_ms = self.now_ms;
        let participant = self.at_mut(alive.0);
        let Some(deadline) = participant.machine.as_ref().and_then(Machine::deadline) else {
            participant.wake_ms = None;
            return;
        };
        // A deadline of now or before still lets a millisecond pass, as a real timer would.
        let wake_ms = participant.moment(deadline).max(now_ms + 1);
        if participant.wake_ms == Some(wake_ms) {
            return;
        }
        participant.wake_ms = Some(wake_ms);
        self.later(wake_ms - now_ms, Due::Wake(alive, wake_ms));
    }

    fn wake(&mut self, alive: Alive, wake_ms: u64) {
        if !self.lives(alive) || self.at(alive.0).wake_ms != Some(wake_ms) {
            return;
        }
        self.at_mut(alive.0).wake_ms = None;
        self.give(alive, Input::Tick);
        let now_ms = self.now_ms;
        let participant = self.at_mut(alive.0);
        let overdue = participant
            .wake_ms
            .is_some_and(|next_ms| next_ms <= now_ms + 1);
        participant.overdue_ticks = if overdue {
            participant.overdue_ticks + 1
        } else {
            0
        };
        if participant.overdue_ticks > OVERDUE_TICKS_MAX {
            let what = format!("{} never gets past its deadline", participant.name);
            self.object(Err(what));
        }
    }

    fn alive(&self, who: Who) -> Option<Alive> {
        let participant = self.participants.get(&who)?;
        participant
            .machine
            .is_some()
            .then_some((who, participant.life))
    }

    fn who(&self, seed: &SeedId) -> Option<Who> {
        self.everyone()
            .find(|(_, participant)| participant.seed == *seed)
            .map(|(who, _)| who)
    }

    /// How long one way takes this time.
    fn way_ms(&mut self) -> u64 {
        let Profile {
            latency_ms,
            jitter_ms,
            ..
        } = self.profile;
        latency_ms + self.roll(jitter_ms + 1)
    }
}
