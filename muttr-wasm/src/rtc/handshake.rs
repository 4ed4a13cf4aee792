//! Two tabs agree on a direct connection: the core's handshake, carried out.

use std::time::Duration;

use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, FutureExt as _, StreamExt as _,
    channel::mpsc::UnboundedReceiver,
};
use futures_timer::Delay;
use libp2p::swarm;
use muttr_core::{
    limit,
    rejection::Rejection,
    rtc::handshake::{Action, Event, Failure, Handshake},
};
use wasm_bindgen::JsValue;
use web_sys::RtcSdpType;

use super::{Config, Connection, Error, peer::Peer};
use crate::{
    clock::Clock,
    log::{Refusals, Refused},
};

/// What is read from the signalling stream at a time.
const READ_BYTES: usize = 4_096;

/// Offers a connection over this signalling stream.
pub(super) async fn offer(config: Config, signals: swarm::Stream) -> Result<Connection, Error> {
    let machine = Handshake::offer(config.clock.now().mono_ms);
    run(machine, RtcSdpType::Answer, config, signals).await
}

/// Answers whatever is offered over this signalling stream.
pub(super) async fn answer(config: Config, signals: swarm::Stream) -> Result<Connection, Error> {
    let machine = Handshake::answer(config.clock.now().mono_ms);
    run(machine, RtcSdpType::Offer, config, signals).await
}

/// `theirs` is what the far end's description is.
async fn run(
    machine: Handshake,
    theirs: RtcSdpType,
    config: Config,
    signals: swarm::Stream,
) -> Result<Connection, Error> {
    let refusals = config.refusals.clone();
    let (peer, happened) = Peer::new(&config).map_err(|_| Error::Lost)?;
    let run = Run {
        machine,
        theirs,
        clock: config.clock,
        refusals: config.refusals,
        peer,
        happened,
        signals: Some(signals),
        ended: false,
    };
    // The machine has its own deadline; this one is for a browser or a stream that hangs.
    let patience = Duration::from_millis(limit::RTC_HANDSHAKE_MS_MAX + 2_000);
    futures::select! {
        ended = Box::pin(run.run()).fuse() => ended,
        () = Delay::new(patience).fuse() => {
            refusals.note(Refused::Handshake, Rejection::TimedOut);
            Err(Error::Handshake(Failure::TimedOut))
        }
    }
}

struct Run {
    machine: Handshake,
    theirs: RtcSdpType,
    clock: Clock,
    refusals: Refusals,
    peer: Peer,
    happened: UnboundedReceiver<Event>,
    /// Gone once it broke, or was reset.
    signals: Option<swarm::Stream>,
    /// The far end will say nothing more.
    ended: bool,
}

impl Run {
    async fn run(mut self) -> Result<Connection, Error> {
        loop {
            while let Some(action) = self.machine.poll() {
                if let Action::Done(result) = action {
                    return match result {
                        Ok(()) => Ok(Connection::new(self.peer, self.clock)),
                        Err(failure) => {
                            if let Some(code) = self.code(failure) {
                                self.refusals.note(Refused::Handshake, code);
                            }
                            Err(Error::Handshake(failure))
                        }
                    };
                }
                if let Some(event) = self.perform(action).await {
                    self.tell(event);
                }
            }
            let event = self.next().await;
            self.tell(event);
        }
    }

    /// What a failure goes by; nothing where nobody did wrong and the far end only left.
    fn code(&self, failure: Failure) -> Option<Rejection> {
        match failure {
            Failure::TimedOut => Some(Rejection::TimedOut),
            Failure::Malformed => Some(Rejection::Malformed),
            Failure::TooMuch => Some(Rejection::TooLarge),
            // The certificate is not the one whose fingerprint was announced.
            Failure::Refused if self.peer.is_unproven() => Some(Rejection::BadSignature),
            // No way between the two was found.
            Failure::Refused if self.peer.shared.lost.get() => Some(Rejection::TimedOut),
            // The browser would not have their description.
            Failure::Refused => Some(Rejection::Malformed),
            _ => None,
        }
    }

    fn tell(&mut self, event: Event) {
        self.machine.handle(self.clock.now().mono_ms, event);
    }

    /// Does one thing; some things are answered at once.
    async fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Describe => {
                let described = match self.theirs {
                    RtcSdpType::Answer => self.peer.offer().await,
                    _ => self.peer.answer().await,
                };
                Some(described.map_or_else(failed, Event::Described))
            }
            Action::Apply(sdp) => {
                let applied = self.peer.apply(self.theirs, &sdp).await;
                Some(applied.map_or_else(failed, |()| Event::Applied))
            }
            Action::Add(json) => {
                // One that the browser refuses is no failure: there are others.
                let _ = self.peer.add(&json).await;
                None
            }
            Action::Send(bytes) => {
                let signals = self.signals.as_mut()?;
                let sent = async {
                    signals.write_all(&bytes).await?;
                    signals.flush().await
                };
                let broken = sent.await.is_err();
                broken.then_some(Event::Broken)
            }
            Action::CloseInit => {
                self.peer.close_init();
                None
            }
            Action::Close => {
                if let Some(signals) = &mut self.signals {
                    // Whether the far end hears of it is of no consequence any more.
                    let _ = signals.close().await;
                }
                None
            }
            // A stream that is dropped before it was closed is reset.
            Action::Reset => {
                self.signals = None;
                None
            }
            // Taken care of by `run`.
            Action::Done(_) => None,
        }
    }

    /// Waits for the next thing that happens.
    async fn next(&mut self) -> Event {
        let now_ms = self.clock.now().mono_ms;
        let due_ms = self.machine.deadline().unwrap_or(now_ms + limit::MINUTE_MS);
        let mut timer = Delay::new(Duration::from_millis(due_ms.saturating_sub(now_ms))).fuse();
        let mut buffer = [0; READ_BYTES];
        let read = async {
            match &mut self.signals {
                Some(signals) if !self.ended => signals.read(&mut buffer).await,
                _ => std::future::pending().await,
            }
        };
        let count = futures::select_biased! {
            event = self.happened.select_next_some() => return event,
            count = Box::pin(read).fuse() => count,
            () = timer => return Event::Tick,
        };
        match count {
            Ok(0) => {
                self.ended = true;
                Event::Ended
            }
            Ok(count) => Event::Received(buffer.get(..count).unwrap_or_default().to_vec()),
            Err(_) => {
                self.signals = None;
                Event::Broken
            }
        }
    }
}

/// What the browser says against it stays with the browser: it may quote an address.
fn failed(_: JsValue) -> Event {
    Event::Failed
}
