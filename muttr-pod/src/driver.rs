//! The one loop that drives a machine, a pod's or a seed's: sockets, swarm, disk and clock in,
//! effects out.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant, SystemTime},
};

use futures::StreamExt as _;
use libp2p::swarm::{NetworkBehaviour, Swarm, SwarmEvent};
use muttr_core::{
    machine::{Frame, Input, Link, Machine, Output, Ticket},
    time::Time,
};
use muttr_net::{HasNet, NetEvent, Translator};
use tokio::sync::{mpsc, watch};

use crate::store::{Done, Op, report, request};

/// Storage requests under way beyond which nothing new is taken in.
const OPS_PENDING_MAX: usize = 4096;
/// How long it takes a machine without deadline to be asked again.
const IDLE: Duration = Duration::from_secs(3600);

/// What a swarm speaks, in so far as the loop has to know it.
pub(crate) trait Speaks: HasNet {
    /// The part of an event that machines are told of.
    fn net_event(event: Self::ToSwarm) -> Option<NetEvent>;
}

/// What the side of HTTP and channels tells the driver.
pub(crate) enum Happening<M: Machine> {
    /// A channel was opened; what is sent to it goes in here.
    Opened(u64, mpsc::Sender<Vec<u8>>),
    /// A message came over a channel.
    Message(u64, Vec<u8>),
    /// A channel is gone.
    Closed(u64),
    /// Somebody asks the machine something.
    Command(M::Command),
    /// Somebody wants to look at the machine.
    Look(Box<dyn FnOnce(&M) + Send>),
}

