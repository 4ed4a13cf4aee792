//! What people do, what happens to them, and what the machines tell.

use muttr_core::{
    custody::{Command, Event},
    limit,
    machine::Input,
};

use super::{
    custodian::Who,
    plan::Scene,
    world::{Job, What, World},
};

/// Somebody who has just come has to find their way first.
const SETTLED_MS: u64 = 15_000;
/// What a pod does not take now is handed to it again after this.
const HAND_AGAIN_MS: u64 = 5 * limit::MINUTE_MS;
/// A record that is not placed yet is in no census.
const PLACED_MS: u64 = 10 * limit::MINUTE_MS;

impl World {
    /// Plans everything that does not depend on what happens.
    pub(super) fn plan_messages(&mut self) {
        let plan = self.plan;
        let span_ms = plan.store_until_ms - plan.store_from_ms;
        for _ in 0..plan.messages {
            let at_ms = plan.store_from_ms + self.chance.roll(span_ms.max(1));
            self.later(at_ms, What::Write);
        }
        self.later(plan.store_from_ms, What::Visit);
        self.later(plan.store_from_ms, What::Census);
        if let Some(scene) = plan.scene {
            let (Scene::Vanish { at_ms, .. } | Scene::Partition { at_ms, .. }) = scene;
            self.later(at_ms, What::Scene(scene));
        }
    }

    pub(super) fn job(&mut self, job: Job) -> u64 {
        self.jobs_begun += 1;
        self.jobs.insert(self.jobs_begun, job);
        self.jobs_begun
    }

    /// Somebody who is online, other than a visitor.
    fn anyone(&mut self) -> Option<Who> {
        for _ in 0..10_000 {
            let people = u64::from(self.plan.people);
            let who = self.plan.pods + self.chance.roll(people) as Who;
            let custodian = self.at(who);
            if custodian.runs() && self.now_ms - custodian.since_ms >= SETTLED_MS {
                return Some(who);
            }
        }
        None
    }

    /// Somebody writes to somebody.
    pub(super) fn write(&mut self) {
        let Some(author) = self.anyone() else {
            return self.later(limit::MINUTE_MS, What::Write);
        };
        let super::custodian::Role::Tab { home, .. } = self.at(author).role else {
            return;
        };
        let readers = self.chance.roll(u64::from(self.plan.pods)) as Who;
        let (integer, now) = (self.chance.number(), (self.time(), self.now_ms));
        let number = self.records.write(integer, now, (home, readers));
        if self.plan.seeds_keep {
            self.place(author, number);
        }
        if self.plan.pods_keep {
            self.hand(author, number, home);
            if readers != home {
                self.hand(author, number, readers);
            }
        }
    }

    /// An author has a record placed.
    pub(super) fn place(&mut self, author: Who, number: u32) {
        let id = self.job(Job::Store { author, number });
        self.at_mut(author).stores += 1;
        let store = Command::Store {
            id,
            record: self.records.at(number).record(),
            stamp: None,
            copies: self.plan.copies,
        };
        self.give(author, Input::Command(store));
    }

    /// A pod is given its replica, once it and the author are both there.
    pub(super) fn hand(&mut self, author: Who, number: u32, pod: Who) {
        if !self.at(pod).runs() || !self.at(author).runs() {
            let again = What::Hand {
                author,
                number,
                pod,
            };
            return self.later(HAND_AGAIN_MS, again);
        }
        let way_ms = self.way_ms(0);
        let id = self.job(Job::Replica {
            author,
            number,
            pod,
        });
        let record = self.records.at(number).record();
        let stamp = None;
        let keep = Command::Keep { id, record, stamp };
        self.give_later(way_ms, pod, Input::Command(keep));
    }

    pub(super) fn told(&mut self, who: Who, event: Event) {
        match event {
            Event::Receipt { id, receipt } => {
                let Some(Job::Store { number, .. }) = self.jobs.get(&id).copied() else {
                    return self.object(format!("a receipt for job {id}, which is no store"));
                };
                let key = self.records.at(number).key;
                if receipt.key != key {
                    return self.object(format!("job {id} has a receipt for another record"));
                }
                let holder = self.who(&receipt.seed);
                let holder = holder.filter(|holder| !self.at(*holder).is_pod());
                self.check_promise(holder, &key);
                let promised = &mut self.records.at_mut(number).promised;
                if let Some(holder) = holder.filter(|holder| !promised.contains(holder)) {
                    promised.push(holder);
                    self.tally.receipts += 1;
                }
            }
            Event::Stored { id, .. } => self.stored(who, id),
            Event::Fetched { id, result } => match self.jobs.get(&id).copied() {
                Some(Job::Sought { number }) => self.sought(who, number, result),
                _ => self.fetched(who, id, result),
            },
            Event::Kept { id, result } => {
                if let Some(Job::Replica {
                    author,
                    number,
                    pod,
                }) = self.jobs.remove(&id)
                {
                    let key = self.records.at(number).key;
                    match result {
                        Ok(_) => self.check_promise(Some(pod), &key),
                        Err(_) => self.later(
                            HAND_AGAIN_MS,
                            What::Hand {
                                author,
                                number,
                                pod,
                            },
                        ),
                    }
                }
            }
            _ => {}
        }
    }

