//! The browser's peer connection, with its handlers.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    task::Waker,
};

use futures::channel::mpsc;
use js_sys::{Array, Function, JSON, Reflect};
use muttr_core::{limit, rejection::Rejection, rtc::handshake::Event};
use wasm_bindgen::{JsCast as _, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    RtcConfiguration, RtcDataChannel, RtcDataChannelEvent, RtcIceCandidateInit, RtcIceServer,
    RtcPeerConnection, RtcPeerConnectionIceEvent, RtcPeerConnectionState, RtcSdpType,
    RtcSessionDescriptionInit,
};

use super::{Config, INIT, stream::Channel};
use crate::{
    clock::Clock,
    log::{Refusals, Refused},
};

/// One `RTCPeerConnection`. Closed, and without handlers, once this is dropped.
pub(super) struct Peer {
    raw: RtcPeerConnection,
    pub(super) shared: Rc<Shared>,
    /// Our `init` channel, as long as it is open.
    init: RefCell<Option<Init>>,
    _handlers: Handlers,
}

/// What the handlers note.
pub(super) struct Shared {
    clock: Clock,
    /// To the handshake, as long as there is one.
    events: RefCell<Option<mpsc::UnboundedSender<Event>>>,
    /// Channels that the far end opened.
    pub(super) incoming: RefCell<VecDeque<Rc<Channel>>>,
    /// The browser gave the connection up.
    pub(super) lost: Cell<bool>,
    /// The task that drives the connection.
    waker: RefCell<Option<Waker>>,
    /// Data channels with a stream on them, ours and theirs.
    pub(super) streams: Cell<usize>,
    /// When the last of them was opened or closed, by the monotonic clock.
    pub(super) used_ms: Cell<u64>,
    /// The far end opened its `init`.
    introduced: Cell<bool>,
    pub(super) refusals: Refusals,
}

struct Handlers {
    _state: Closure<dyn FnMut()>,
    _candidate: Closure<dyn FnMut(RtcPeerConnectionIceEvent)>,
    _channel: Closure<dyn FnMut(RtcDataChannelEvent)>,
}

struct Init {
    raw: RtcDataChannel,
    _open: Closure<dyn FnMut()>,
    _close: Closure<dyn FnMut()>,
}

impl Shared {
    fn tell(&self, event: Event) {
        if let Some(events) = &*self.events.borrow() {
            let _ = events.unbounded_send(event);
        }
    }

    /// Has the task that drives the connection look again.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Remembers whom to wake.
    pub(super) fn wake_later(&self, waker: &Waker) {
        *self.waker.borrow_mut() = Some(waker.clone());
    }

    /// A stream was opened (`true`) or is over.
    pub(super) fn count(&self, opened: bool) {
        let count = self.streams.get();
        self.streams.set(if opened {
            count + 1
        } else {
            count.saturating_sub(1)
        });
        self.used_ms.set(self.clock.now().mono_ms);
    }

    /// A channel that the far end opened. Its handlers are set here, inside the event, because
    /// its first message may be next in the browser's queue.
    fn opened(self: &Rc<Self>, raw: RtcDataChannel) {
        // Whoever opened `init` closes it: js-libp2p waits until it has seen it open.
        if raw.label() == INIT && !self.introduced.replace(true) {
            return;
        }
        let mut incoming = self.incoming.borrow_mut();
        let full = incoming.len() >= limit::RTC_INBOUND_STREAMS_WAITING_MAX
            || self.streams.get() >= limit::RTC_STREAMS_MAX;
        if raw.label() == INIT || full {
            raw.close();
            let code = if full {
                Rejection::Busy
            } else {
                Rejection::Malformed
            };
            return self.refusals.note(Refused::Stream, code);
        }
        incoming.push_back(Channel::new(raw, self.clock, self));
        drop(incoming);
        self.wake();
    }
}

impl Peer {
    /// A connection with nobody yet, and what happens to it.
    pub(super) fn new(config: &Config) -> Result<(Self, mpsc::UnboundedReceiver<Event>), JsValue> {
        let stun = config.stun.as_deref();
        let raw = RtcPeerConnection::new_with_configuration(&configuration(stun))?;
        let clock = config.clock;
        let (events, happened) = mpsc::unbounded();
        let shared = Rc::new(Shared {
            clock,
            events: RefCell::new(Some(events)),
            incoming: RefCell::default(),
            lost: Cell::new(false),
            waker: RefCell::default(),
            streams: Cell::new(0),
            used_ms: Cell::new(clock.now().mono_ms),
            introduced: Cell::new(false),
            refusals: config.refusals.clone(),
        });
        let handlers = Handlers::set(&raw, &shared);
        let peer = Self {
            raw,
            shared,
            init: RefCell::default(),
            _handlers: handlers,
        };
        Ok((peer, happened))
    }

    /// The handshake is over: nobody listens for its events any more, and `init`, which is closed
    /// or about to be, loses its handlers.
    pub(super) fn established(&self) {
        *self.shared.events.borrow_mut() = None;
        *self.init.borrow_mut() = None;
    }

    /// Opens `init` and makes an offer of it.
    pub(super) async fn offer(&self) -> Result<String, JsValue> {
        let init = Init::open(self.channel(INIT)?, &self.shared);
        *self.init.borrow_mut() = Some(init);
        let offer = JsFuture::from(self.raw.create_offer()).await?;
        self.describe(&offer).await
    }

