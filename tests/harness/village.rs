//! A world of real seeds and pods, with the people of the cast in it, as their profiles see it.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use muttr_core::{
    custody::Contact,
    keyring::Identity,
    limit,
    name::{Alias, Host, MessageId, SeedId},
    pod::{self, Pod},
    rejection::Rejection,
    seed::{self, Command, Done, Draft, Event, Message, Seed, State},
};
use zeroize::Zeroizing;

use crate::{
    cast,
    part::{Order, Part, Told},
    profile::Profile,
    promises::Promises,
    scenario::{Person, PodName},
    simulator::{Manner, Role, Who, World, pod_address},
};

/// How long a command may take to come back, and a claim to become true.
pub const PATIENCE_MS: u64 = 60_000;
/// How often a claim is looked at.
const LOOK_MS: u64 = 100;
/// How often what pods ask each other is carried on.
const SLICE_MS: u64 = 10;

mod wires;

/// The world, and everyone in it.
#[derive(Debug)]
pub struct Village {
    /// The world.
    pub world: World<Part>,
    pods: BTreeMap<PodName, Hosting>,
    wires: wires::Wires,
    people: BTreeMap<Person, Tab>,
    /// Nameless seeds, in order of arrival.
    seeds: Vec<(Who, SigningKey, PodName)>,
    next_id: u64,
}

/// A pod's machine room.
#[derive(Debug)]
struct Hosting {
    who: Who,
    host: Host,
    key: SigningKey,
    noise_secret: [u8; 32],
}

/// A person's profile: what survives their tab.
#[derive(Debug)]
struct Tab {
    who: Who,
    pod: PodName,
    key: SigningKey,
    identity: Identity,
    /// Whether it stores for others when it is not hidden.
    stores: bool,
    /// How it takes part this time.
    manner: Manner,
    state: State,
    /// Answers that came back and were not taken yet.
    done: BTreeMap<u64, Result<Done, Rejection>>,
    /// Messages that were announced as new, in any run.
    announced: BTreeSet<MessageId>,
    /// Messages that could not be opened.
    put_aside: u32,
    /// What the pod refused for good.
    refused: Option<Rejection>,
}

impl Village {
    /// A village where nothing runs yet.
    #[must_use]
    pub fn new(integer: u64, profile: Profile) -> Self {
        Self {
            world: World::new(integer, profile, Box::new(Promises::default())),
            pods: BTreeMap::new(),
            wires: wires::Wires::default(),
            people: BTreeMap::new(),
            seeds: Vec::new(),
            next_id: 0,
        }
    }

    /// Who a pod is in the world.
    ///
    /// # Errors
    /// When it was never started.
    pub fn pod(&self, name: PodName) -> Result<Who, String> {
        self.pods
            .get(&name)
            .map(|pod| pod.who)
            .ok_or_else(|| format!("{name} never started"))
    }

    /// Every pod that was ever started.
    pub fn pods(&self) -> impl Iterator<Item = PodName> {
        self.pods.keys().copied()
    }

    /// Makes one pod acquainted with another.
    ///
    /// # Errors
    /// When the first never started.
    pub fn introduce(&mut self, pod: PodName, other: PodName) -> Result<(), String> {
        let who = self.pod(pod)?;
        let host = other.word().parse().expect("a pod's name is a host");
        self.world
            .command(who, Order::Pod(pod::Command::Meet(vec![host])));
        Ok(())
    }

    /// What pods counted of their dealings with each other.
    pub fn counts(&self) -> impl Iterator<Item = pod::Count> {
        self.wires.counts.iter().map(|(_, count)| *count)
    }

    /// Who a person is in the world.
    ///
    /// # Errors
    /// When they never joined.
    pub fn person(&self, person: Person) -> Result<Who, String> {
        Ok(self.profile(person)?.who)
    }

    fn profile(&self, person: Person) -> Result<&Tab, String> {
        self.people
            .get(&person)
            .ok_or_else(|| format!("{person} never joined"))
    }

    fn profile_mut(&mut self, person: Person) -> Result<&mut Tab, String> {
        self.people
            .get_mut(&person)
            .ok_or_else(|| format!("{person} never joined"))
    }

