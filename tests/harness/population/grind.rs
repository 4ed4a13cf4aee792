//! An attacker with very many ids who wants records to be gone. A record key cannot be known before
//! its record exists, so they come afterwards, with ids that are closer to it than any holder. They
//! link these to the seeds around it and to the pods, name each other to whoever asks the way, and
//! have nothing: half of them say so, half keep silent. One pod of three is theirs as well. The others forward, and keep nothing here: what
//! is measured is what seeds keep.

use muttr_core::{
    custody::{Command, Contact},
    limit::{BUCKET_SEEDS_MAX, MINUTE_MS},
    machine::{Frame, Input, Protocol},
    name::Position,
    rejection::Rejection,
    routing::wire::{Kind, Message},
    wire::{self, store::StoreAnswer},
};

use super::{
    custodian::{Custodian, Role, Who},
    growth::{Places, seek_all, standing, store_all},
    world::World,
};

/// How large the network and the attack are.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Honest seeds.
    pub seeds: u32,
    /// Records that the attacker wants to be gone.
    pub targets: u32,
    /// The attacker's ids.
    pub sybils: u32,
}

/// What is reported on.
pub const WHOLE: Size = Size {
    seeds: 1_000,
    targets: 1_000,
    sybils: 100_000,
};
/// Honest seeds closest to each target that the attacker links to.
pub const SURROUNDED: usize = 30;
/// With so many ids each, those closest to the target. In all it is as many as the connections of a
/// tab allow, and at each pod 60 from each of 50 networks of 256 addresses.
pub const SYBILS_EACH: usize = 3;
/// Of so many that are closest to what it is asked for, any of the attacker's ids names some: others
/// each time, so that whoever goes on asking is told of ever more.
pub const NAMED: usize = 200;
/// Pods, the last of which is the attacker's.
pub const PODS: u32 = 3;
/// The attacker links to the seeds around one target after another, at this distance.
const NEXT_TARGET_MS: u64 = 10;
/// And then waits until everyone has looked around.
const SETTLE_MS: u64 = 2 * MINUTE_MS;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Grind {
    /// The attacker's ids.
    pub sybils: u32,
    /// Whether seeds and pods doubt those who say that there is nothing.
    pub doubts: bool,
    /// How many of the targets are found all the same, of a hundred, each looked for once.
    pub retrieved_percent: f64,
    /// Frames of all kinds for each fetch.
    pub frames_per_fetch: f64,
    /// Links to other seeds that each opened.
    pub dials_per_fetch: f64,
}

/// Stores records, lets the attacker come, and looks for the records.
///
/// # Errors
/// What must not happen, and did.
pub fn grind(integer: u64, size: Size, doubts: bool) -> Result<Grind, String> {
    let (mut world, honest) = standing(integer, size.seeds, None, doubts)?;
    let pods = world.add_pods(doubts);
    store_all(&mut world, size.targets)?;
    surround(&mut world, &honest, &pods, size.sybils)?;
    let settled_ms = world.now_ms + SETTLE_MS;
    world.run_until(settled_ms)?;
    let (frames, dials) = (world.tally.frames.sent, world.tally.dials.all());
    seek_all(&mut world, size.targets)?;
    let each = |count: u64| count as f64 / f64::from(size.targets);
    Ok(Grind {
        sybils: size.sybils,
        doubts,
        retrieved_percent: each(world.tally.fetch_ms.len() as u64) * 100.0,
        frames_per_fetch: each(world.tally.frames.sent - frames),
        dials_per_fetch: each(world.tally.dials.all() - dials),
    })
}

fn surround(world: &mut World, honest: &Places, pods: &[Who], sybils: u32) -> Result<(), String> {
    for _ in 0..sybils {
        let sybil = Custodian::new(world.chance.bytes(), Role::Sybil, true);
        world.add(sybil);
    }
    // Their pod claims no storage, and is none of the ids that they name.
    let all = Places::of(world, |it| it.role == Role::Sybil && it.keeps);
    let targets = world.records.all().iter();
    let targets: Vec<_> = targets.map(|it| Position::of(&it.key.0)).collect();
    for target in targets {
        let around = honest.closest(&target, SURROUNDED);
        for sybil in all.closest(&target, SYBILS_EACH) {
            for other in around.iter().chain(pods) {
                world.link(sybil, *other);
            }
        }
        let next_ms = world.now_ms + NEXT_TARGET_MS;
        world.run_until(next_ms)?;
    }
    world.sybils = Some(all);
    Ok(())
}

impl World {
    /// Everyone has one of the pods for a home; the honest ones.
    fn add_pods(&mut self, doubts: bool) -> Vec<Who> {
        let seeds = self.custodians.len() as Who;
        let mut pods = Vec::new();
        for number in 1..=PODS {
            let secret = self.chance.bytes();
            if number == PODS {
                pods.push(self.add(Custodian::new(secret, Role::Sybil, false)));
                break;
            }
            let mut pod = Custodian::new(secret, Role::Pod, true);
            pod.full = true;
            pod.doubts = doubts;
            let pod = self.add(pod);
            pods.push(pod);
            let (now_ms, random) = (self.now_ms, self.chance.bytes());
            self.at_mut(pod).start(now_ms, random);
            self.give(pod, Input::Command(Command::Start));
        }
        let contacts = pods.iter().map(|pod| self.contact(*pod));
        let contacts: Vec<Contact> = contacts.collect();
        for seed in 0..seeds {
            let mut elsewhere = contacts.clone();
            let home = elsewhere.remove((seed % PODS) as usize);
            self.link(seed, pods[(seed % PODS) as usize]);
            self.give(seed, Input::Command(Command::Pod(home.seed)));
            self.give(seed, Input::Command(Command::Elsewhere(elsewhere)));
            self.give(seed, Input::Command(Command::Join(vec![home])));
        }
        pods.pop();
        pods
    }

    /// The attacker answers for one of their ids.
    pub(super) fn deceive(&mut self, who: Who, asker: Who, frame: &Frame) {
        let Frame::Ask(number, protocol, bytes) = frame else {
            return;
        };
        let answer = match protocol {
            Protocol::Routing => self.misdirect(bytes),
            // Half of them say nothing at all.
            Protocol::Store if who % 2 == 1 => return,
            Protocol::Store => wire::encode(&StoreAnswer::Rejected(Rejection::NoRecord)),
        };
        let seed = self.at(asker).seed;
        self.send(who, seed, Frame::Answer(*number, answer));
    }

    /// Names nobody but their own.
    fn misdirect(&mut self, question: &[u8]) -> Vec<u8> {
        let question = Message::decode(question).unwrap_or_default();
        let mut answer = Message {
            kind: Kind::FindNode.into(),
            ..Message::default()
        };
        let target = Position::of(&question.key);
        let all = self.sybils.iter();
        let mut closest: Vec<Who> = all.flat_map(|all| all.closest(&target, NAMED)).collect();
        for _ in 0..BUCKET_SEEDS_MAX.min(closest.len()) {
            let one = self.chance.roll(closest.len() as u64) as usize;
            let contact = self.contact(closest.swap_remove(one));
            answer.push(&contact, true);
        }
        answer.encode()
    }
}
