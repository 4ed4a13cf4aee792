//! People at a pod: certificates of their own, and channels as a seed has them, without the rest
//! of a seed, so that one process can be hundreds.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use futures::{SinkExt as _, StreamExt as _, future::join_all};
use muttr_core::{
    keyring::{Identity, binding},
    name::{Alias, DeviceId, Host, Label},
    seed::session::{Incoming, Session},
    session::Version,
    time::Time,
    wire::channel::{ToPod, ToSeed, Welcome},
};
use rand_core::{OsRng, RngCore as _};
use tokio::{net::TcpStream, task::spawn_blocking};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use super::pod::Pod;

/// Somebody who has an alias at a pod.
pub(super) struct Person {
    pub(super) label: Label,
    identity: Identity,
    device: DeviceId,
}

impl Person {
    fn new(number: usize) -> Self {
        let mut device = [0; 16];
        OsRng.fill_bytes(&mut device);
        Self {
            label: format!("person{number}").parse().expect("a label"),
            identity: Identity::generate(&mut OsRng, now()).expect("a key"),
            device: DeviceId(device),
        }
    }

    pub(super) fn alias(&self, host: &Host) -> Alias {
        let alias = format!("{}@{host}", self.label);
        alias.parse().expect("an alias")
    }

    async fn registers(&self, pod: &Pod) {
        let host = pod.host();
        let talk = Talk::open(pod.listen, &host, self, (0, 0)).await;
        let (mut talk, _) = talk.expect("comes in");
        let alias = self.alias(&host);
        let binding = binding::sign(&self.identity, &mut OsRng, now(), &alias, 1, None);
        let said = talk.say(&ToPod::Register { id: 1, binding }).await;
        said.expect("is said");
        let answer = talk.hear().await.expect("is answered");
        assert!(matches!(answer, ToSeed::Registered { .. }), "{answer:?}");
    }
}

/// So many people, each with an alias at this pod.
pub(super) async fn move_in(pod: &Pod, count: usize) -> Vec<Person> {
    let (first, second) = (0..count / 2, count / 2..count);
    let halves = [first, second].map(|half| spawn_blocking(|| half.map(Person::new).collect()));
    let halves = join_all(halves).await;
    let people = halves.into_iter().map(|half| half.expect("keys are made"));
    let people: Vec<Person> = people.flat_map(|half: Vec<Person>| half).collect();
    let registering = futures::stream::iter(&people);
    registering
        .for_each_concurrent(16, |person| person.registers(pod))
        .await;
    people
}

pub(super) fn now() -> Time {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall_ms = wall.expect("after 1970").as_millis();
    let wall_ms = u64::try_from(wall_ms).expect("fits");
    Time {
        mono_ms: wall_ms,
        wall_ms,
    }
}

/// The channel broke, as it does when a pod dies.
#[derive(Debug)]
pub(super) struct Broken;

/// A person's channel, identified.
pub(super) struct Talk {
    session: Session,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    heard: VecDeque<Incoming>,
}

impl Talk {
    /// `cursor` is where this device stopped reading.
    pub(super) async fn open(
        addr: SocketAddr,
        host: &Host,
        person: &Person,
        cursor: (u64, u64),
    ) -> Result<(Self, Welcome), Broken> {
        let mut random = [0; 32];
        OsRng.fill_bytes(&mut random);
        let (session, first) =
            Session::start(host, None, Version::Fifth, random).expect("can be begun");
        let socket = connect_async(format!("ws://{addr}/channel")).await;
        let (socket, _) = socket.map_err(|_| Broken)?;
        let mut talk = Self {
            session,
            socket,
            heard: VecDeque::new(),
        };
        talk.send(vec![first]).await?;
        let Incoming::Ready(_) = talk.next().await? else {
            return Err(Broken);
        };
        let (identity, device) = (&person.identity, person.device);
        let login = talk
            .session
            .identify(&mut OsRng, now(), identity, device, cursor);
        talk.send(login.expect("signs")).await?;
        match talk.hear().await? {
            ToSeed::Welcome(welcome) => Ok((talk, welcome)),
            other => panic!("no welcome but {other:?}"),
        }
    }

    pub(super) async fn say(&mut self, message: &ToPod) -> Result<(), Broken> {
        let frames = self.session.send(message).map_err(|_| Broken)?;
        self.send(frames).await
    }

    /// The next message; pings are answered on the way.
    pub(super) async fn hear(&mut self) -> Result<ToSeed, Broken> {
        loop {
            match self.next().await? {
                Incoming::Message(ToSeed::Ping { nonce, .. }) => {
                    self.say(&ToPod::Pong { nonce }).await?;
                }
                Incoming::Message(ToSeed::Rejected { id: 0, .. }) => return Err(Broken),
                Incoming::Message(message) => return Ok(message),
                Incoming::Ready(_) => panic!("a second handshake"),
            }
        }
    }

    async fn send(&mut self, frames: Vec<Vec<u8>>) -> Result<(), Broken> {
        for frame in frames {
            let sent = self.socket.send(Message::Binary(frame.into())).await;
            sent.map_err(|_| Broken)?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Incoming, Broken> {
        loop {
            if let Some(incoming) = self.heard.pop_front() {
                return Ok(incoming);
            }
            let Some(Ok(message)) = self.socket.next().await else {
                return Err(Broken);
            };
            if let Message::Binary(frame) = message {
                let incoming = self.session.receive(now(), &frame);
                self.heard.extend(incoming.map_err(|_| Broken)?);
            }
        }
    }
}
