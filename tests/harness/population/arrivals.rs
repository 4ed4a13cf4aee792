//! People who come and go, and pods that are away at times.

use muttr_core::{
    custody::{Command, Contact},
    limit::{DAY_MS, MINUTE_MS},
    machine::Input,
};

use super::{
    access::Nat,
    custodian::{Custodian, Role, Who, address},
    plan::{Plan, Sessions},
    world::{What, World},
};

/// Those who are there at the beginning come within this.
const ARRIVAL_MS: u64 = 10 * MINUTE_MS;
/// A shell tries again to link to its home pod.
const KNOCK_MS: u64 = 30_000;

impl World {
    /// A world at its beginning: the pods, the people, and everything that is planned.
    pub(super) fn of_people(plan: Plan, integer: u64) -> Self {
        let mut world = Self::new(plan, integer);
        for number in 0..plan.pods {
            let mut pod = Custodian::new(world.chance.bytes(), Role::Pod, plan.pods_keep);
            pod.half = number % 2 == 1;
            let who = world.add(pod);
            world.later(0, What::Come(who));
            world.plan_pod(who, number);
        }
        for number in 0..plan.people {
            let somebody = world.somebody();
            let who = world.add(somebody);
            let delay_ms = if number < plan.online {
                world.chance.roll(ARRIVAL_MS)
            } else {
                world.chance.exponential(plan.away_mean_ms())
            };
            world.later(delay_ms, What::Come(who));
        }
        world.plan_messages();
        world
    }

    /// Pods are away at different hours.
    fn plan_pod(&mut self, who: Who, number: u32) {
        let plan = self.plan;
        let shift_ms = DAY_MS * u64::from(number) / u64::from(plan.pods);
        for day in 0..plan.end_ms.div_ceil(DAY_MS) {
            let from_ms = day * DAY_MS + DAY_MS / 8 + shift_ms;
            if plan.pod_away_ms_per_day > 0 {
                self.later(from_ms, What::Go(who, 1 + 2 * day as u32));
                self.later(from_ms + plan.pod_away_ms_per_day, What::Come(who));
            }
            if plan.pod_wiped_on_day == Some(day) {
                self.later(from_ms + plan.pod_away_ms_per_day / 2, What::Wipe(who));
            }
        }
    }

    /// Somebody who was never there before.
    pub(super) fn somebody(&mut self) -> Custodian {
        let access = self.plan.access;
        let dice = self.chance.roll(1_000);
        let nat = if dice < access.open_permille {
            Nat::Open
        } else if dice < access.open_permille + access.symmetric_permille {
            Nat::Symmetric
        } else {
            Nat::Cone
        };
        let home = self.chance.roll(u64::from(self.plan.pods)) as Who;
        let keeps = self.plan.seeds_keep;
        let mut somebody = Custodian::new(self.chance.bytes(), Role::Tab { home, nat }, keeps);
        somebody.half = self.chance.permille(500);
        if let Some((vice, permille)) = self.plan.vice
            && self.chance.permille(permille)
        {
            somebody.vice = Some(vice);
        }
        somebody
    }

    fn session_ms(&mut self) -> u64 {
        match self.plan.sessions {
            Sessions::Exponential => self.chance.exponential(self.plan.session_mean_ms()),
            Sessions::LogNormal(sigma) => {
                self.chance.log_normal(self.plan.session_median_ms, sigma)
            }
        }
    }