    /// The address that a scenario writes, as people type it.
    ///
    /// # Errors
    /// The rejection of a label that is none.
    pub fn alias(label: &str, pod: PodName) -> Result<Alias, Rejection> {
        format!("{label}@{pod}")
            .parse()
            .map_err(|_| Rejection::AliasInvalid)
    }

    /// Starts a pod, or starts it again on the disk it has.
    pub fn start_pod(&mut self, name: PodName) {
        if !self.pods.contains_key(&name) {
            let key = SigningKey::from_bytes(&self.world.random());
            let seed = SeedId(key.verifying_key().to_bytes());
            let who = self.world.add(name.word(), seed, Role::Pod);
            let host = name.word().parse().expect("a pod's name is a host");
            let noise_secret = self.world.random();
            self.pods.insert(
                name,
                Hosting {
                    who,
                    host,
                    key,
                    noise_secret,
                },
            );
        }
        let random = self.world.random();
        let pod = &self.pods[&name];
        let mut config = pod::Config::new(
            pod.host.clone(),
            cast::pod_identity(name),
            Zeroizing::new(pod.noise_secret),
            pod.key.clone(),
            random,
        );
        let who = pod.who;
        config.addresses = vec![pod_address(who)];
        self.wires.started(who);
        self.world.start(who, Part::Pod(Box::new(Pod::new(config))));
        self.world.command(who, Order::Pod(pod::Command::Start));
    }

    /// Opens a person's profile, new or as it was left. Who once stored nothing goes on so.
    ///
    /// # Errors
    /// When the pod was never started, or the profile is open.
    pub fn join(&mut self, person: Person, pod: PodName, manner: Manner) -> Result<(), String> {
        let home = self.pod(pod)?;
        if !self.people.contains_key(&person) {
            let key = SigningKey::from_bytes(&self.world.random());
            let seed = SeedId(key.verifying_key().to_bytes());
            let role = Role::Tab { pod: home, manner };
            let profile = Tab {
                who: self.world.add(person.word(), seed, role),
                pod,
                key,
                identity: cast::identity(person),
                stores: true,
                manner,
                state: State::Connecting,
                done: BTreeMap::new(),
                announced: BTreeSet::new(),
                put_aside: 0,
                refused: None,
            };
            self.people.insert(person, profile);
        }
        let profile = self.profile_mut(person)?;
        let who = profile.who;
        profile.stores &= manner != Manner::Idle;
        profile.manner = match manner {
            Manner::Storing if !profile.stores => Manner::Idle,
            manner => manner,
        };
        let (key, identity) = (profile.key.clone(), profile.identity.clone());
        let manner = profile.manner;
        if self.world.runs(who) {
            return Err(format!("{person} is there already"));
        }
        self.world.at_mut(who).role = Role::Tab { pod: home, manner };
        self.start_seed(who, pod, key, Some(identity), manner);
        let profile = self.profile_mut(person)?;
        profile.state = State::Connecting;
        profile.refused = None;
        Ok(())
    }

    fn start_seed(
        &mut self,
        who: Who,
        pod: PodName,
        key: SigningKey,
        identity: Option<Identity>,
        manner: Manner,
    ) {
        let random = self.world.random();
        let home = &self.pods[&pod];
        let (host, seed) = (home.host.clone(), self.world.at(home.who).seed);
        let contact = Contact {
            seed,
            addresses: vec![pod_address(home.who)],
        };
        let keep_bytes_max = match manner {
            Manner::Idle => 0,
            Manner::Storing | Manner::Hidden => limit::KEEP_BYTES_DEFAULT,
        };
        let pods = self.wires.described(home.who);
        let pods = pods.map_or_else(Vec::new, |described| described.pods.clone());
        let config = seed::Config {
            host,
            pod: contact,
            pods,
            key,
            identity,
            keep_bytes_max,
            hidden: manner == Manner::Hidden,
            posts: false,
            random,
        };
        self.world
            .start(who, Part::Seed(Box::new(Seed::new(config))));
        self.world.command(who, Order::Seed(Command::Start));
    }

