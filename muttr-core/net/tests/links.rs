//! Two swarms in one process: what one machine would send, the other would hear.

use std::{collections::VecDeque, time::Duration};

use futures::{StreamExt as _, executor::ThreadPool, future::Either};
use libp2p::{
    Multiaddr, PeerId,
    core::transport::MemoryTransport,
    identity::Keypair,
    swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent},
};
use muttr_core::{
    machine::{Frame, Input, Link, Protocol},
    name::SeedId,
};
use muttr_net::{HasNet, Net, NetEvent, Profile, Translator, keypair, stack, swarm_config};

#[derive(NetworkBehaviour)]
struct Behaviour {
    net: Net,
}

impl HasNet for Behaviour {
    fn net(&mut self) -> &mut Net {
        &mut self.net
    }
}

type Told = Input<()>;

/// A shell without a machine: what it is told piles up, what it sends the test says.
struct Shell {
    swarm: Swarm<Behaviour>,
    translator: Translator,
    told: VecDeque<Told>,
}

impl Shell {
    fn new(secret: u8, stores: bool) -> Self {
        let keypair = keypair([secret; 32]).expect("32 bytes are a key");
        let profile = Profile {
            agent: "test".into(),
            connections_max: 8,
            stores,
        };
        Self {
            swarm: swarm(
                &keypair,
                Behaviour {
                    net: Net::new(keypair.public(), profile),
                },
            ),
            translator: Translator::new(),
            told: VecDeque::new(),
        }
    }

    fn seed(&self) -> SeedId {
        SeedId::from_peer_id(&self.swarm.local_peer_id().to_bytes()).expect("an Ed25519 key")
    }

    fn listen(&mut self, port: u16) -> Multiaddr {
        let address: Multiaddr = format!("/memory/{port}").parse().expect("well formed");
        self.swarm
            .listen_on(address.clone())
            .expect("the port is free");
        // What others are told is what somebody vouched for, not what is listened at.
        self.swarm.add_external_address(address.clone());
        address
    }

    fn send(&mut self, to: SeedId, frame: Frame) {
        let told = self.translator.send(&mut self.swarm, to, frame);
        self.told.extend(told);
    }

    fn link(&mut self, to: SeedId, address: &Multiaddr) {
        let told = self
            .translator
            .link(&mut self.swarm, to, vec![address.to_vec()]);
        self.told.extend(told);
    }

    fn take_in(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let told = match event {
            SwarmEvent::Behaviour(BehaviourEvent::Net(event)) => self.net(event),
            other => self.translator.on_swarm(&other),
        };
        self.told.extend(told);
    }

    fn net(&mut self, event: NetEvent) -> Option<Told> {
        self.translator.on_net(&mut self.swarm, event)
    }
}

fn swarm<B: NetworkBehaviour>(keypair: &Keypair, behaviour: B) -> Swarm<B> {
    let transport = stack(MemoryTransport::new(), keypair).expect("the key signs");
    let pool = ThreadPool::builder()
        .pool_size(1)
        .create()
        .expect("a thread");
    let config = swarm_config(Config::with_executor(pool));
    Swarm::new(transport, behaviour, PeerId::from(keypair.public()), config)
}

/// Runs both until `alice` or `bob` is told something; `true` for alice.
fn next(alice: &mut Shell, bob: &mut Shell) -> (bool, Told) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(told) = alice.told.pop_front() {
            return (true, told);
        }
        if let Some(told) = bob.told.pop_front() {
            return (false, told);
        }
        assert!(
            std::time::Instant::now() < deadline,
            "nobody was told anything"
        );
        let either = futures::executor::block_on(futures::future::select(
            alice.swarm.select_next_some(),
            bob.swarm.select_next_some(),
        ));
        match either {
            Either::Left((event, _)) => alice.take_in(event),
            Either::Right((event, _)) => bob.take_in(event),
        }
    }
}

fn linked(alice: &mut Shell, bob: &mut Shell, port: u16) {
    let address = bob.listen(port);
    // The listener has to be up before it can be dialled.
    futures::executor::block_on(bob.swarm.select_next_some());
    alice.link(bob.seed(), &address);
    for _ in 0..2 {
        let (at_alice, told) = next(alice, bob);
        let Input::Linked(Link::Seed(seed), traits) = told else {
            panic!("{told:?}")
        };
        assert_eq!(seed, if at_alice { bob.seed() } else { alice.seed() });
        assert!(traits.routes);
        assert_eq!(
            traits.addresses,
            if at_alice {
                vec![address.to_vec()]
            } else {
                vec![]
            }
        );
    }
}

