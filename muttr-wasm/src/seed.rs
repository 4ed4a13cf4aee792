//! A seed, as the facade holds it: commands in, promises out, and one function told of events.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use ed25519_dalek::SigningKey;
use futures::channel::{
    mpsc::{UnboundedSender, unbounded},
    oneshot,
};
use js_sys::{Function, Promise};
use libp2p::Multiaddr;
use muttr_core::{
    limit,
    machine::{Table, Write},
    name::{Alias, Host, Label, MessageId, SeedId},
    rejection::Rejection,
    routing::Contact,
    seed::{self, Command, Done, Draft, Event, Judgement, State},
};
use serde::Deserialize;
use serde_bytes::ByteBuf;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use crate::{
    clock::Clock,
    driver::{Driver, Told, Wish},
    error::thrown,
    figures::Figures,
    line::Line,
    network::{self, Network},
    person::Person,
    random, settings,
    store::{self, Disk},
    view,
};

/// What the facade says when it starts a seed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    database: String,
    /// The pod's name, with its port.
    host: String,
    /// Where its private channel is: `ws:` or `wss:`.
    channel: String,
    /// What it says of itself; absent when it does not answer.
    pod: Option<Pod>,
    quota_bytes: Option<u64>,
    /// No other seed shall see this one.
    hidden: bool,
}

#[derive(Deserialize)]
struct Pod {
    seed: String,
    addresses: Vec<String>,
    /// `stun:host:port`; absent when it answers no STUN.
    stun: Option<String>,
    /// Pods of other places that it names.
    others: Vec<Other>,
}

/// A pod of another place, as ours names it.
#[derive(Deserialize)]
struct Other {
    seed: String,
    addresses: Vec<String>,
}

/// What the facade says when it sends a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Letter {
    to: String,
    content_type: String,
    body: ByteBuf,
    reply_to: Option<String>,
    life_ms: Option<u64>,
}

/// Commands that wait for their [`Event::Done`].
type Waiting = Rc<RefCell<BTreeMap<u64, oneshot::Sender<Result<Done, Rejection>>>>>;

/// A running seed. It stops when closed; letting go of it is not enough.
#[wasm_bindgen]
pub struct Seed {
    id: SeedId,
    asked: Cell<u64>,
    waiting: Waiting,
    pub(crate) wishes: UnboundedSender<Wish>,
    pub(crate) figures: Rc<RefCell<Figures>>,
    hidden: bool,
    quota_bytes: Cell<u64>,
    ended: RefCell<Option<oneshot::Receiver<()>>>,
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seed")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[wasm_bindgen]
impl Seed {
    /// Starts one; `tell(kind, value)` is called for every event from now on.
    ///
    /// Resolves to a [`Seed`] that answers once it told `ready`.
    pub fn start(options: JsValue, person: Option<Person>, tell: Function) -> Promise {
        future_to_promise(async move {
            let options: Options =
                serde_wasm_bindgen::from_value(options).map_err(|_| thrown(Rejection::Misuse))?;
            start(options, person, tell)
                .await
                .map(JsValue::from)
                .map_err(thrown)
        })
    }

    /// The seed's libp2p peer id.
    #[must_use]
    pub fn id(&self) -> String {
        self.id.to_string()
    }

    /// Resolves to the address.
    pub fn register(&self, label: &str) -> Promise {
        self.ask(
            label.parse().map_err(|_| Rejection::AliasInvalid),
            |id, label: Label| Command::Register { id, label },
        )
    }

    /// Resolves to a contact.
    pub fn lookup(&self, address: &str) -> Promise {
        self.ask(alias(address), |id, alias| Command::Lookup { id, alias })
    }

    /// Resolves to a delivery.
    pub fn send(&self, letter: JsValue) -> Promise {
        self.ask(draft(letter), |id, draft| Command::Send {
            id,
            draft: Box::new(draft),
        })
    }

    /// Resolves to messages, newest first.
    pub fn messages(&self, with: &str, before_ms: Option<f64>, count: u32) -> Promise {
        let before_ms = before_ms.map(|ms| ms as u64);
        self.ask(alias(with), |id, with| Command::Messages {
            id,
            with,
            before_ms,
            count,
        })
    }

    /// Resolves to conversations, most recent first.
    pub fn conversations(&self) -> Promise {
        self.ask(Ok(()), |id, ()| Command::Conversations { id })
    }

    /// Resolves to the messages that have arrived and were not advanced past, oldest first.
    pub fn inbox(&self) -> Promise {
        self.ask(Ok(()), |id, ()| Command::Inbox { id })
    }

