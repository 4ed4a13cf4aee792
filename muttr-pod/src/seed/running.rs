//! A seed that runs: what it can be asked, and what it tells.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use libp2p::Multiaddr;
use muttr_core::{
    name::{Alias, Host, Label, SeedId},
    rejection::Rejection,
    seed::{
        Command, ContactView, Conversation, Delivery, Done, Draft, Event, Judgement, Message,
        Status,
    },
};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc, oneshot, watch,
    },
    task::JoinHandle,
};

use super::{
    Arrivals, Failure, PodUrl, View,
    view::{Board, Watched},
};
use crate::driver::Happening;

/// Commands that wait for their [`Event::Done`].
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<BTreeMap<u64, oneshot::Sender<Result<Done, Rejection>>>>);

impl Waiting {
    fn begin(&self, id: u64) -> oneshot::Receiver<Result<Done, Rejection>> {
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(id, sender);
        answer
    }

    pub(super) fn end(&self, id: u64, result: Result<Done, Rejection>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiter) = waiting.remove(&id) {
            // Fails when whoever asked waits no longer.
            let _ = waiter.send(result);
        }
    }
}

/// What a [`Running`] is made of.
pub(super) struct Parts {
    pub(super) id: SeedId,
    pub(super) url: PodUrl,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) board: Arc<Board>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) events: broadcast::Sender<Arc<Event>>,
    pub(super) happenings: mpsc::Sender<Happening<Watched>>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) tasks: Vec<JoinHandle<()>>,
}

/// A seed that runs until it is stopped. Dropping this stops it too, without waiting for it.
pub struct Running {
    parts: Parts,
    asked: AtomicU64,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("id", &self.parts.id)
            .finish_non_exhaustive()
    }
}

/// Something a seed told.
#[derive(Clone, Debug)]
pub enum Told {
    /// The machine said so; never [`Event::Done`].
    Event(Arc<Event>),
    /// The listener was slow, and so many events are lost to it. Messages are not: see
    /// [`Running::inbox`].
    Missed(u64),
}

/// Tells what happens from the moment it was made.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Arc<Event>>);

