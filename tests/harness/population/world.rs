//! The world: the earliest event happens first, is handed to one machine, and what the machine
//! wants done becomes events to come.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap},
    time::Instant,
};

use muttr_core::{
    custody::{Command, Event},
    machine::{Batch, Frame, Input, Link, Machine, Output, Scan, Ticket},
    name::{RecordKey, SeedId},
    time::Time,
};

use super::{
    chance::Chance,
    custodian::{Custodian, Who},
    growth::{Hops, Places},
    outcome::Outcome,
    plan::{Plan, Scene},
    records::Records,
    tally::Tally,
    visits::Visit,
};
use crate::simulator::WALL_START_MS;

/// Where every monotonic clock begins.
const MONO_START_MS: u64 = 1_000;
/// Until a write survives a power cut, or a read is done, and what may be added to it.
const DISK_MS: (u64, u64) = (2, 4);
/// Ticks in a row after which a machine's deadline may still be in the past.
const OVERDUE_MAX: u32 = 256;
/// Outputs a machine may have ready at once; more is a violation.
const OUTPUTS_MAX: usize = 20_000;

/// How long this thread has been at work, where the system tells.
fn worked_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// What is to happen.
#[derive(Debug)]
pub(super) enum What {
    Give(Who, u32, Box<Input<Command>>),
    Wake(Who, u32, u64),
    Keep(Who, u32, Box<(Ticket, Batch)>),
    Recall(Who, u32, Box<(Ticket, Scan)>),
    Frame {
        to: Who,
        from: Who,
        wire: u64,
        frame: Frame,
    },
    Dialled {
        dialler: Who,
        life: u32,
        target: Option<Who>,
        good: bool,
    },
    Broken {
        at: Who,
        other: Who,
        /// Whom the link was to; somebody else may be in their place by now.
        seed: SeedId,
        wire: u64,
    },
    /// A shell links to its home pod.
    Knock(Who, u32),
    Come(Who),
    Go(Who, u32),
    Wipe(Who),
    Write,
    Place(Who, u32, u32),
    Hand {
        author: Who,
        number: u32,
        pod: Who,
    },
    Visit,
    Look(Who, u32, usize),
    Census,
    Scene(Scene),
    Heal,
}

#[derive(Debug)]
struct Due {
    at_ms: u64,
    order: u64,
    what: What,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

/// What a number that was given to a machine stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    Store { author: Who, number: u32 },
    Fetch { visitor: Who, look: usize },
    Sought { number: u32 },
    Replica { author: Who, number: u32, pod: Who },
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) integer: u64,
    pub(super) now_ms: u64,
    /// What the clocks say at the beginning, in milliseconds since 1970.
    pub(super) wall_start_ms: u64,
    pub(super) chance: Chance,
    due: BinaryHeap<Reverse<Due>>,
    due_next: u64,
    pub(super) custodians: Vec<Custodian>,
    index: HashMap<SeedId, Who>,
    pub(super) wires: u64,
    pub(super) records: Records,
    pub(super) visits: BTreeMap<Who, Visit>,
    pub(super) jobs: HashMap<u64, Job>,
    pub(super) jobs_begun: u64,
    pub(super) apart: bool,
    /// No NAT is in anyone's way, and nobody has to be introduced.
    pub(super) open: bool,
    /// The hops of every record's questions are looked at.
    pub(super) hops: Option<Hops>,
    /// The attacker's ids, by position.
    pub(super) sybils: Option<Places>,
    pub(super) tally: Tally,
    outputs: Vec<Output<Event>>,
    objection: Option<String>,
}

impl World {
    /// An empty world.
    pub(super) fn new(plan: Plan, integer: u64) -> Self {
        Self {
            plan,
            integer,
            now_ms: 0,
            wall_start_ms: WALL_START_MS,
            chance: Chance::new(integer, plan.name),
            due: BinaryHeap::new(),
            due_next: 0,
            custodians: Vec::new(),
            index: HashMap::new(),
            wires: 0,
            records: Records::default(),
            visits: BTreeMap::new(),
            jobs: HashMap::new(),
            jobs_begun: 0,
            apart: false,
            open: false,
            hops: None,
            sybils: None,
            tally: Tally::default(),
            outputs: Vec::new(),
            objection: None,
        }
    }

    /// Plays everything until the plan's end.
    ///
    /// # Errors
    /// What must not happen, and did.
    pub(super) fn play(mut self) -> Result<Outcome, String> {
        let end_ms = self.plan.end_ms;
        let (since, before_ns) = (Instant::now(), worked_ns());
        self.run_until(end_ms)?;
        if let (Some(before_ns), Some(after_ns)) = (before_ns, worked_ns()) {
            // Others use these cores, too: the time that they took is not ours.
            let share = (after_ns - before_ns) as f64 / since.elapsed().as_nanos() as f64;
            self.tally.core_ns = (self.tally.core_ns as f64 * share) as u64;
        }
        self.close()?;
        Ok(Outcome::new(&self))
    }