    /// Everything that arrived up to this number has been dealt with.
    pub fn advance(&self, arrival: f64) {
        self.wish(Command::Advance {
            arrival: arrival as u64,
        });
    }

    /// Resolves once it is noted.
    #[wasm_bindgen(js_name = markRead)]
    pub fn mark_read(&self, with: &str) -> Promise {
        self.ask(alias(with), |id, with| Command::MarkRead { id, with })
    }

    /// Resolves to the contact as it is now.
    pub fn judge(&self, address: &str, judgement: &str) -> Promise {
        let judgement = match judgement {
            "accept" => Ok(Judgement::Accept),
            "block" => Ok(Judgement::Block),
            "verify" => Ok(Judgement::Verify),
            "accept-key" => Ok(Judgement::AcceptKey),
            _ => Err(Rejection::Misuse),
        };
        let both = judgement.and_then(|judgement| Ok((alias(address)?, judgement)));
        self.ask(both, |id, (alias, judgement)| Command::Judge {
            id,
            alias,
            judgement,
        })
    }

    /// Keeps at most so many bytes for others, in later lives as well; while it is hidden in
    /// later ones only.
    pub fn quota(&self, bytes_max: f64) {
        let bytes_max = bytes_max as u64;
        if !self.hidden {
            self.quota_bytes.set(bytes_max);
        }
        let write = Write::Put(Table::Setting, settings::quota_row(bytes_max));
        let _ = self.wishes.unbounded_send(Wish::Note(write));
        self.wish(Command::Quota { bytes_max });
    }

    /// The figures of this moment.
    #[must_use]
    pub fn stats(&self) -> JsValue {
        view::stats(&self.figures.borrow(), self.quota_bytes.get())
    }

    /// The page is shown again, or the network is back.
    pub fn wake(&self) {
        let _ = self.wishes.unbounded_send(Wish::Wake);
    }

    /// Stops; resolves once everything that was to be written is on the disk.
    pub fn close(&self) -> Promise {
        self.wishes.close_channel();
        let ended = self.ended.take();
        let waiting = Rc::clone(&self.waiting);
        future_to_promise(async move {
            if let Some(ended) = ended {
                let _ = ended.await;
            }
            // What was asked and not answered never will be.
            waiting.borrow_mut().clear();
            Ok(JsValue::UNDEFINED)
        })
    }

    pub(crate) fn wish(&self, command: Command) {
        let _ = self.wishes.unbounded_send(Wish::Command(command));
    }