impl Events {
    /// Waits for the next event; `None` once the seed has stopped.
    pub async fn next(&mut self) -> Option<Told> {
        match self.0.recv().await {
            Ok(event) => Some(Told::Event(event)),
            Err(RecvError::Lagged(count)) => Some(Told::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl Running {
    pub(super) const fn new(parts: Parts) -> Self {
        Self {
            parts,
            asked: AtomicU64::new(0),
        }
    }

    /// The seed's own name, which has nothing to do with the person.
    #[must_use]
    pub const fn id(&self) -> SeedId {
        self.parts.id
    }

    /// The home pod's name.
    #[must_use]
    pub const fn host(&self) -> &Host {
        self.parts.url.host()
    }

    /// Where other seeds can connect to; empty for a seed that does not listen.
    #[must_use]
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.parts.addresses
    }

    /// How it is at this moment.
    #[must_use]
    pub fn view(&self) -> View {
        self.parts.board.view()
    }

    /// Everything it tells from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events(self.parts.events.subscribe())
    }

    /// Messages that arrive, first those not advanced past in an earlier life.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals<'_> {
        Arrivals::new(self)
    }

    /// Waits until the pod knows us.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] once an attempt failed, though further ones follow;
    /// [`Failure::Refused`] when the pod does not want to talk to this seed.
    pub async fn online(&self) -> Result<(), Failure> {
        let view = self
            .wait_for(|view| view.online || view.refused.is_some() || view.unreachable.is_some())
            .await?;
        match (view.refused, view.unreachable) {
            (Some(code), _) => Err(Failure::Refused(code)),
            (None, Some(why)) if !view.online => {
                let error = io::Error::from(why);
                Err(Failure::Unreachable(self.parts.url.to_string(), error))
            }
            _ => Ok(()),
        }
    }

    /// Waits until a view of it is as wanted.
    ///
    /// # Errors
    /// [`Failure::Stopped`]
    pub async fn wait_for(&self, wanted: impl FnMut(&View) -> bool) -> Result<View, Failure> {
        let mut views = self.parts.board.subscribe();
        tokio::select! {
            view = views.wait_for(wanted) => {
                view.map(|view| view.clone()).map_err(|_| Failure::Stopped)
            }
            () = self.parts.happenings.closed() => Err(Failure::Stopped),
        }
    }

    /// Waits until everything that the pod has for us was taken over and opened, except what
    /// cannot be had for now.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the pod is lost meanwhile, [`Failure::Stopped`]
    pub async fn drained(&self) -> Result<(), Failure> {
        let Some(alias) = self.view().alias else {
            return Err(Rejection::AliasRequired.into());
        };
        loop {
            // The pod says what it has for us before it answers what was asked later.
            let answered = self.lookup(alias.clone()).await;
            if let Err(
                Failure::Stopped | Failure::Refused(Rejection::Offline | Rejection::TimedOut),
            ) = answered
            {
                return answered.map(|_| ());
            }
            if self.view().under_way.arriving == 0 {
                return Ok(());
            }
            self.wait_for(|view| view.under_way.arriving == 0 || !view.online)
                .await?;
        }
    }

    /// Takes an alias at the pod, or renews it.
    ///
    /// # Errors
    /// [`Failure::Refused`], as all of these, or [`Failure::Stopped`]
    pub async fn register(&self, label: Label) -> Result<Alias, Failure> {
        match self.ask(|id| Command::Register { id, label }).await? {
            Done::Registered(alias) => Ok(alias),
            _ => Err(Failure::Stopped),
        }
    }

    /// Tells whoever writes to an alias of ours that we have moved to another one.
    ///
    /// # Errors
    /// As above; [`Rejection::NotFound`] for an alias that is not ours.
    pub async fn move_away(&self, label: Label, to: Alias) -> Result<Alias, Failure> {
        match self.ask(|id| Command::Move { id, label, to }).await? {
            Done::Registered(alias) => Ok(alias),
            _ => Err(Failure::Stopped),
        }
    }

    /// Whose is this alias?
    ///
    /// # Errors
    /// As above.
    pub async fn lookup(&self, alias: Alias) -> Result<ContactView, Failure> {
        self.contact(|id| Command::Lookup { id, alias }).await
    }

    /// Sends a message. Resolves once the recipient's pod has durably taken the notification and
    /// seeds have had a few seconds to sign for it; or, with what is known by then, once something
    /// is in the way that time may cure.
    ///
    /// # Errors
    /// As above.
    pub async fn send(&self, draft: Draft) -> Result<Delivery, Failure> {
        let draft = Box::new(draft);
        match self.ask(|id| Command::Send { id, draft }).await? {
            Done::Delivery(delivery) => Ok(delivery),
            _ => Err(Failure::Stopped),
        }
    }

    /// Sends a message and waits until the notification is durably with the recipient's pod,
    /// however often that has to be tried, or with our own pod, which then tries by itself.
    ///
    /// # Errors
    /// As above, and the reason why it will not arrive.
    pub async fn deliver(&self, draft: Draft) -> Result<Delivery, Failure> {
        let mut events = self.events();
        let mut delivery = self.send(draft).await?;
        loop {
            match delivery.status {
                Status::Lost => {
                    return Err(delivery.reason.unwrap_or(Rejection::Expired).into());
                }
                Status::Notified | Status::Fetched | Status::Read => return Ok(delivery),
                Status::Queued | Status::Stored if delivery.forwarding => return Ok(delivery),
                Status::Queued | Status::Stored => {}
            }
            match events.next().await.ok_or(Failure::Stopped)? {
                Told::Event(event) => match event.as_ref() {
                    Event::Delivery(news) if news.id == delivery.id => delivery = news.clone(),
                    _ => {}
                },
                Told::Missed(_) => {}
            }
        }
    }

    /// Messages that have arrived and were not advanced past, oldest first.
    ///
    /// # Errors
    /// As above.
    pub async fn inbox(&self) -> Result<Vec<Message>, Failure> {
        match self.ask(|id| Command::Inbox { id }).await? {
            Done::Messages(messages) => Ok(messages),
            _ => Err(Failure::Stopped),
        }
    }

    /// This message and all that arrived before it were dealt with; resolves once that is durable.
    ///
    /// # Errors
    /// As above.
    pub async fn advance(&self, message: &Message) -> Result<(), Failure> {
        let arrival = message.arrival;
        self.tell(Command::Advance { arrival }).await?;
        // The disk answers in order: after what was to be written before.
        self.messages(message.from.clone(), None, 0).await?;
        Ok(())
    }

    /// Messages exchanged with one person, newest first.
    ///
    /// # Errors
    /// As above.
    pub async fn messages(
        &self,
        with: Alias,
        before_ms: Option<u64>,
        count: u32,
    ) -> Result<Vec<Message>, Failure> {
        let command = |id| Command::Messages {
            id,
            with,
            before_ms,
            count,
        };
        match self.ask(command).await? {
            Done::Messages(messages) => Ok(messages),
            _ => Err(Failure::Stopped),
        }
    }

    /// Everyone there is something with, most recent first.
    ///
    /// # Errors
    /// As above.
    pub async fn conversations(&self) -> Result<Vec<Conversation>, Failure> {
        match self.ask(|id| Command::Conversations { id }).await? {
            Done::Conversations(conversations) => Ok(conversations),
            _ => Err(Failure::Stopped),
        }
    }

    /// Decides about a person there was an exchange with.
    ///
    /// # Errors
    /// As above, and [`Failure::NotAContact`].
    pub async fn judge(&self, alias: Alias, judgement: Judgement) -> Result<ContactView, Failure> {
        let about = alias.clone();
        let command = |id| Command::Judge {
            id,
            alias,
            judgement,
        };
        self.contact(command)
            .await
            .map_err(|failure| match failure {
                Failure::Refused(Rejection::NotFound) => Failure::NotAContact(about),
                other => other,
            })
    }

    /// Every message of this conversation was looked at; tells its author so.
    ///
    /// # Errors
    /// As above.
    pub async fn mark_read(&self, with: Alias) -> Result<(), Failure> {
        self.ask(|id| Command::MarkRead { id, with }).await?;
        Ok(())
    }

    /// Keeps at most so many bytes for others from now on.
    ///
    /// # Errors
    /// [`Failure::Stopped`]
    pub async fn quota(&self, bytes_max: u64) -> Result<(), Failure> {
        self.tell(Command::Quota { bytes_max }).await
    }

    /// Stops it: what was asked of the disk is finished, everything is closed.
    pub async fn stop(self) {
        // Fails when everything that listened has ended already.
        let _ = self.parts.stop.send(true);
        drop(self.parts.happenings);
        for task in self.parts.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task broke down");
            }
        }
    }

    async fn contact(&self, command: impl FnOnce(u64) -> Command) -> Result<ContactView, Failure> {
        match self.ask(command).await? {
            Done::Contact(contact) => Ok(contact),
            _ => Err(Failure::Stopped),
        }
    }

    async fn ask(&self, command: impl FnOnce(u64) -> Command) -> Result<Done, Failure> {
        let id = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.parts.waiting.begin(id);
        self.tell(command(id)).await?;
        tokio::select! {
            answer = answer => Ok(answer.map_err(|_| Failure::Stopped)??),
            () = self.parts.happenings.closed() => Err(Failure::Stopped),
        }
    }

    async fn tell(&self, command: Command) -> Result<(), Failure> {
        let happening = Happening::Command(command);
        let told = self.parts.happenings.send(happening).await;
        told.map_err(|_| Failure::Stopped)
    }
}
