//! What must never happen among seeds and pods: a promise that the promiser's disk does not
//! cover, a message that is announced twice, a word of a message in a log.

use std::collections::{BTreeMap, BTreeSet};

use muttr_core::{
    limit,
    machine::{Frame, Link, Output, Table},
    name::{MessageId, RecordKey},
    seed::{Event, Status},
    wire::{
        self,
        store::{Receipt, StoreAnswer},
    },
};

use crate::{
    oracle::Oracle,
    part::{Part, Told},
    simulator::{Manner, Role, Who, World},
};

/// Questions that may be on their way in the whole world, for each participant.
const QUESTIONS_MAX: usize = 512;

/// Looks on while people write.
#[derive(Debug, Default)]
pub struct Promises {
    announced: BTreeSet<(Who, MessageId)>,
    /// Messages whose author was told that the recipient's pod has the notification.
    notified: BTreeMap<MessageId, RecordKey>,
}

/// Whether a receipt that `who` gives away as its own is covered by its disk.
///
/// # Errors
/// That it is not.
pub fn has_kept<M: muttr_core::machine::Machine>(
    world: &World<M>,
    who: Who,
    receipt: &Receipt,
) -> Result<(), String> {
    let holder = world.at(who);
    if receipt.seed != holder.seed {
        return Err(format!("{} gave a receipt in another's name", holder.name));
    }
    let (disk, key) = (&holder.disk, receipt.key.as_bytes());
    match disk.row(Table::Record, key) {
        Some(_) => Ok(()),
        // What was stolen from it is not its fault.
        None if disk.was_robbed_of(Table::Record, key) => Ok(()),
        None => Err(format!(
            "{} promised {:?} and does not have it",
            holder.name, receipt.key
        )),
    }
}

/// Checks every receipt in an answer of the store protocol: whoever gives it, its own or one that
/// it passes on, the seed that signed it has the record.
///
/// # Errors
/// See [`has_kept`].
pub fn check_answer<M: muttr_core::machine::Machine>(
    world: &World<M>,
    who: Who,
    answer: &[u8],
) -> Result<(), String> {
    match wire::decode(answer, limit::STORE_BYTES_MAX) {
        Ok(StoreAnswer::Kept(receipts)) => receipts.iter().try_for_each(|receipt| {
            let mut everyone = world.everyone();
            let holder = everyone.find(|(_, at)| at.seed == receipt.seed);
            has_kept(world, holder.map_or(who, |(holder, _)| holder), receipt)
        }),
        _ => Ok(()),
    }
}

impl Promises {
    fn told(&mut self, world: &World<Part>, who: Who, event: &Event) -> Result<(), String> {
        let name = &world.at(who).name;
        match event {
            Event::Message(message) => {
                let logged = format!("{event:?}");
                let body = String::from_utf8_lossy(&message.body);
                if body.len() > 4 && logged.contains(body.as_ref()) {
                    return Err(format!("{name}'s event shows a message in a log"));
                }
                if !self.announced.insert((who, message.id)) {
                    return Err(format!("{name} is shown {:?} twice as new", message.id));
                }
                if !message.verified {
                    return Err(format!("{name} is shown a message that is not verified"));
                }
            }
            Event::Delivery(delivery) if delivery.status == Status::Notified => {
                let Some(key) = delivery.key else {
                    return Err(format!(
                        "{name}'s message is notified and has no record key"
                    ));
                };
                if self.notified.insert(delivery.id, key).is_none() {
                    return notification_is_kept(world, &key);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// At the moment that an author is told "notified", a pod has both, durably.
fn notification_is_kept(world: &World<Part>, key: &RecordKey) -> Result<(), String> {
    let pods = world.everyone().filter(|(_, at)| at.role == Role::Pod);
    for (_, pod) in pods {
        let names_it = |bytes: &[u8]| bytes.windows(32).any(|part| part == key.as_bytes());
        let mut rows = pod.disk.rows(Table::Notification);
        if rows.any(|(key, value)| names_it(key) || names_it(value)) {
            return Ok(());
        }
    }
    Err(format!(
        "{key:?} was acknowledged, and no pod has a notification of it"
    ))
}

fn is_hidden(world: &World<Part>, who: Who) -> bool {
    let hidden = Manner::Hidden;
    matches!(world.at(who).role, Role::Tab { manner, .. } if manner == hidden)
}

impl Oracle<Part> for Promises {
    fn sees(&mut self, world: &World<Part>, who: Who, output: &Output<Told>) -> Result<(), String> {
        match output {
            Output::Link(..) | Output::Unlink(Link::Seed(_)) | Output::Send(Link::Seed(_), _)
                if is_hidden(world, who) =>
            {
                let name = &world.at(who).name;
                Err(format!("{name} is hidden and turns to other seeds"))
            }
            Output::Send(_, Frame::Answer(_, bytes)) => check_answer(world, who, bytes),
            Output::Event(Told::Seed(event)) => self.told(world, who, event),
            _ => Ok(()),
        }
    }

    fn rests(&mut self, world: &World<Part>) -> Result<(), String> {
        let most = QUESTIONS_MAX * world.everyone().count();
        if world.questions() > most {
            return Err(format!("more than {most} questions are on their way"));
        }
        Ok(())
    }
}