    /// Opens a nameless profile.
    ///
    /// # Errors
    /// When the pod was never started.
    pub fn join_seed(&mut self, pod: PodName) -> Result<(), String> {
        let home = self.pod(pod)?;
        let key = SigningKey::from_bytes(&self.world.random());
        let seed = SeedId(key.verifying_key().to_bytes());
        let name = format!("seed {}", self.seeds.len() + 1);
        let who = self.world.add(
            &name,
            seed,
            Role::Tab {
                pod: home,
                manner: Manner::Storing,
            },
        );
        self.seeds.push((who, key.clone(), pod));
        self.start_seed(who, pod, key, None, Manner::Storing);
        Ok(())
    }

    /// The nameless seeds that run, those that came first first.
    #[must_use]
    pub fn seeds(&self) -> Vec<Who> {
        let seeds = self.seeds.iter().map(|(who, ..)| *who);
        seeds.filter(|who| self.world.runs(*who)).collect()
    }

    /// All nameless seeds, whether they run or not.
    #[must_use]
    pub fn all_seeds(&self) -> Vec<Who> {
        self.seeds.iter().map(|(who, ..)| *who).collect()
    }

    /// Starts a nameless seed again.
    pub fn restart_seed(&mut self, who: Who) {
        let seed = self.seeds.iter().find(|(seed, ..)| *seed == who);
        if let Some((_, key, pod)) = seed.cloned() {
            self.start_seed(who, pod, key, None, Manner::Storing);
        }
    }

    /// Lets time pass, and takes note of what profiles are told.
    ///
    /// # Errors
    /// What the oracle objects to; a message announced twice.
    pub fn run(&mut self, ms: u64) -> Result<(), String> {
        let until_ms = self.world.now_ms() + ms;
        let pods = self
            .pods
            .iter()
            .map(|(name, pod)| (*name, pod.who))
            .collect();
        loop {
            // In slices, for a pod may ask another at any moment; at once to the slice in which
            // something happens, while no pod asks anything.
            let next_ms = self.world.next_ms().filter(|_| !self.wires.are_busy());
            let idle_ms = next_ms.map_or(0, |at_ms| at_ms.saturating_sub(self.world.now_ms()));
            let slice_ms = SLICE_MS * idle_ms.div_ceil(SLICE_MS).max(1);
            let end_ms = (self.world.now_ms() + slice_ms).min(until_ms);
            self.world.run_until(end_ms)?;
            self.take_told()?;
            self.wires.carry(&mut self.world, &pods);
            if self.world.now_ms() >= until_ms {
                return Ok(());
            }
        }
    }

    fn take_told(&mut self) -> Result<(), String> {
        for (_, who, told) in self.world.take_told() {
            let event = match told {
                Told::Seed(event) => event,
                Told::Pod(event) => {
                    self.wires.told(&mut self.world, who, event);
                    continue;
                }
            };
            let people = self
                .people
                .iter_mut()
                .find(|(_, profile)| profile.who == who);
            let Some((person, profile)) = people else {
                continue;
            };
            match event {
                Event::State(state) => profile.state = state,
                Event::Done(id, result) => {
                    if profile.done.insert(id, result).is_some() {
                        return Err(format!("{person} is answered twice"));
                    }
                }
                Event::Message(message) => {
                    if !profile.announced.insert(message.id) {
                        return Err(format!("{person} is shown {:?} twice as new", message.id));
                    }
                }
                Event::SetAside(_) => profile.put_aside += 1,
                Event::Refused(rejection) => {
                    profile.refused = Some(rejection);
                    self.world.hang_up(who);
                }
                Event::Ready | Event::Delivery(_) | Event::Held { .. } | Event::Post { .. } => {}
            }
        }
        Ok(())
    }

    /// Waits until something holds; says whether it came to.
    ///
    /// # Errors
    /// What the oracle objects to, or what looking came to.
    pub fn until(
        &mut self,
        mut holds: impl FnMut(&mut Self) -> Result<bool, String>,
    ) -> Result<bool, String> {
        let end_ms = self.world.now_ms() + PATIENCE_MS;
        while self.world.now_ms() < end_ms {
            if holds(self)? {
                return Ok(true);
            }
            self.run(LOOK_MS)?;
        }
        holds(self)
    }