#[test]
fn alice_asks_and_bob_answers_on_either_protocol() {
    let (mut alice, mut bob) = (Shell::new(1, true), Shell::new(2, true));
    linked(&mut alice, &mut bob, 4001);
    for (number, protocol) in [(7, Protocol::Routing), (8, Protocol::Store)] {
        alice.send(
            bob.seed(),
            Frame::Ask(number, protocol, b"question".to_vec()),
        );
        let (at_alice, told) = next(&mut alice, &mut bob);
        let Input::Frame(_, Frame::Ask(theirs, on, bytes)) = told else {
            panic!("{told:?}")
        };
        assert_eq!(
            (at_alice, on, bytes.as_slice()),
            (false, protocol, b"question".as_slice())
        );
        bob.send(alice.seed(), Frame::Answer(theirs, b"answer".to_vec()));
        let (at_alice, told) = next(&mut alice, &mut bob);
        let Input::Frame(Link::Seed(from), frame) = told else {
            panic!("{told:?}")
        };
        assert!(at_alice && from == bob.seed());
        assert_eq!(frame, Frame::Answer(number, b"answer".to_vec()));
    }
    alice.link(bob.seed(), &"/memory/1".parse().expect("well formed"));
    assert!(
        matches!(alice.told.pop_front(), Some(Input::Linked(..))),
        "linked it is already"
    );
    assert_eq!((alice.translator.links(), bob.translator.links()), (1, 1));
}

#[test]
fn every_question_ends() {
    let (mut alice, mut bob) = (Shell::new(3, true), Shell::new(4, false));
    let stranger = Shell::new(5, true).seed();
    alice.send(stranger, Frame::Ask(1, Protocol::Routing, vec![]));
    let told = alice.told.pop_front();
    assert!(
        matches!(told, Some(Input::Frame(_, Frame::NoAnswer(1)))),
        "not linked: {told:?}"
    );

    linked(&mut alice, &mut bob, 4002);
    let no_answer = |told: &Told, number| {
        assert!(
            matches!(told, Input::Frame(_, Frame::NoAnswer(n)) if *n == number),
            "{told:?}"
        );
    };
    alice.send(bob.seed(), Frame::Ask(2, Protocol::Store, vec![]));
    no_answer(&next(&mut alice, &mut bob).1, 2);
    alice.send(
        bob.seed(),
        Frame::Ask(3, Protocol::Routing, vec![0; 20_000]),
    );
    no_answer(&next(&mut alice, &mut bob).1, 3);

    alice.send(bob.seed(), Frame::Ask(4, Protocol::Routing, vec![]));
    let Input::Frame(_, Frame::Ask(theirs, ..)) = next(&mut alice, &mut bob).1 else {
        panic!()
    };
    bob.send(alice.seed(), Frame::NoAnswer(theirs));
    no_answer(&next(&mut alice, &mut bob).1, 4);

    alice.send(bob.seed(), Frame::Ask(5, Protocol::Routing, vec![]));
    assert!(matches!(
        next(&mut alice, &mut bob).1,
        Input::Frame(_, Frame::Ask(..))
    ));
    Translator::unlink(&mut bob.swarm, alice.seed());
    let mut ends = [false; 3];
    while ends != [true; 3] {
        match next(&mut alice, &mut bob) {
            (true, Input::Frame(_, Frame::NoAnswer(5))) => ends[0] = true,
            (true, Input::Unlinked(_)) => ends[1] = true,
            (false, Input::Unlinked(_)) => ends[2] = true,
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!((alice.translator.links(), bob.translator.links()), (0, 0));
}

#[test]
fn a_seed_that_cannot_be_reached_is_reported() {
    let (mut alice, mut bob) = (Shell::new(6, true), Shell::new(7, true));
    alice.link(bob.seed(), &"/memory/4999".parse().expect("well formed"));
    let (at_alice, told) = next(&mut alice, &mut bob);
    assert!(at_alice && matches!(told, Input::Unlinked(_)), "{told:?}");

    let told: Option<Told> = alice
        .translator
        .link(&mut alice.swarm, bob.seed(), vec![vec![0xff]]);
    assert!(
        matches!(told, Some(Input::Unlinked(_))),
        "no address is left: {told:?}"
    );
}
