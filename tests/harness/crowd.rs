//! People who write to each other while everything around them breaks.

use std::collections::BTreeMap;

use muttr_core::{
    limit::{HOUR_MS, MINUTE_MS},
    name::Alias,
    rejection::Rejection,
    seed::{Command, Done, Judgement},
};

use crate::{
    profile::{CALM, Profile},
    scenario::{Person, PodName},
    simulator::Manner,
    village::{Village, draft},
};

mod hardship;

/// How wrong people's clocks are, one way or the other.
const CLOCKS_OFF_MS: u64 = 3 * HOUR_MS;

/// Carol lets no other seed see her, and must fare no worse.
fn manner(who: Person) -> Manner {
    if who == Person::Carol {
        Manner::Hidden
    } else {
        Manner::Storing
    }
}

/// A village in which things happen at random.
#[derive(Debug)]
pub struct Crowd {
    /// Everyone.
    pub village: Village,
    /// Where people are at home, in turn.
    pods: Vec<PodName>,
    /// By text: who wrote it to whom, under which number, and what came of that.
    written: BTreeMap<String, Written>,
}

#[derive(Debug)]
struct Written {
    from: Person,
    to: Person,
    id: u64,
    outcome: Option<Result<(), Rejection>>,
}

impl Crowd {
    /// Everyone joined and registered in good weather, people and seeds at these pods in turn;
    /// then the weather changes.
    ///
    /// # Errors
    /// The oracle's objection, or somebody who cannot register.
    pub fn gather(
        integer: u64,
        weather: Profile,
        pods: &[PodName],
        seeds: usize,
    ) -> Result<Self, String> {
        let mut crowd = Self {
            village: Village::new(integer, CALM),
            pods: pods.to_vec(),
            written: BTreeMap::new(),
        };
        let village = &mut crowd.village;
        for pod in pods {
            village.start_pod(*pod);
        }
        village.run(500)?;
        for (pod, _) in pods.iter().cycle().zip(0..seeds) {
            village.join_seed(*pod)?;
        }
        for who in Person::ALL {
            crowd.join(*who)?;
            let village = &mut crowd.village;
            // Nobody's clock is right.
            let off_ms = village.world.roll(2 * CLOCKS_OFF_MS) as i64 - CLOCKS_OFF_MS as i64;
            let tab = village.person(*who)?;
            village.world.at_mut(tab).skew_ms = off_ms;
            village.run(2_000)?;
            let label = who.word().parse().map_err(|_| "a name that is no label")?;
            let done = village.ask(*who, |id| Command::Register { id, label })?;
            done.map_err(|no| format!("{who} cannot register: {no}"))?;
        }
        crowd.village.world.profile = weather;
        Ok(crowd)
    }

    /// Where somebody is at home.
    fn home(&self, who: Person) -> PodName {
        let place = Person::ALL.iter().position(|one| *one == who);
        self.pods[place.unwrap_or_default() % self.pods.len()]
    }

    /// Opens somebody's profile.
    fn join(&mut self, who: Person) -> Result<(), String> {
        self.village.join(who, self.home(who), manner(who))
    }

    /// One thing happens to someone, then a while passes.
    ///
    /// # Errors
    /// The oracle's objection.
    pub fn unrest(&mut self) -> Result<(), String> {
        let who = self.someone();
        let there = self.village.world.runs(self.village.person(who)?);
        match self.village.world.roll(20) {
            0..=1 if there => {
                let who = self.village.person(who)?;
                self.village.world.kill(who);
            }
            2 if there => {
                let who = self.village.person(who)?;
                self.village.world.leave(who);
            }
            3 => self.pod_dies()?,
            4 => self.seed_dies(),
            5 if there => self.accept_somebody(who)?,
            _ if there => self.write(who)?,
            _ => self.join(who)?,
        }
        let pause_ms = self.village.world.roll(5_000);
        self.village.run(pause_ms)?;
        self.collect()
    }

    /// The weather clears, everyone comes back, and time passes. Then every message that was
    /// accepted is there exactly once, and none that was refused.
    ///
    /// # Errors
    /// The oracle's objection, or what is missing.
    pub fn settle(&mut self) -> Result<(), String> {
        self.village.world.profile = CALM;
        self.everyone_returns()?;
        self.village.run(25 * MINUTE_MS)?;
        self.collect()?;
        for who in Person::ALL {
            self.check(*who)?;
        }
        Ok(())
    }