    pub(super) fn come(&mut self, who: Who) {
        if self.at(who).runs() {
            return;
        }
        let (now_ms, random) = (self.now_ms, self.chance.bytes());
        let custodian = self.at_mut(who);
        custodian.life += 1;
        custodian.start(now_ms, random);
        let life = custodian.life;
        self.tally.runs += 1;
        self.count_online(who, true);
        self.give(who, Input::Command(Command::Start));
        let Role::Tab { home, .. } = self.at(who).role else {
            return self.join_pods(who);
        };
        if self.plan.pods_keep {
            let seed = self.at(home).seed;
            self.give(who, Input::Command(Command::Pod(seed)));
        }
        let elsewhere = (0..self.plan.pods).filter(|pod| *pod != home);
        let elsewhere = elsewhere.map(|pod| self.contact(pod)).collect();
        self.give(who, Input::Command(Command::Elsewhere(elsewhere)));
        let home = self.contact(home);
        self.give(who, Input::Command(Command::Join(vec![home])));
        self.later(KNOCK_MS, What::Knock(who, life));
        if !self.visits.contains_key(&who) {
            let session_ms = self.session_ms();
            self.later(session_ms, What::Go(who, life));
        }
    }

    fn join_pods(&mut self, who: Who) {
        let others = (0..self.plan.pods).filter(|pod| *pod != who);
        let others: Vec<Contact> = others.map(|pod| self.contact(pod)).collect();
        if self.plan.pods_keep {
            for contact in &others {
                self.give(who, Input::Command(Command::Pod(contact.seed)));
            }
        }
        self.give(who, Input::Command(Command::Join(others)));
    }

    pub(super) fn contact(&self, who: Who) -> Contact {
        Contact {
            seed: self.at(who).seed,
            addresses: vec![address(who)],
        }
    }

    /// A shell sees to it that the home pod is linked.
    pub(super) fn knock(&mut self, who: Who) {
        let Role::Tab { home, .. } = self.at(who).role else {
            return;
        };
        if !self.at(who).links.contains_key(&home) {
            let seed = self.at(home).seed;
            self.dial(who, seed);
        }
        let life = self.at(who).life;
        self.later(KNOCK_MS, What::Knock(who, life));
    }

    /// A tab is closed, or a pod stops.
    pub(super) fn go(&mut self, who: Who) {
        let is_tab = !self.at(who).is_pod();
        let is_visitor = self.visits.contains_key(&who);
        let gone = is_tab && !is_visitor && self.chance.permille(self.plan.gone_permille);
        self.stop(who);
        if is_visitor {
            return self.end_visit(who);
        }
        if gone {
            let somebody = self.somebody();
            self.bury(who);
            self.replace(who, somebody);
        }
        if is_tab {
            let away_ms = self.chance.exponential(self.plan.away_mean_ms());
            self.later(away_ms, What::Come(who));
        }
    }

    /// Ends a run.
    pub(super) fn stop(&mut self, who: Who) {
        let crashed = self.chance.permille(self.plan.crashed_permille);
        let now_ms = self.now_ms;
        let custodian = self.at_mut(who);
        custodian.machine = None;
        custodian.life += 1;
        custodian.stores = 0;
        custodian.fetches = 0;
        let lasted_ms = now_ms - custodian.since_ms;
        if !custodian.is_pod() && custodian.keeps {
            self.tally.seed_ms += lasted_ms;
        }
        self.count_online(who, false);
        self.hang_up(who, crashed);
    }

    /// What one who never comes back held is lost.
    pub(super) fn bury(&mut self, who: Who) {
        for number in self.at(who).shelf.numbers().collect::<Vec<_>>() {
            let sheet = self.records.at_mut(number);
            sheet.copies -= 1;
            sheet.promised.retain(|holder| *holder != who);
        }
    }

    fn count_online(&mut self, who: Who, comes: bool) {
        let custodian = &self.custodians[who as usize];
        if custodian.is_pod() {
            return;
        }
        for number in custodian.shelf.numbers() {
            let sheet = self.records.at_mut(number);
            if comes {
                sheet.online += 1;
            } else {
                sheet.online -= 1;
            }
        }
    }

    /// A pod's disk dies while it is away.
    pub(super) fn wipe(&mut self, who: Who) {
        if self.at(who).runs() {
            self.stop(who);
            self.later(MINUTE_MS, What::Come(who));
        }
        self.at_mut(who).shelf = super::shelf::Shelf::default();
    }
}