    /// As the outbox does it: placed again, after longer and longer pauses, when too few promised.
    fn stored(&mut self, who: Who, id: u64) {
        let Some(Job::Store { author, number }) = self.jobs.get(&id).copied() else {
            return self.object(format!("job {id} was stored, which is no store"));
        };
        if author != who {
            return self.object(format!("{who} was told of {author}'s store"));
        }
        let custodian = self.at_mut(author);
        custodian.stores = custodian.stores.saturating_sub(1);
        let life = custodian.life;
        let copies = self.plan.copies;
        let sheet = self.records.at_mut(number);
        sheet.placings += 1;
        let (promised, placings) = (sheet.promised.len(), sheet.placings);
        if promised < copies && placings < limit::PLACINGS_MAX {
            let pause_ms = limit::PLACE_AGAIN_MS << placings;
            self.later(pause_ms, What::Place(author, life, number));
        }
    }

    /// Counts all copies.
    pub(super) fn census(&mut self) {
        let (now_ms, wall_ms) = (self.now_ms, self.time().wall_ms);
        for sheet in self.records.all() {
            let age_ms = now_ms - sheet.stored_ms;
            // What nobody has promised to keep is still with its author, and said to be.
            let stored = !self.plan.seeds_keep || !sheet.promised.is_empty();
            if age_ms < PLACED_MS || sheet.expires_ms <= wall_ms || !stored {
                continue;
            }
            let age = self.tally.age(age_ms);
            age.seen += 1;
            age.dark += u64::from(sheet.online == 0);
            age.lost += u64::from(sheet.copies == 0);
            age.copies += u64::from(sheet.copies);
            age.online += u64::from(sheet.online);
        }
        let tabs = self.custodians.iter().filter(|it| it.runs() && it.keeps);
        self.tally.holders += tabs.filter(|it| !it.is_pod()).count() as u64;
        self.tally.held += self
            .records
            .all()
            .iter()
            .map(|it| u64::from(it.online))
            .sum::<u64>();
        self.later(self.plan.census_every_ms, What::Census);
    }

    pub(super) fn scene(&mut self, scene: Scene) {
        let everyone = 0..self.custodians.len() as Who;
        match scene {
            Scene::Vanish { permille, .. } => {
                for who in everyone {
                    let custodian = self.at(who);
                    let is_seed = custodian.runs() && custodian.keeps && !custodian.is_pod();
                    if is_seed && self.chance.permille(permille) {
                        self.stop(who);
                        self.bury(who);
                        self.at_mut(who).shelf = super::shelf::Shelf::default();
                    }
                }
            }
            Scene::Partition { for_ms, .. } => {
                self.apart = true;
                self.later(for_ms, What::Heal);
                for who in everyone {
                    let links: Vec<_> = self.at(who).links.iter().map(|(o, w)| (*o, *w)).collect();
                    for (other, wire) in links {
                        if self.at(who).half != self.at(other).half {
                            let notice_ms = self.chance.roll(self.plan.notice_ms + 1);
                            self.break_later(notice_ms, who, other, wire);
                        }
                    }
                }
            }
        }
    }

    /// At the end: those who are still there are counted, and the books have to balance.
    ///
    /// # Errors
    /// That they do not.
    pub(super) fn close(&mut self) -> Result<(), String> {
        let now_ms = self.now_ms;
        let mut copies = vec![0_u32; self.records.len() as usize];
        let mut online = copies.clone();
        for custodian in self.custodians.iter().filter(|it| !it.is_pod()) {
            if custodian.runs() && custodian.keeps {
                self.tally.seed_ms += now_ms - custodian.since_ms;
            }
            for number in custodian.shelf.numbers() {
                copies[number as usize] += 1;
                online[number as usize] += u32::from(custodian.runs());
            }
        }
        let sheets = self.records.all().iter();
        for (number, sheet) in sheets.enumerate() {
            if (sheet.copies, sheet.online) != (copies[number], online[number]) {
                return Err(format!(
                    "record {number} has other copies than were counted"
                ));
            }
        }
        let sent = self.tally.frames.sent;
        let came = self.tally.frames.delivered + self.tally.frames.dropped;
        if sent != came + self.frames_on_their_way() {
            return Err(format!(
                "{sent} frames were sent, {came} came or were dropped"
            ));
        }
        if self.plan.seeds_keep {
            let homeless = self
                .records
                .all()
                .iter()
                .filter(|it| it.promised.is_empty());
            self.tally.homeless = homeless.count() as u64;
        }
        Ok(())
    }
}