    /// Makes the answer to an offer that was applied.
    pub(super) async fn answer(&self) -> Result<String, JsValue> {
        let answer = JsFuture::from(self.raw.create_answer()).await?;
        self.describe(&answer).await
    }

    async fn describe(&self, description: &JsValue) -> Result<String, JsValue> {
        let description: &RtcSessionDescriptionInit = description.unchecked_ref();
        JsFuture::from(self.raw.set_local_description(description)).await?;
        description.get_sdp().ok_or(JsValue::NULL)
    }

    /// Takes the far end's description.
    pub(super) async fn apply(&self, kind: RtcSdpType, sdp: &str) -> Result<(), JsValue> {
        let description = RtcSessionDescriptionInit::new(kind);
        description.set_sdp(sdp);
        JsFuture::from(self.raw.set_remote_description(&description)).await?;
        Ok(())
    }

    /// Takes one of the far end's candidates.
    pub(super) async fn add(&self, json: &str) -> Result<(), JsValue> {
        let candidate: RtcIceCandidateInit = JSON::parse(json)?.unchecked_into();
        let adding = self
            .raw
            .add_ice_candidate_with_opt_rtc_ice_candidate_init(Some(&candidate));
        JsFuture::from(adding).await?;
        Ok(())
    }

    /// Whether there is a way to the far end, and still no connection: then its certificate is not
    /// the one that its description announced. That the browser says so itself comes too late.
    pub(super) fn is_unproven(&self) -> bool {
        let state = Reflect::get(&self.raw, &"iceConnectionState".into());
        state.is_ok_and(|state| state == *"connected" || state == *"completed")
    }

    /// Closes our `init` channel.
    pub(super) fn close_init(&self) {
        if let Some(init) = &*self.init.borrow() {
            init.raw.close();
        }
    }

    /// Opens a data channel. Unlike web-sys's own binding this does not let the browser throw
    /// through us, as it does once the connection is closed.
    pub(super) fn channel(&self, label: &str) -> Result<RtcDataChannel, JsValue> {
        let create: Function = Reflect::get(&self.raw, &"createDataChannel".into())?.dyn_into()?;
        let channel = create.call1(&self.raw, &label.into())?;
        Ok(channel.unchecked_into())
    }

    /// Closes it; the far end is told.
    pub(super) fn close(&self) {
        self.shared.lost.set(true);
        self.raw.close();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.raw.set_onconnectionstatechange(None);
        self.raw.set_onicecandidate(None);
        self.raw.set_ondatachannel(None);
        self.shared.incoming.borrow_mut().clear();
        self.close();
    }
}

impl Handlers {
    fn set(raw: &RtcPeerConnection, shared: &Rc<Shared>) -> Self {
        let (connection, noted) = (raw.clone(), Rc::downgrade(shared));
        let state = Closure::<dyn FnMut()>::new(move || {
            let Some(noted) = noted.upgrade() else { return };
            match connection.connection_state() {
                RtcPeerConnectionState::Connected => noted.tell(Event::Connected),
                RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed => {
                    noted.lost.set(true);
                    noted.tell(Event::Failed);
                    noted.wake();
                }
                _ => {}
            }
        });
        raw.set_onconnectionstatechange(Some(state.as_ref().unchecked_ref()));

        let noted = Rc::downgrade(shared);
        let candidate = Closure::<dyn FnMut(_)>::new(move |event: RtcPeerConnectionIceEvent| {
            let json = event
                .candidate()
                .and_then(|candidate| JSON::stringify(&candidate.to_json()).ok());
            if let (Some(noted), Some(json)) = (noted.upgrade(), json) {
                noted.tell(Event::Candidate(json.into()));
            }
        });
        raw.set_onicecandidate(Some(candidate.as_ref().unchecked_ref()));

        let noted = Rc::downgrade(shared);
        let channel =
            Closure::<dyn FnMut(_)>::new(move |event: RtcDataChannelEvent| match noted.upgrade() {
                Some(noted) => noted.opened(event.channel()),
                None => event.channel().close(),
            });
        raw.set_ondatachannel(Some(channel.as_ref().unchecked_ref()));
        Self {
            _state: state,
            _candidate: candidate,
            _channel: channel,
        }
    }
}

impl Init {
    fn open(raw: RtcDataChannel, shared: &Rc<Shared>) -> Self {
        let teller = |event: fn() -> Event| {
            let noted = Rc::downgrade(shared);
            Closure::<dyn FnMut()>::new(move || {
                if let Some(noted) = noted.upgrade() {
                    noted.tell(event());
                }
            })
        };
        let (open, close) = (teller(|| Event::InitOpened), teller(|| Event::InitClosed));
        raw.set_onopen(Some(open.as_ref().unchecked_ref()));
        raw.set_onclose(Some(close.as_ref().unchecked_ref()));
        Self {
            raw,
            _open: open,
            _close: close,
        }
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.raw.set_onopen(None);
        self.raw.set_onclose(None);
        self.raw.close();
    }
}

fn configuration(stun: Option<&str>) -> RtcConfiguration {
    let servers = Array::new();
    if let Some(url) = stun {
        let server = RtcIceServer::new();
        server.set_urls(&url.into());
        servers.push(&server);
    }
    let configuration = RtcConfiguration::new();
    configuration.set_ice_servers(&servers);
    configuration
}