    pub(crate) fn ask<T>(
        &self,
        parsed: Result<T, Rejection>,
        command: impl FnOnce(u64, T) -> Command,
    ) -> Promise {
        let answer = parsed.map(|parsed| {
            let id = self.asked.get() + 1;
            self.asked.set(id);
            let (sender, answer) = oneshot::channel();
            self.waiting.borrow_mut().insert(id, sender);
            self.wish(command(id, parsed));
            answer
        });
        future_to_promise(async move {
            // Whoever would have answered is gone: the seed was closed meanwhile.
            let done = answer
                .map_err(thrown)?
                .await
                .unwrap_or(Err(Rejection::Closed));
            done.map(|done| view::done(&done)).map_err(thrown)
        })
    }
}

async fn start(
    options: Options,
    person: Option<Person>,
    tell: Function,
) -> Result<Seed, Rejection> {
    let host: Host = options.host.parse().map_err(|_| Rejection::Misuse)?;
    let answer = options.pod.map(answer_of).transpose()?;
    let mut disk = Disk::open(&options.database).await?;
    let pod = settings::pod(&mut disk, &host, answer).await?;
    let quota_bytes = settings::quota(&mut disk, options.quota_bytes).await?;
    let secret = settings::seed_key(&mut disk).await?;
    let key = SigningKey::from_bytes(&secret);
    let keypair = muttr_net::keypair(*secret).map_err(|_| Rejection::Misuse)?;
    let id = SeedId(key.verifying_key().to_bytes());

    let figures = Rc::new(RefCell::new(Figures::default()));
    let clock = Clock::new();
    let hidden = options.hidden;
    // What is remembered comes back once the seed hides no more.
    let quota_bytes = if hidden { 0 } else { quota_bytes };
    let network = network::Config {
        keypair: &keypair,
        stores: quota_bytes > 0,
        pod: &pod.contact,
        others: &pod.others,
        stun: pod.stun,
        clock,
        figures: Rc::clone(&figures),
    };
    let network = (!hidden).then(|| Network::new(network)).transpose()?;
    let identity = person.map(Person::into_identity);
    // Who is nobody opens no channel, and knows the pod by the link to it.
    let linked = identity.is_none().then_some(pod.contact.seed);
    let line = match linked {
        None => Line::new(options.channel, clock.now()),
        Some(_) => Line::unused(),
    };
    let config = seed::Config {
        host,
        pod: pod.contact,
        pods: pod.others,
        key,
        identity,
        keep_bytes_max: quota_bytes,
        hidden,
        posts: false,
        random: random::bytes(),
    };
    let waiting = Waiting::default();
    let (wishes, wished) = unbounded();
    let disk = store::attended(disk);
    let driver = Driver {
        seed: seed::Seed::new(config),
        clock,
        network,
        line,
        pod: linked,
        wishes: wished,
        requests: disk.requests,
        outcomes: disk.outcomes,
        figures: Rc::clone(&figures),
        tell: teller(Rc::clone(&waiting), tell),
    };
    spawn_local(driver.run());
    Ok(Seed {
        id,
        asked: Cell::new(0),
        waiting,
        wishes,
        figures,
        hidden,
        quota_bytes: Cell::new(quota_bytes),
        ended: RefCell::new(Some(disk.ended)),
    })
}

/// Answers promises, and passes on everything else.
fn teller(waiting: Waiting, tell: Function) -> Box<dyn Fn(Told)> {
    Box::new(move |told| {
        let (kind, value) = match told {
            Told::Figures => ("stats", JsValue::UNDEFINED),
            Told::Linked(seed, true) => ("linked", seed.to_string().into()),
            Told::Linked(seed, false) => ("unlinked", seed.to_string().into()),
            Told::Unreachable => ("unreachable", JsValue::UNDEFINED),
            Told::Ready(alias) => (
                "ready",
                alias.map_or(JsValue::UNDEFINED, |alias| alias.to_string().into()),
            ),
            Told::Alias(alias) => ("alias", alias.to_string().into()),
            Told::Event(Event::Done(id, result)) => {
                if let Some(waiter) = waiting.borrow_mut().remove(&id) {
                    let _ = waiter.send(result);
                }
                return;
            }
            Told::Event(Event::Ready | Event::Held { .. } | Event::Post { .. }) => return,
            Told::Event(Event::State(state)) => ("state", state_name(state).into()),
            Told::Event(Event::Message(message)) => ("message", view::message(&message)),
            Told::Event(Event::Delivery(delivery)) => ("delivery", view::delivery(&delivery)),
            Told::Event(Event::Refused(why)) => ("refused", why.code().into()),
            Told::Event(Event::SetAside(why)) => ("fault", why.code().into()),
        };
        // What the facade throws is reported by the browser, and no concern of the driver.
        let _ = tell.call2(&JsValue::UNDEFINED, &kind.into(), &value);
    })
}

const fn state_name(state: State) -> &'static str {
    match state {
        State::Connecting => "connecting",
        State::Online => "online",
        State::Offline => "offline",
    }
}

fn alias(address: &str) -> Result<Alias, Rejection> {
    address.parse().map_err(|_| Rejection::AliasInvalid)
}

fn answer_of(pod: Pod) -> Result<settings::Pod, Rejection> {
    // One that makes no sense is passed over; without ours there is no seed.
    let others = pod.others.into_iter().take(limit::PODS_NAMED_MAX);
    let others = others.filter_map(|other| contact_of(&other.seed, other.addresses).ok());
    Ok(settings::Pod {
        contact: contact_of(&pod.seed, pod.addresses)?,
        stun: pod.stun,
        others: others.collect(),
    })
}

fn contact_of(seed: &str, addresses: Vec<String>) -> Result<Contact, Rejection> {
    let seed = seed.parse().map_err(|_| Rejection::Malformed)?;
    let addresses = addresses
        .into_iter()
        .map(|address| address.parse::<Multiaddr>());
    let addresses = addresses.map(|address| address.map(|address| address.to_vec()));
    let addresses = addresses
        .collect::<Result<_, _>>()
        .map_err(|_| Rejection::Malformed)?;
    Ok(Contact { seed, addresses })
}

fn draft(letter: JsValue) -> Result<Draft, Rejection> {
    let letter: Letter = serde_wasm_bindgen::from_value(letter).map_err(|_| Rejection::Misuse)?;
    let reply_to = letter.reply_to.map(|id| id.parse::<MessageId>());
    Ok(Draft {
        to: alias(&letter.to)?,
        content_type: letter.content_type,
        body: letter.body.into_vec(),
        reply_to: reply_to.transpose().map_err(|_| Rejection::Misuse)?,
        life_ms: letter.life_ms.unwrap_or(limit::RECORD_LIFE_DEFAULT_MS),
    })
}
