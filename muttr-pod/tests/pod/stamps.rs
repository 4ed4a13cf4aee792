//! Records that come without a stamp, over both ways into a pod.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::{SinkExt as _, StreamExt as _};
use libp2p::{
    PeerId, StreamProtocol, Swarm,
    request_response::{self, ProtocolSupport},
    swarm::{Config, SwarmEvent},
};
use muttr_core::{
    envelope::{
        record::{Kind, Record, expiry_h},
        stamp,
    },
    keyring::Identity,
    limit,
    name::DeviceId,
    rejection::Rejection,
    seed::session::{Incoming, Session},
    session::Version,
    time::Time,
    wire::{
        self,
        channel::{ToPod, ToSeed},
        store::{Put, StoreAnswer, StoreAsk},
    },
};
use muttr_net::Framing;
use muttr_pod::{Running, envoy::Reach, transport::sockets};
use rand_core::{OsRng, RngCore as _};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::{boot, stock::address};

const PATIENCE: Duration = Duration::from_secs(20);

fn now() -> Time {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall_ms = u64::try_from(wall.expect("after 1970").as_millis()).expect("fits");
    Time {
        mono_ms: wall_ms,
        wall_ms,
    }
}

/// A record that nobody can open, and that looks like any other.
fn record() -> Record {
    let mut body = vec![0; limit::RECORD_CLASSES_BYTES[0] - limit::RECORD_HEADER_BYTES];
    OsRng.fill_bytes(&mut body);
    let length = u16::try_from(body.len() - 3 - 192).expect("is short") + (192 << 8);
    body[0] = 0xd2;
    body[1..3].copy_from_slice(&length.to_be_bytes());
    body[3..7].copy_from_slice(&[2, 9, 3, 10]);
    let expires_h = expiry_h(now(), limit::DAY_MS);
    Record::new(Kind::Chunk, expires_h, [1; 32], &body).expect("fills its class")
}

/// What may come beside a record, and what a pod says to it.
fn cases(record: &Record) -> [(Vec<u8>, Option<Rejection>); 4] {
    let good = stamp::find(limit::STAMP_BITS, &record.key()).to_bytes();
    let anothers = stamp::find(limit::STAMP_BITS, &self::record().key()).to_bytes();
    [
        (Vec::new(), Some(Rejection::NoStamp)),
        (anothers, Some(Rejection::NoStamp)),
        (good[1..].to_vec(), Some(Rejection::Malformed)),
        (good, None),
    ]
}

/// Asks the pod over a link.
async fn put(
    seed: &mut Swarm<request_response::Behaviour<Framing>>,
    pod: PeerId,
    ask: &StoreAsk,
) -> StoreAnswer {
    seed.behaviour_mut().send_request(&pod, wire::encode(ask));
    let answered = async {
        loop {
            match seed.select_next_some().await {
                SwarmEvent::Behaviour(request_response::Event::Message {
                    message: request_response::Message::Response { response, .. },
                    ..
                }) => return response,
                SwarmEvent::Behaviour(request_response::Event::OutboundFailure {
                    error, ..
                }) => panic!("{error}"),
                _ => {}
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answered).await;
    wire::decode(&answer.expect("in time"), limit::STORE_BYTES_MAX).expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_seed_puts_without_a_stamp_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let (peer, address) = address(&pod).await;
    let keypair = libp2p::identity::Keypair::generate_ed25519();
    let sockets = sockets(Reach::Loopback).expect("can be made");
    let transport = muttr_net::stack(sockets, &keypair).expect("the key signs");
    let store = StreamProtocol::new("/muttr/store/1.0.0");
    let behaviour = request_response::Behaviour::with_codec(
        Framing::new(limit::STORE_BYTES_MAX),
        [(store, ProtocolSupport::Full)],
        request_response::Config::default(),
    );
    let config = Config::with_tokio_executor().with_idle_connection_timeout(PATIENCE);
    let mut seed = Swarm::new(transport, behaviour, keypair.public().into(), config);
    seed.dial(address).expect("can be dialled");
    let record = record();
    for (stamp, code) in cases(&record) {
        for spread in [3, 0] {
            let ask = StoreAsk::Put(Put {
                record: record.bytes().to_vec(),
                stamp: stamp.clone(),
                hops: 0,
                spread,
            });
            let answer = put(&mut seed, peer, &ask).await;
            match code {
                Some(code) => assert_eq!(answer, StoreAnswer::Rejected(code)),
                None => assert!(matches!(answer, StoreAnswer::Kept(_)), "{answer:?}"),
            }
        }
    }
    pod.stop().await;
}

/// Somebody's channel, without the rest of a seed.
struct Talk {
    session: Session,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Talk {
    async fn open(pod: &Running) -> Self {
        let mut random = [0; 32];
        OsRng.fill_bytes(&mut random);
        let (session, first) =
            Session::start(pod.host(), None, Version::Fifth, random).expect("can be begun");
        let socket = connect_async(format!("ws://{}/channel", pod.addr())).await;
        let (socket, _) = socket.expect("opens");
        let mut talk = Self { session, socket };
        talk.send(vec![first]).await;
        let Incoming::Ready(_) = talk.next().await else {
            panic!("no handshake");
        };
        let alice = Identity::generate(&mut OsRng, now()).expect("a key");
        let device = DeviceId([1; 16]);
        let login = talk
            .session
            .identify(&mut OsRng, now(), &alice, device, (0, 0));
        talk.send(login.expect("signs")).await;
        let Incoming::Message(ToSeed::Welcome(_)) = talk.next().await else {
            panic!("no welcome");
        };
        talk
    }

    async fn ask(&mut self, question: &ToPod) -> ToSeed {
        let frames = self.session.send(question).expect("is sealed");
        self.send(frames).await;
        loop {
            match self.next().await {
                Incoming::Message(ToSeed::Ping { .. }) => {}
                Incoming::Message(answer) => return answer,
                Incoming::Ready(_) => panic!("a second handshake"),
            }
        }
    }

    async fn send(&mut self, frames: Vec<Vec<u8>>) {
        for frame in frames {
            let sent = self.socket.send(Message::Binary(frame.into())).await;
            sent.expect("is sent");
        }
    }

    /// The next thing that comes; nothing here is said two at a time but pings.
    async fn next(&mut self) -> Incoming {
        loop {
            let came = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let came = came.expect("in time").expect("is open").expect("is good");
            if let Message::Binary(frame) = came
                && let Some(incoming) = self
                    .session
                    .receive(now(), &frame)
                    .expect("opens")
                    .into_iter()
                    .next()
            {
                return incoming;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_its_people_brings_without_a_stamp_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let pod = boot(&folder).await;
    let mut talk = Talk::open(&pod).await;
    let record = record();
    for (id, (stamp, code)) in (1..).zip(cases(&record)) {
        let store = ToPod::Store {
            id,
            record: record.bytes().to_vec(),
            stamp,
        };
        let answer = talk.ask(&store).await;
        match code {
            Some(code) => assert_eq!(answer, ToSeed::Rejected { id, code }),
            None => assert!(matches!(answer, ToSeed::Stored { .. }), "{answer:?}"),
        }
    }
    pod.stop().await;
}
