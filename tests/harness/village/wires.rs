//! What carries the questions of one pod to another: HTTPS, with the weather of the profile.

use std::collections::BTreeMap;

use muttr_core::{
    limit,
    name::Alias,
    pod::{Call, Command, Count, Described, Event, Reply},
    rejection::Rejection,
};

use crate::{
    part::{Order, Part},
    profile::Profile,
    scenario::PodName,
    simulator::{Who, World},
};

/// All questions under way, and what pods said of themselves.
#[derive(Debug, Default)]
pub(super) struct Wires {
    described: BTreeMap<Who, Described>,
    /// Counts a pod's starts, so that what one run asked is not answered to the next.
    starts: BTreeMap<Who, u32>,
    wires: BTreeMap<u64, Wire>,
    next: u64,
    /// What pods counted.
    pub(super) counts: Vec<(Who, Count)>,
}

#[derive(Debug)]
struct Wire {
    caller: (Who, u32),
    /// A question that arrives a second time: a proxy on the way heard no answer and asked again.
    /// There is nobody to take what comes of it.
    again: bool,
    /// The caller's number.
    id: u64,
    /// Who is asked, once it was.
    asked: Option<(Who, u32)>,
    host: PodName,
    stage: Stage,
    due_ms: u64,
    given_up_ms: u64,
}

#[derive(Debug)]
enum Stage {
    Going(Call),
    Asked,
    Returning(Result<Reply, Rejection>),
    Lost,
}

impl Wires {
    /// A pod starts.
    pub(super) fn started(&mut self, who: Who) {
        *self.starts.entry(who).or_default() += 1;
        self.described.remove(&who);
    }

    /// What a pod says of itself, if it runs.
    pub(super) fn described(&self, who: Who) -> Option<&Described> {
        self.described.get(&who)
    }

    fn run(&self, who: Who) -> (Who, u32) {
        (who, self.starts.get(&who).copied().unwrap_or_default())
    }

    /// A pod told something.
    pub(super) fn told(&mut self, world: &mut World<Part>, who: Who, event: Event) {
        match event {
            Event::Described(described) => {
                self.described.insert(who, *described);
            }
            Event::Counted(count) => self.counts.push((who, count)),
            Event::Call { id, host, call } => {
                let now_ms = world.now_ms();
                let way_ms = way_ms(world);
                let lost = self.is_lost(world);
                let known = host.as_str().parse::<PodName>();
                let stage = if lost {
                    Stage::Lost
                } else {
                    Stage::Going(call)
                };
                let stage = match &known {
                    Ok(_) => stage,
                    Err(_) => Stage::Returning(Err(Rejection::NoSuchPod)),
                };
                self.next += 1;
                let wire = Wire {
                    caller: self.run(who),
                    again: false,
                    id,
                    asked: None,
                    host: known.unwrap_or(PodName::Oak),
                    stage,
                    due_ms: now_ms + way_ms,
                    given_up_ms: now_ms + limit::POD_ANSWER_MS_MAX,
                };
                self.wires.insert(self.next, wire);
            }
            Event::Answered { id, result } => {
                self.answered(world, who, id, result.map(Reply::Taken));
            }
            Event::Resolved { id, result } => {
                self.answered(world, who, id, result.map(Reply::Resolved));
            }
            Event::Ready | Event::ReadFailed | Event::RowsUnreadable(_) | Event::Closed(_) => {}
        }
    }

    /// Whether any question is under way.
    pub(super) fn are_busy(&self) -> bool {
        !self.wires.is_empty()
    }

    fn is_lost(&self, world: &mut World<Part>) -> bool {
        let Profile { lost, .. } = world.profile;
        world.chance(lost)
    }

