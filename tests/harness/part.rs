//! Seeds and pods in one world: the machines that ship, behind one type.

use muttr_core::{
    machine::{Input, Machine, Output},
    pod::{self, Pod},
    seed::{self, Seed},
    time::Time,
};

/// A machine of either kind.
#[derive(Debug)]
pub enum Part {
    /// What a tab is.
    Seed(Box<Seed>),
    /// What a host is.
    Pod(Box<Pod>),
}

/// What is asked of either.
#[derive(Debug)]
pub enum Order {
    /// Of a seed.
    Seed(seed::Command),
    /// Of a pod.
    Pod(pod::Command),
}

/// What either tells.
#[derive(Debug)]
pub enum Told {
    /// By a seed.
    Seed(seed::Event),
    /// By a pod.
    Pod(pod::Event),
}

impl Machine for Part {
    type Command = Order;
    type Event = Told;

    fn handle(&mut self, now: Time, input: Input<Order>) {
        match self {
            Self::Seed(seed) => {
                let to_seed = |order| match order {
                    Order::Seed(command) => Some(command),
                    Order::Pod(_) => None,
                };
                if let Some(input) = lower(input, to_seed) {
                    seed.handle(now, input);
                }
            }
            Self::Pod(pod) => {
                let to_pod = |order| match order {
                    Order::Pod(command) => Some(command),
                    Order::Seed(_) => None,
                };
                if let Some(input) = lower(input, to_pod) {
                    pod.handle(now, input);
                }
            }
        }
    }

    fn poll(&mut self) -> Option<Output<Told>> {
        let lift = |event| Output::Event(event);
        Some(match self {
            Self::Seed(seed) => seed
                .poll()?
                .lift()
                .unwrap_or_else(|event| lift(Told::Seed(event))),
            Self::Pod(pod) => pod
                .poll()?
                .lift()
                .unwrap_or_else(|event| lift(Told::Pod(event))),
        })
    }

    fn deadline(&self) -> Option<u64> {
        match self {
            Self::Seed(seed) => seed.deadline(),
            Self::Pod(pod) => pod.deadline(),
        }
    }
}

fn lower<A, B>(input: Input<A>, command: impl FnOnce(A) -> Option<B>) -> Option<Input<B>> {
    Some(match input {
        Input::Command(order) => Input::Command(command(order)?),
        Input::Linked(link, traits) => Input::Linked(link, traits),
        Input::Unlinked(link) => Input::Unlinked(link),
        Input::Frame(link, frame) => Input::Frame(link, frame),
        Input::Kept(ticket, kept) => Input::Kept(ticket, kept),
        Input::Recalled(ticket, rows) => Input::Recalled(ticket, rows),
        Input::Tick => Input::Tick,
    })
}