    /// Whoever is not there comes back, on the disk they have.
    fn everyone_returns(&mut self) -> Result<(), String> {
        for pod in self.pods.clone() {
            if !self.village.world.runs(self.village.pod(pod)?) {
                self.village.start_pod(pod);
            }
        }
        for who in Person::ALL {
            if !self.village.world.runs(self.village.person(*who)?) {
                self.join(*who)?;
            }
        }
        Ok(())
    }

    /// How many messages were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.written
            .values()
            .filter(|it| it.outcome == Some(Ok(())))
            .count()
    }

    fn someone(&mut self) -> Person {
        let pick = self.village.world.roll(Person::ALL.len() as u64);
        Person::ALL[pick as usize]
    }

    fn pod_dies(&mut self) -> Result<(), String> {
        let pick = self.village.world.roll(self.pods.len() as u64) as usize;
        let name = self.pods[pick];
        let pod = self.village.pod(name)?;
        self.village.world.kill(pod);
        let dark_ms = self.village.world.roll(20_000);
        self.village.run(dark_ms)?;
        self.village.start_pod(name);
        Ok(())
    }

    fn seed_dies(&mut self) {
        let seeds = self.village.seeds();
        let pick = self.village.world.roll(seeds.len() as u64) as usize;
        if let Some(seed) = seeds.get(pick) {
            self.village.world.kill(*seed);
            self.village.restart_seed(*seed);
        }
    }

    fn accept_somebody(&mut self, who: Person) -> Result<(), String> {
        let alias = self.someone_else(who)?;
        let judgement = Judgement::Accept;
        self.village.order(who, |id| Command::Judge {
            id,
            alias,
            judgement,
        })?;
        Ok(())
    }

    fn someone_else(&mut self, who: Person) -> Result<Alias, String> {
        let to = self.other(who);
        self.alias(to)
    }

    fn alias(&self, who: Person) -> Result<Alias, String> {
        Village::alias(who.word(), self.home(who)).map_err(|no| no.to_string())
    }

    fn other(&mut self, who: Person) -> Person {
        loop {
            let other = self.someone();
            if other != who {
                return other;
            }
        }
    }

    fn write(&mut self, from: Person) -> Result<(), String> {
        let to = self.other(from);
        self.write_to(from, to)
    }

    fn write_to(&mut self, from: Person, to: Person) -> Result<(), String> {
        let text = format!("message {} of {from}", self.written.len() + 1);
        let alias = self.alias(to)?;
        let draft = Box::new(draft(alias, &text));
        let id = self.village.order(from, |id| Command::Send { id, draft })?;
        self.written.insert(
            text,
            Written {
                from,
                to,
                id,
                outcome: None,
            },
        );
        Ok(())
    }

    /// Takes in what came back of what was written.
    fn collect(&mut self) -> Result<(), String> {
        for written in self.written.values_mut().filter(|it| it.outcome.is_none()) {
            if let Some(done) = self.village.came_back(written.from, written.id)? {
                written.outcome = Some(match done {
                    Ok(Done::Delivery(_)) => Ok(()),
                    Ok(other) => return Err(format!("a send came to {other:?}")),
                    Err(rejection) => Err(rejection),
                });
            }
        }
        Ok(())
    }

    /// Holds a person's conversations against what was written to them.
    fn check(&mut self, who: Person) -> Result<(), String> {
        let mut copies: BTreeMap<String, usize> = BTreeMap::new();
        for with in self.village.correspondents(who)? {
            for message in self.village.conversation(who, &with)? {
                if !message.outgoing {
                    let text = String::from_utf8_lossy(&message.body).into_owned();
                    *copies.entry(text).or_default() += 1;
                }
            }
        }
        for (text, written) in self.written.iter().filter(|(_, written)| written.to == who) {
            let there = copies.remove(text).unwrap_or_default();
            match written.outcome {
                Some(Ok(())) if there != 1 => {
                    return Err(format!("{who} has \"{text}\" {there} times"));
                }
                Some(Err(no)) if there != 0 => {
                    return Err(format!("{who} has \"{text}\", which was refused with {no}"));
                }
                _ if there > 1 => return Err(format!("{who} has \"{text}\" {there} times")),
                _ => {}
            }
        }
        match copies.keys().next() {
            Some(text) => Err(format!("{who} has \"{text}\", which nobody wrote to them")),
            None => Ok(()),
        }
    }
}