    fn answered(
        &mut self,
        world: &mut World<Part>,
        who: Who,
        id: u64,
        result: Result<Reply, Rejection>,
    ) {
        let run = self.run(who);
        let due_ms = world.now_ms() + way_ms(world);
        let lost = self.is_lost(world);
        if let Some(wire) = self.wires.get_mut(&id)
            && wire.asked == Some(run)
        {
            let lost = lost || world.are_apart(wire.caller.0, who);
            wire.due_ms = due_ms;
            wire.stage = if lost {
                Stage::Lost
            } else {
                Stage::Returning(result)
            };
        }
    }

    /// Does what is due; `pods` are the pods that were ever started.
    pub(super) fn carry(&mut self, world: &mut World<Part>, pods: &BTreeMap<PodName, Who>) {
        let now_ms = world.now_ms();
        let numbers: Vec<u64> = self.wires.keys().copied().collect();
        for number in numbers {
            let Some(mut wire) = self.wires.remove(&number) else {
                continue;
            };
            let (caller, run) = wire.caller;
            if !world.runs(caller) || self.run(caller) != (caller, run) {
                continue;
            }
            if wire.given_up_ms <= now_ms {
                if wire.again {
                    continue;
                }
                let result = Err(Rejection::TimedOut);
                tell(
                    world,
                    caller,
                    Command::Called {
                        id: wire.id,
                        result,
                    },
                );
                continue;
            }
            if wire.due_ms > now_ms {
                self.wires.insert(number, wire);
                continue;
            }
            match std::mem::replace(&mut wire.stage, Stage::Asked) {
                Stage::Returning(_) if wire.again => continue,
                Stage::Returning(result) => {
                    tell(
                        world,
                        caller,
                        Command::Called {
                            id: wire.id,
                            result,
                        },
                    );
                    continue;
                }
                Stage::Going(call) => {
                    self.repeat(world, &wire, &call);
                    self.arrive(world, pods, number, &mut wire, call);
                }
                stage => wire.stage = stage,
            }
            self.wires.insert(number, wire);
        }
    }

    /// Lets a question that arrives do so once more, now and then.
    fn repeat(&mut self, world: &mut World<Part>, wire: &Wire, call: &Call) {
        let Profile { repeated, .. } = world.profile;
        if wire.again || !world.chance(repeated) {
            return;
        }
        let again = Wire {
            again: true,
            asked: None,
            stage: Stage::Going(call.clone()),
            due_ms: world.now_ms() + way_ms(world),
            ..*wire
        };
        self.next += 1;
        self.wires.insert(self.next, again);
    }

    /// A question arrives.
    fn arrive(
        &self,
        world: &mut World<Part>,
        pods: &BTreeMap<PodName, Who>,
        number: u64,
        wire: &mut Wire,
        call: Call,
    ) {
        let there = pods.get(&wire.host).copied();
        let Some(who) = there.filter(|who| world.runs(*who)) else {
            wire.stage = Stage::Returning(Err(Rejection::PodUnreachable));
            return;
        };
        if world.are_apart(wire.caller.0, who) {
            wire.stage = Stage::Lost;
            return;
        }
        wire.asked = Some(self.run(who));
        match call {
            Call::Describe => {
                let described = self.described(who).map(|it| it.signed.clone());
                let described = described.ok_or(Rejection::Busy).map(Reply::Described);
                wire.stage = Stage::Returning(described);
                wire.due_ms = world.now_ms() + way_ms(world);
            }
            Call::Resolve(label) => {
                let host = wire.host.word().parse().expect("a pod's name is a host");
                let alias = Alias::new(label, host);
                tell(world, who, Command::Resolve { id: number, alias });
            }
            Call::Notify(body) => tell(world, who, Command::Notified { id: number, body }),
        }
    }
}

fn tell(world: &mut World<Part>, who: Who, command: Command) {
    world.command(who, Order::Pod(command));
}

/// One way between two pods.
fn way_ms(world: &mut World<Part>) -> u64 {
    let Profile {
        latency_ms,
        jitter_ms,
        ..
    } = world.profile;
    1 + latency_ms + world.roll(jitter_ms + 1)
}
