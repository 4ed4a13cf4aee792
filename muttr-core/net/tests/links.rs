//! Two swarms in one process: what one machine would send, the other would hear.

use std::{collections::VecDeque, io, time::Duration};

use futures::{
    AsyncRead, AsyncWrite, AsyncWriteExt as _, StreamExt as _,
    executor::ThreadPool,
    future::{Either, select},
};
use futures_timer::Delay;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::transport::MemoryTransport,
    identify,
    identity::Keypair,
    request_response::{self, Event, Message, ProtocolSupport},
    swarm::{Config, NetworkBehaviour, Swarm, SwarmEvent},
};
use muttr_core::{
    machine::{Frame, Input, Link, Protocol},
    name::SeedId,
};
use muttr_net::{
    Framing, HasNet, Net, NetEvent, Profile, ROUTING, STORE, Translator, keypair, stack,
    swarm_config,
};

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
        let either = futures::executor::block_on(select(
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

/// The answering side of identify: it is asked by opening a stream, and says one thing.
#[derive(Clone, Default)]
struct Saying;

impl request_response::Codec for Saying {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        said: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&said).await
    }
}

/// A seed that says who it is when the test wants it to.
#[derive(NetworkBehaviour)]
struct Taciturn {
    identify: request_response::Behaviour<Saying>,
    store: request_response::Behaviour<Framing>,
}

/// A field of protobuf that is bytes, or its whole message behind its length.
fn counted(tag: Option<u8>, bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).expect("short");
    assert!(len < 0x80, "one byte of length");
    [tag.as_slice(), &[len], bytes].concat()
}

/// Identify's message of a seed that routes and stores, and tells no address.
fn identity(key: &Keypair) -> Vec<u8> {
    let mut said = counted(Some(1 << 3 | 2), &key.public().encode_protobuf());
    for protocol in [ROUTING, STORE] {
        said.extend(counted(Some(3 << 3 | 2), protocol.as_ref().as_bytes()));
    }
    counted(None, &said)
}

fn taciturn(key: &Keypair) -> Swarm<Taciturn> {
    let config = request_response::Config::default();
    let asked = [(identify::PROTOCOL_NAME, ProtocolSupport::Inbound)];
    let behaviour = Taciturn {
        identify: request_response::Behaviour::with_codec(Saying, asked, config.clone()),
        store: request_response::Behaviour::with_codec(
            Framing::new(1_000),
            [(STORE, ProtocolSupport::Full)],
            config,
        ),
    };
    swarm(key, behaviour)
}

/// What the taciturn one does when something is asked of it: who it is, it says only once it
/// refused so often.
fn attend(alice: &mut Swarm<Taciturn>, event: TaciturnEvent, key: &Keypair, refusals: &mut u32) {
    match event {
        TaciturnEvent::Identify(Event::Message {
            message: Message::Request { channel, .. },
            ..
        }) => {
            if let Some(left) = refusals.checked_sub(1) {
                *refusals = left;
                // The stream closes without a word.
                return drop(channel);
            }
            let behaviour = &mut alice.behaviour_mut().identify;
            let _ = behaviour.send_response(channel, identity(key));
        }
        TaciturnEvent::Store(Event::Message {
            message: Message::Request { channel, .. },
            ..
        }) => {
            let behaviour = &mut alice.behaviour_mut().store;
            let _ = behaviour.send_response(channel, b"answer".to_vec());
        }
        _ => {}
    }
}

#[test]
fn a_seed_that_did_not_say_who_it_is_is_asked_again() {
    let key = keypair([8; 32]).expect("32 bytes are a key");
    let (mut alice, mut bob) = (taciturn(&key), Shell::new(9, true));
    let address = bob.listen(4003);
    futures::executor::block_on(bob.swarm.select_next_some());
    alice.dial(address).expect("an address");

    let seed = SeedId::from_peer_id(&key.public().to_peer_id().to_bytes()).expect("an Ed25519 key");
    let (mut refusals, mut is_linked) = (2, false);
    let mut patience = Delay::new(Duration::from_secs(60));
    loop {
        match bob.told.pop_front() {
            Some(Input::Linked(Link::Seed(linked), traits)) => {
                assert!(!is_linked && linked == seed && traits.routes && traits.stores);
                is_linked = true;
                bob.send(seed, Frame::Ask(1, Protocol::Store, b"question".to_vec()));
            }
            Some(Input::Frame(_, Frame::Answer(1, bytes))) => {
                assert_eq!(bytes, b"answer");
                break;
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
        let both = select(alice.select_next_some(), bob.swarm.select_next_some());
        match futures::executor::block_on(select(both, &mut patience)) {
            Either::Left((Either::Right((event, _)), _)) => bob.take_in(event),
            Either::Left((Either::Left((SwarmEvent::Behaviour(event), _)), _)) => {
                attend(&mut alice, event, &key, &mut refusals);
            }
            Either::Left(_) => {}
            Either::Right(_) => panic!("{refusals} refusals are left, linked: {is_linked}"),
        }
    }
    assert_eq!(refusals, 0);
}
