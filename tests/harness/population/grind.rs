//! An attacker with very many ids who wants records to be gone. A record key cannot be known before
//! its record exists, so they come afterwards, with ids that are closer to it than any holder: they
//! name each other to whoever asks the way, and have nothing.

use muttr_core::{
    limit::BUCKET_SEEDS_MAX,
    machine::{Frame, Protocol},
    name::Position,
    rejection::Rejection,
    routing::{
        Contact,
        wire::{Kind, Message},
    },
    wire::{self, store::StoreAnswer},
};

use super::{
    custodian::{Custodian, Role, Who, address},
    growth::{Places, seek_all, standing, store_all},
    world::World,
};

/// Honest seeds.
pub const SEEDS: u32 = 1_000;
/// Records that the attacker wants to be gone.
pub const TARGETS: u32 = 1_000;
/// The attacker's ids.
pub const SYBILS: u32 = 100_000;
/// Honest seeds closest to each target that the attacker links to.
pub const SURROUNDED: usize = 30;
/// With so many ids each, those closest to the target.
pub const SYBILS_EACH: usize = 3;

/// How many of the targets are found all the same, of a hundred; before and after they came.
///
/// # Errors
/// What must not happen, and did.
pub fn grind(integer: u64, sybils: u32) -> Result<f64, String> {
    let (mut world, honest) = standing(integer, SEEDS, None)?;
    store_all(&mut world, TARGETS)?;
    surround(&mut world, &honest, sybils);
    seek_all(&mut world, TARGETS)?;
    Ok(world.tally.fetch_ms.len() as f64 * 100.0 / f64::from(TARGETS))
}

fn surround(world: &mut World, honest: &Places, sybils: u32) {
    for _ in 0..sybils {
        let sybil = Custodian::new(world.chance.bytes(), Role::Sybil, true);
        world.add(sybil);
    }
    let all = Places::of(world, |it| it.role == Role::Sybil);
    let targets = world.records.all().iter();
    let targets: Vec<_> = targets.map(|it| Position::of(&it.key.0)).collect();
    for target in targets {
        let closest = all.closest(&target, SYBILS_EACH);
        for seed in honest.closest(&target, SURROUNDED) {
            for sybil in &closest {
                world.link(*sybil, seed);
            }
        }
    }
    world.sybils = Some(all);
}

impl World {
    /// The attacker answers for one of their ids.
    pub(super) fn deceive(&mut self, who: Who, asker: Who, frame: &Frame) {
        let Frame::Ask(number, protocol, bytes) = frame else {
            return;
        };
        let answer = match protocol {
            Protocol::Routing => self.misdirect(bytes),
            Protocol::Store => wire::encode(&StoreAnswer::Rejected(Rejection::NoRecord)),
        };
        let seed = self.at(asker).seed;
        self.send(who, seed, Frame::Answer(*number, answer));
    }

    /// Names nobody but their own.
    fn misdirect(&self, question: &[u8]) -> Vec<u8> {
        let question = Message::decode(question).unwrap_or_default();
        let mut answer = Message {
            kind: Kind::FindNode.into(),
            ..Message::default()
        };
        let target = Position::of(&question.key);
        let closest = self
            .sybils
            .iter()
            .flat_map(|all| all.closest(&target, BUCKET_SEEDS_MAX));
        for sybil in closest {
            let contact = Contact {
                seed: self.at(sybil).seed,
                addresses: vec![address(sybil)],
            };
            answer.push(&contact, true);
        }
        answer.encode()
    }
}