/// Tells the time of [`Time`]; its monotonic part starts with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Time {
        let wall = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Time {
            mono_ms: millis(self.0.elapsed()),
            wall_ms: millis(wall),
        }
    }

    /// When a deadline is due; one beyond all time is not.
    fn instant(self, mono_ms: u64) -> Option<Instant> {
        self.0.checked_add(Duration::from_millis(mono_ms))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Everything the loop holds in its hands.
pub(crate) struct Driver<M: Machine, F, B: NetworkBehaviour> {
    pub(crate) machine: M,
    /// What is done with the machine's events.
    pub(crate) on_event: F,
    pub(crate) clock: Clock,
    pub(crate) swarm: Swarm<B>,
    pub(crate) happenings: mpsc::Receiver<Happening<M>>,
    pub(crate) ops: mpsc::UnboundedSender<(Ticket, Op)>,
    pub(crate) done: mpsc::UnboundedReceiver<(Ticket, Done)>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// What changes while it runs.
struct State<C> {
    translator: Translator,
    channels: HashMap<u64, mpsc::Sender<Vec<u8>>>,
    ops_pending: usize,
    /// What the machine is to be told before anything else is waited for.
    inputs: VecDeque<Input<C>>,
}

enum Woken<M: Machine, E> {
    Stop,
    Swarm(Box<SwarmEvent<E>>),
    Happening(Happening<M>),
    Done(Ticket, Done),
    Tick,
}

impl<M: Machine, F: FnMut(M::Event), B: Speaks> Driver<M, F, B> {
    /// Runs until it is told to stop, beginning with these commands. What was asked of the disk by
    /// then is still written; nobody is told of it any more.
    pub(crate) async fn run(mut self, first: Vec<M::Command>) {
        let mut state = State {
            translator: Translator::new(),
            channels: HashMap::new(),
            ops_pending: 0,
            inputs: first.into_iter().map(Input::Command).collect(),
        };
        loop {
            while let Some(input) = state.inputs.pop_front() {
                self.machine.handle(self.clock.now(), input);
                while let Some(output) = self.machine.poll() {
                    self.carry_out(&mut state, output);
                }
            }
            let woken = self.wait(&state).await;
            match woken {
                Woken::Stop => return,
                Woken::Tick => state.inputs.push_back(Input::Tick),
                Woken::Swarm(event) => self.on_swarm(&mut state, *event),
                Woken::Happening(happening) => self.on_happening(&mut state, happening),
                Woken::Done(ticket, done) => {
                    state.ops_pending = state.ops_pending.saturating_sub(1);
                    state.inputs.push_back(report(ticket, done));
                }
            }
        }
    }

    async fn wait(&mut self, state: &State<M::Command>) -> Woken<M, B::ToSwarm> {
        let deadline = self
            .machine
            .deadline()
            .and_then(|mono_ms| self.clock.instant(mono_ms));
        let deadline = deadline.unwrap_or_else(|| Instant::now() + IDLE);
        // A disk that is behind holds up those who ask for more of it, and nothing else.
        let open = state.ops_pending < OPS_PENDING_MAX;
        tokio::select! {
            _ = self.stop.wait_for(|stop| *stop) => Woken::Stop,
            Some((ticket, done)) = self.done.recv() => Woken::Done(ticket, done),
            () = tokio::time::sleep_until(deadline.into()) => Woken::Tick,
            event = self.swarm.select_next_some(), if open => Woken::Swarm(event.into()),
            Some(happening) = self.happenings.recv(), if open => Woken::Happening(happening),
        }
    }

    fn on_swarm(&mut self, state: &mut State<M::Command>, event: SwarmEvent<B::ToSwarm>) {
        let input = match event {
            SwarmEvent::Behaviour(event) => B::net_event(event)
                .and_then(|event| state.translator.on_net(&mut self.swarm, event)),
            other => state.translator.on_swarm(&other),
        };
        state.inputs.extend(input);
    }

    fn on_happening(&self, state: &mut State<M::Command>, happening: Happening<M>) {
        let input = match happening {
            Happening::Opened(number, sender) => {
                state.channels.insert(number, sender);
                Input::Linked(Link::Channel(number), Default::default())
            }
            // From a channel that was given up a moment ago, nothing more is taken in.
            Happening::Message(number, _) if !state.channels.contains_key(&number) => return,
            Happening::Message(number, bytes) => {
                Input::Frame(Link::Channel(number), Frame::Channel(bytes))
            }
            Happening::Closed(number) => match state.channels.remove(&number) {
                Some(_) => Input::Unlinked(Link::Channel(number)),
                None => return,
            },
            Happening::Command(command) => Input::Command(command),
            Happening::Look(look) => return look(&self.machine),
        };
        state.inputs.push_back(input);
    }

    fn carry_out(&mut self, state: &mut State<M::Command>, output: Output<M::Event>) {
        let output = match request(output) {
            Ok((ticket, op)) => {
                state.ops_pending += 1;
                // Fails only when the disk's task is gone, and then `done` never comes.
                let _ = self.ops.send((ticket, op));
                return;
            }
            Err(output) => output,
        };
        let input = match output {
            Output::Link(seed, addresses) => {
                state.translator.link(&mut self.swarm, seed, addresses)
            }
            Output::Unlink(Link::Seed(seed)) => {
                Translator::unlink(&mut self.swarm, seed);
                None
            }
            Output::Send(Link::Seed(seed), frame) => {
                state.translator.send(&mut self.swarm, seed, frame)
            }
            Output::Send(Link::Channel(number), Frame::Channel(bytes)) => {
                state.send_to_channel(number, bytes)
            }
            Output::Unlink(Link::Channel(number)) => {
                // What is queued is still sent; then the socket's task closes it.
                state.channels.remove(&number);
                None
            }
            Output::Event(event) => {
                (self.on_event)(event);
                None
            }
            Output::Send(Link::Channel(_), _) | Output::Keep(..) | Output::Recall(..) => None,
        };
        state.inputs.extend(input);
    }
}

impl<C> State<C> {
    /// A channel that does not keep up is closed: its person loses nothing, the next session
    /// plays back what was not acknowledged.
    fn send_to_channel(&mut self, number: u64, bytes: Vec<u8>) -> Option<Input<C>> {
        let sent = self.channels.get(&number)?.try_send(bytes);
        if sent.is_ok() {
            return None;
        }
        tracing::debug!(number, "a channel does not keep up and is closed");
        self.channels.remove(&number);
        Some(Input::Unlinked(Link::Channel(number)))
    }
}