    /// Lets everything happen that is due by then.
    ///
    /// # Errors
    /// What must not happen, and did.
    pub(super) fn run_until(&mut self, until_ms: u64) -> Result<(), String> {
        while self
            .due
            .peek()
            .is_some_and(|Reverse(due)| due.at_ms <= until_ms)
        {
            let Some(Reverse(due)) = self.due.pop() else {
                break;
            };
            self.now_ms = due.at_ms;
            self.happen(due.what);
            if let Some(objection) = self.objection.take() {
                return Err(format!("at {} ms: {objection}", self.now_ms));
            }
        }
        self.now_ms = self.now_ms.max(until_ms);
        Ok(())
    }

    /// Frames that were sent and have not come yet.
    pub(super) fn frames_on_their_way(&self) -> u64 {
        let frames = self.due.iter();
        frames
            .filter(|Reverse(due)| matches!(due.what, What::Frame { .. }))
            .count() as u64
    }

    pub(super) fn later(&mut self, delay_ms: u64, what: What) {
        self.due_next += 1;
        let due = Due {
            at_ms: self.now_ms.saturating_add(delay_ms),
            order: self.due_next,
            what,
        };
        self.due.push(Reverse(due));
    }

    pub(super) fn give_later(&mut self, delay_ms: u64, who: Who, input: Input<Command>) {
        let life = self.at(who).life;
        self.later(delay_ms, What::Give(who, life, Box::new(input)));
    }

    pub(super) fn object(&mut self, what: String) {
        self.objection.get_or_insert(what);
    }

    pub(super) fn at(&self, who: Who) -> &Custodian {
        &self.custodians[who as usize]
    }

    pub(super) fn at_mut(&mut self, who: Who) -> &mut Custodian {
        &mut self.custodians[who as usize]
    }

    pub(super) fn who(&self, seed: &SeedId) -> Option<Who> {
        self.index.get(seed).copied()
    }

    /// Adds somebody.
    pub(super) fn add(&mut self, custodian: Custodian) -> Who {
        let who = self.custodians.len() as Who;
        self.index.insert(custodian.seed, who);
        self.custodians.push(custodian);
        who
    }

    /// Puts somebody else in the place of one who is gone for ever.
    pub(super) fn replace(&mut self, who: Who, mut custodian: Custodian) {
        self.forget(who);
        self.index.insert(custodian.seed, who);
        custodian.life = self.at(who).life + 1;
        *self.at_mut(who) = custodian;
    }

    /// Nobody finds this one any more.
    pub(super) fn forget(&mut self, who: Who) {
        let seed = self.at(who).seed;
        self.index.remove(&seed);
    }

    pub(super) const fn time(&self) -> Time {
        Time {
            mono_ms: self.now_ms + MONO_START_MS,
            wall_ms: self.wall_start_ms + self.now_ms,
        }
    }

