//! Visitors: they come at any time, stay a while, and look for records whose keys they know.

use muttr_core::{
    custody::Command, envelope::record::Record, limit, machine::Input, rejection::Rejection,
};

use super::{
    custodian::{Role, Who},
    world::{Job, What, World},
};

/// A visitor looks for the first record after this, and for the next ones at this distance.
const FIRST_LOOK_MS: u64 = 5_000;
/// See [`FIRST_LOOK_MS`].
const NEXT_LOOK_MS: u64 = 2_000;

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    number: u32,
    age_ms: u64,
    since_ms: u64,
    failures: u32,
    found: bool,
}

/// What somebody who is here for a while has looked for.
#[derive(Debug, Default)]
pub(super) struct Visit {
    looks: Vec<Look>,
}

impl World {
    /// Somebody comes to look for records.
    pub(super) fn visit(&mut self) {
        let plan = self.plan;
        if self.now_ms + plan.visit_ms > plan.end_ms {
            return;
        }
        self.later(plan.visit_every_ms, What::Visit);
        let mut visitor = self.somebody();
        visitor.keeps = false;
        visitor.vice = None;
        let who = self.add(visitor);
        self.visits.insert(who, Visit::default());
        self.come(who);
        let life = self.at(who).life;
        for look in 0..plan.looks_per_visit {
            let at_ms = FIRST_LOOK_MS + NEXT_LOOK_MS * u64::from(look);
            self.later(at_ms, What::Look(who, life, look as usize));
        }
        self.later(plan.visit_ms, What::Go(who, life));
    }

    /// A record that somebody of this pod may look for.
    fn something(&mut self, home: Who) -> Option<u32> {
        let records = u64::from(self.records.len());
        for _ in 0..64 {
            if records == 0 {
                break;
            }
            let number = self.chance.roll(records) as u32;
            let sheet = self.records.at(number);
            let is_old = self.now_ms - sheet.stored_ms >= self.plan.look_age_min_ms;
            let is_stored = !self.plan.seeds_keep || !sheet.promised.is_empty();
            let is_there = is_stored && sheet.expires_ms > self.time().wall_ms;
            if is_old && is_there && (!self.plan.pods_keep || sheet.pods.1 == home) {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn look(&mut self, who: Who, index: usize) {
        let Role::Tab { home, .. } = self.at(who).role else {
            return;
        };
        let begun = self.visits.get(&who).map_or(0, |visit| visit.looks.len());
        if index >= begun {
            let Some(number) = self.something(home) else {
                return;
            };
            let look = Look {
                number,
                age_ms: self.now_ms - self.records.at(number).stored_ms,
                since_ms: self.now_ms,
                ..Look::default()
            };
            if let Some(visit) = self.visits.get_mut(&who) {
                visit.looks.push(look);
            }
        }
        // Looks that found nothing to look for leave no gap.
        let index = index.min(begun);
        let Some(look) = self
            .visits
            .get(&who)
            .and_then(|visit| visit.looks.get(index))
        else {
            return;
        };
        let key = self.records.at(look.number).key;
        let id = self.job(Job::Fetch {
            visitor: who,
            look: index,
        });
        self.at_mut(who).fetches += 1;
        self.give(who, Input::Command(Command::Fetch { id, key }));
    }

    pub(super) fn fetched(&mut self, who: Who, id: u64, result: Result<Record, Rejection>) {
        let Some(Job::Fetch { visitor, look }) = self.jobs.remove(&id) else {
            return;
        };
        if visitor != who {
            return self.object(format!("{who} was told of {visitor}'s fetch"));
        }
        let (now_ms, life) = (self.now_ms, self.at(who).life);
        let fetches = &mut self.at_mut(who).fetches;
        *fetches = fetches.saturating_sub(1);
        let visit = self.visits.get_mut(&who);
        let Some(seen) = visit.and_then(|visit| visit.looks.get_mut(look)) else {
            return;
        };
        match result {
            Ok(record) => {
                seen.found = true;
                let (number, took_ms) = (seen.number, now_ms - seen.since_ms);
                self.tally.fetch_ms.push(took_ms as u32);
                if record.key() != self.records.at(number).key {
                    self.object(format!("{who} asked for record {number} and got another"));
                }
            }
            Err(_) => {
                let (first_ms, longest_ms) = limit::FETCH_RETRY_MS;
                let pause_ms = (first_ms << seen.failures.min(16)).min(longest_ms);
                seen.failures += 1;
                self.later(pause_ms, What::Look(who, life, look));
            }
        }
    }

    /// A visitor leaves and never comes back.
    pub(super) fn end_visit(&mut self, who: Who) {
        let visit = self.visits.remove(&who).unwrap_or_default();
        for look in visit.looks {
            let age = self.tally.age(look.age_ms);
            age.looks += 1;
            age.found += u64::from(look.found);
        }
        self.forget(who);
    }
}
