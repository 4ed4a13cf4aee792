//! What others are told who ask the way.

use alloc::vec::Vec;

use super::{
    Contact, Routing,
    bucket::Entry,
    wire::{self, Kind, Message},
};
use crate::{
    limit,
    machine::Address,
    name::{Position, SeedId},
    time::Time,
};

impl Routing {
    /// Answers a question of the routing protocol; `None` when it gets no answer.
    pub(crate) fn answer_ask(&mut self, now: Time, from: SeedId, bytes: &[u8]) -> Option<Vec<u8>> {
        let Ok(question) = Message::decode(bytes) else {
            self.blame(now, from);
            return None;
        };
        self.touch(now, from);
        let mut answer = Message {
            kind: question.kind,
            ..Message::default()
        };
        match Kind::try_from(question.kind) {
            Ok(Kind::FindNode | Kind::GetValue | Kind::GetProviders) => {
                for (contact, linked) in self.worth_naming(&from, &question.key) {
                    answer.push(&contact, linked);
                }
                if question.kind != i32::from(Kind::FindNode) {
                    answer.key = question.key;
                }
            }
            Ok(Kind::Ping) => {}
            Ok(Kind::PutValue | Kind::AddProvider) | Err(_) => return None,
        }
        let answer = answer.encode();
        (answer.len() <= limit::ROUTING_BYTES_MAX).then_some(answer)
    }

    /// Whom to name to somebody who looks for the position of `key`, closest first: those who are
    /// linked, and are there. Beside them a pod names whom it has not reason to doubt, since it
    /// is asked by those who can dial it without being introduced.
    fn worth_naming(&self, from: &SeedId, key: &[u8]) -> Vec<(Contact, bool)> {
        let target = Position::of(key);
        let linked = self.links.routers();
        let linked = linked.map(|(seed, position, traits)| {
            let addresses = &traits.addresses;
            (position.distance(&target), *seed, addresses, true)
        });
        let doubtless = |entry: &&Entry| self.direct && !entry.linked && !entry.is_doubtful();
        let others = self.table.iter().filter(doubtless).map(|entry| {
            let Contact { seed, addresses } = &entry.contact;
            (entry.position.distance(&target), *seed, addresses, false)
        });
        let mut all: Vec<_> = linked.chain(others).filter(|it| it.1 != *from).collect();
        if all.len() > limit::BUCKET_SEEDS_MAX {
            all.select_nth_unstable_by_key(limit::BUCKET_SEEDS_MAX, |it| it.0);
            all.truncate(limit::BUCKET_SEEDS_MAX);
        }
        all.sort_unstable_by_key(|it| it.0);
        let contact = |(_, seed, addresses, linked): (_, SeedId, &Vec<Address>, bool)| {
            let addresses = wire::bounded(addresses);
            (Contact { seed, addresses }, linked)
        };
        all.into_iter().map(contact).collect()
    }
}