    fn lives(&self, who: Who, life: u32) -> bool {
        let custodian = self.at(who);
        custodian.life == life && custodian.runs()
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Give(who, life, input) if self.lives(who, life) => self.give(who, *input),
            What::Wake(who, life, at_ms) if self.lives(who, life) => self.wake(who, at_ms),
            What::Keep(who, life, task) if self.lives(who, life) => {
                let (ticket, batch) = *task;
                self.kept(who, ticket, batch);
            }
            What::Recall(who, life, task) if self.lives(who, life) => {
                let (ticket, scan) = *task;
                let rows = self.at(who).shelf.recall(&scan, &self.records);
                self.give(who, Input::Recalled(ticket, Some(rows)));
            }
            What::Frame {
                to,
                from,
                wire,
                frame,
            } => self.deliver(to, from, wire, frame),
            What::Dialled {
                dialler,
                life,
                target,
                good,
            } if self.lives(dialler, life) => self.dialled(dialler, target, good),
            What::Broken {
                at,
                other,
                seed,
                wire,
            } => self.broken(at, other, seed, wire),
            What::Knock(who, life) if self.lives(who, life) => self.knock(who),
            What::Come(who) => self.come(who),
            What::Go(who, life) if self.lives(who, life) => self.go(who),
            What::Wipe(who) => self.wipe(who),
            What::Write => self.write(),
            What::Place(who, life, number) if self.lives(who, life) => self.place(who, number),
            What::Hand {
                author,
                number,
                pod,
            } => self.hand(author, number, pod),
            What::Visit => self.visit(),
            What::Look(who, life, look) if self.lives(who, life) => self.look(who, look),
            What::Census => self.census(),
            What::Scene(scene) => self.scene(scene),
            What::Heal => self.apart = false,
            _ => {}
        }
    }

    /// Hands one input to a machine, and does what it wants done.
    pub(super) fn give(&mut self, who: Who, input: Input<Command>) {
        let now = self.time();
        let mut outputs = std::mem::take(&mut self.outputs);
        let Some(machine) = self.custodians[who as usize].machine.as_mut() else {
            return;
        };
        let started = Instant::now();
        machine.handle(now, input);
        while let Some(output) = machine.poll() {
            outputs.push(output);
        }
        let deadline_ms = machine.deadline();
        self.tally.core_ns += started.elapsed().as_nanos() as u64;
        self.tally.inputs += 1;
        if outputs.len() > OUTPUTS_MAX {
            self.object(format!("{} outputs at once", outputs.len()));
        }
        for output in outputs.drain(..) {
            self.act(who, output);
        }
        self.outputs = outputs;
        self.arm(who, deadline_ms);
    }

    fn act(&mut self, who: Who, output: Output<Event>) {
        let life = self.at(who).life;
        let disk_ms = DISK_MS.0 + self.chance.roll(DISK_MS.1);
        match output {
            Output::Link(seed, _) => self.dial(who, seed),
            Output::Unlink(Link::Seed(seed)) => self.unlink(who, seed),
            Output::Send(Link::Seed(seed), frame) => self.send(who, seed, frame),
            Output::Keep(ticket, batch) => {
                self.later(disk_ms, What::Keep(who, life, Box::new((ticket, batch))));
            }
            Output::Recall(ticket, scan) => {
                self.later(disk_ms, What::Recall(who, life, Box::new((ticket, scan))));
            }
            Output::Event(event) => self.told(who, event),
            Output::Unlink(Link::Channel(_)) | Output::Send(Link::Channel(_), _) => {
                self.object("custody turned to a channel".to_owned());
            }
        }
    }

    /// Sets the alarm clock by the machine's deadline; one that rings too early does no harm.
    fn arm(&mut self, who: Who, deadline_ms: Option<u64>) {
        let Some(deadline_ms) = deadline_ms else {
            return;
        };
        let wake_ms = deadline_ms
            .saturating_sub(MONO_START_MS)
            .max(self.now_ms + 1);
        let custodian = self.at_mut(who);
        if custodian
            .wake_ms
            .is_some_and(|armed_ms| armed_ms <= wake_ms)
        {
            return;
        }
        custodian.wake_ms = Some(wake_ms);
        let life = custodian.life;
        self.later(wake_ms - self.now_ms, What::Wake(who, life, wake_ms));
    }

    fn wake(&mut self, who: Who, at_ms: u64) {
        let mono_ms = self.time().mono_ms;
        let custodian = self.at_mut(who);
        if custodian.wake_ms != Some(at_ms) {
            return;
        }
        custodian.wake_ms = None;
        let deadline_ms = custodian
            .machine
            .as_ref()
            .and_then(|machine| machine.deadline());
        if deadline_ms.is_none_or(|deadline_ms| deadline_ms > mono_ms) {
            return self.arm(who, deadline_ms);
        }
        self.give(who, Input::Tick);
        let now_ms = self.now_ms;
        let custodian = self.at_mut(who);
        let is_overdue = custodian.wake_ms == Some(now_ms + 1);
        custodian.overdue = if is_overdue { custodian.overdue + 1 } else { 0 };
        if custodian.overdue > OVERDUE_MAX {
            self.object(format!("participant {who} never gets past its deadline"));
        }
    }

    fn kept(&mut self, who: Who, ticket: Ticket, batch: Batch) {
        let custodian = &mut self.custodians[who as usize];
        let (kept, changes) = custodian.shelf.keep(batch, &self.records);
        if custodian.is_pod() {
            return self.give(who, Input::Kept(ticket, kept));
        }
        for number in changes.came {
            let age_ms = self.now_ms - self.records.at(number).stored_ms;
            self.tally.age(age_ms).moved += 1;
            let sheet = self.records.at_mut(number);
            sheet.copies += 1;
            sheet.online += 1;
        }
        let wall_ms = self.time().wall_ms;
        for number in changes.went {
            let sheet = self.records.at_mut(number);
            sheet.copies -= 1;
            sheet.online -= 1;
            if sheet.promised.contains(&who) && sheet.expires_ms > wall_ms {
                self.object(format!("{who} gave up a record that it had promised"));
            }
        }
        self.give(who, Input::Kept(ticket, kept));
    }

    /// Whether somebody has what they promised to keep.
    pub(super) fn check_promise(&mut self, holder: Option<Who>, key: &RecordKey) {
        let has = |who: Who| self.at(who).shelf.has(&key.0);
        // Nobody may be there any more: then the promise was kept as long as they were.
        if holder.is_some_and(|who| !has(who)) {
            self.object(format!("a receipt for {key:?}, which is not on that disk"));
        }
    }
}