    /// Gives a person's seed a command and waits for what it comes to.
    ///
    /// # Errors
    /// When it never comes back.
    pub fn ask(
        &mut self,
        person: Person,
        command: impl FnOnce(u64) -> Command,
    ) -> Result<Result<Done, Rejection>, String> {
        let id = self.order(person, command)?;
        let back = self.until(|village| Ok(village.profile(person)?.done.contains_key(&id)))?;
        let done = self.profile_mut(person)?.done.remove(&id);
        match done {
            Some(done) if back => Ok(done),
            _ => Err(format!("{person}'s command never came back")),
        }
    }

    /// Gives a person's seed a command and does not wait.
    ///
    /// # Errors
    /// When the person's profile is closed.
    pub fn order(
        &mut self,
        person: Person,
        command: impl FnOnce(u64) -> Command,
    ) -> Result<u64, String> {
        self.next_id += 1;
        let (id, who) = (self.next_id, self.person(person)?);
        if !self.world.runs(who) {
            return Err(format!("{person} is not there"));
        }
        self.world.command(who, Order::Seed(command(id)));
        Ok(id)
    }

    /// What an order came to, if it came back.
    ///
    /// # Errors
    /// When the person never joined.
    pub fn came_back(
        &mut self,
        person: Person,
        id: u64,
    ) -> Result<Option<Result<Done, Rejection>>, String> {
        Ok(self.profile_mut(person)?.done.remove(&id))
    }

    /// Sends a text.
    ///
    /// # Errors
    /// When the command never comes back.
    pub fn write(
        &mut self,
        person: Person,
        to: Alias,
        text: &str,
    ) -> Result<Result<Done, Rejection>, String> {
        self.ask(person, |id| Command::Send {
            id,
            draft: Box::new(draft(to, text)),
        })
    }

    /// What a profile says of its connection.
    ///
    /// # Errors
    /// When the person never joined.
    pub fn state(&self, person: Person) -> Result<State, String> {
        Ok(self.profile(person)?.state)
    }

    /// The pod that a person calls home, and how their profile takes part.
    ///
    /// # Errors
    /// When the person never joined.
    pub fn home(&self, person: Person) -> Result<(PodName, Manner), String> {
        let profile = self.profile(person)?;
        Ok((profile.pod, profile.manner))
    }

    /// How many messages a person could not open.
    ///
    /// # Errors
    /// When the person never joined.
    pub fn put_aside(&self, person: Person) -> Result<u32, String> {
        Ok(self.profile(person)?.put_aside)
    }

    /// What the profile has of a conversation, oldest first.
    ///
    /// # Errors
    /// When the command is refused or never comes back.
    pub fn conversation(&mut self, person: Person, with: &Alias) -> Result<Vec<Message>, String> {
        let (mut messages, mut before_ms) = (Vec::new(), None);
        loop {
            let count = limit::MESSAGES_PAGE_MAX;
            let with = with.clone();
            let page = self.ask(person, |id| Command::Messages {
                id,
                with,
                before_ms,
                count,
            })?;
            let Ok(Done::Messages(page)) = page else {
                return Err(format!("{person}'s messages cannot be read: {page:?}"));
            };
            let full = page.len() == count as usize;
            before_ms = page.last().map(|message| message.at_ms);
            messages.extend(page);
            if !full {
                messages.reverse();
                return Ok(messages);
            }
        }
    }

    /// Everyone a person has messages with.
    ///
    /// # Errors
    /// When the command is refused or never comes back.
    pub fn correspondents(&mut self, person: Person) -> Result<Vec<Alias>, String> {
        match self.ask(person, |id| Command::Conversations { id })? {
            Ok(Done::Conversations(list)) => Ok(list
                .into_iter()
                .map(|conversation| conversation.contact.alias)
                .collect()),
            other => Err(format!(
                "{person}'s conversations cannot be read: {other:?}"
            )),
        }
    }
}

/// A text as it is handed in.
#[must_use]
pub fn draft(to: Alias, text: &str) -> Draft {
    Draft {
        to,
        content_type: "text/plain".into(),
        body: text.as_bytes().to_vec(),
        reply_to: None,
        life_ms: limit::RECORD_LIFE_DEFAULT_MS,
    }
}
