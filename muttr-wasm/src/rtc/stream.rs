//! One substream: a data channel, its handlers, and the core's framing between them.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use futures::{AsyncRead, AsyncWrite};
use js_sys::{ArrayBuffer, Uint8Array};
use muttr_core::{
    limit,
    rejection::Rejection,
    rtc::{
        Fault,
        framing::{self, Read, Write},
    },
};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast as _, closure::Closure};
use web_sys::{MessageEvent, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

use super::peer::Shared;
use crate::{clock::Clock, log::Refused};

/// A data channel with what is on it. The connection keeps it until both ends are done with it;
/// the stream that uses it may be dropped before.
pub(super) struct Channel {
    raw: RtcDataChannel,
    clock: Clock,
    connection: Weak<Shared>,
    state: RefCell<State>,
    handlers: RefCell<Option<Handlers>>,
}

struct State {
    framing: framing::Stream,
    /// Where a message is copied to before it is looked at; kept for the next one.
    message: Vec<u8>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

struct Handlers {
    _open: Closure<dyn FnMut()>,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _close: Closure<dyn FnMut()>,
    _low: Closure<dyn FnMut()>,
}

impl Channel {
    /// Takes a channel over, before its first event.
    pub(super) fn new(raw: RtcDataChannel, clock: Clock, connection: &Rc<Shared>) -> Rc<Self> {
        raw.set_binary_type(RtcDataChannelType::Arraybuffer);
        raw.set_buffered_amount_low_threshold(limit::RTC_SEND_BYTES_MAX as u32 / 2);
        let channel = Rc::new(Self {
            raw,
            clock,
            connection: Rc::downgrade(connection),
            state: RefCell::new(State {
                framing: framing::Stream::default(),
                message: Vec::new(),
                reader: None,
                writer: None,
            }),
            handlers: RefCell::default(),
        });
        *channel.handlers.borrow_mut() = Some(Handlers::set(&channel));
        connection.count(true);
        channel
    }

    /// What the browser is to send is sent, and whoever waits is woken.
    fn settle(&self, woken: Woken) {
        let mut state = self.state.borrow_mut();
        if self.raw.ready_state() == RtcDataChannelState::Open {
            while let Some(frame) = state.framing.poll_send() {
                if self.raw.send_with_u8_array(&frame).is_err() {
                    state.framing.closed();
                }
            }
        }
        let reader = state.reader.take_if(|_| woken != Woken::Writer);
        let writer = state.writer.take_if(|_| woken != Woken::Reader);
        let over = state.framing.is_done() || state.framing.deadline().is_some();
        drop(state);
        for waker in [reader, writer].into_iter().flatten() {
            waker.wake();
        }
        if over && let Some(connection) = self.connection.upgrade() {
            connection.wake();
        }
    }

    fn received(&self, event: &MessageEvent) {
        let now_ms = self.clock.now().mono_ms;
        let fault = {
            let State {
                framing, message, ..
            } = &mut *self.state.borrow_mut();
            match event.data().dyn_into::<ArrayBuffer>() {
                Ok(bytes) => {
                    let bytes = Uint8Array::new(&bytes);
                    message.resize(bytes.length() as usize, 0);
                    bytes.copy_to(message);
                    // A fault has queued its own RESET.
                    framing.received(now_ms, message).err()
                }
                // Text is not of this protocol.
                Err(_) => {
                    framing.abandon(now_ms);
                    Some(Fault::Malformed)
                }
            }
        };
        if let (Some(fault), Some(connection)) = (fault, self.connection.upgrade()) {
            let code = match fault {
                Fault::TooMuch => Rejection::TooLarge,
                _ => Rejection::Malformed,
            };
            connection.refusals.note(Refused::Stream, code);
        }
        self.settle(Woken::Both);
    }

    fn closed(&self) {
        self.state.borrow_mut().framing.closed();
        self.settle(Woken::Both);
    }

    /// The connection is gone, and this with it.
    pub(super) fn cut(&self) {
        self.closed();
    }

    /// Whether both ends are done with it.
    pub(super) fn is_done(&self) -> bool {
        self.state.borrow().framing.is_done()
    }

    /// When it stops waiting for the far end.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.state.borrow().framing.deadline()
    }

    /// Does what time asks for.
    pub(super) fn tick(&self, now_ms: u64) {
        self.state.borrow_mut().framing.tick(now_ms);
        self.settle(Woken::Both);
    }

    /// What the browser has not sent yet; all there is room for until the channel is open.
    fn buffered(&self) -> usize {
        if self.raw.ready_state() == RtcDataChannelState::Connecting {
            usize::MAX
        } else {
            self.raw.buffered_amount() as usize
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.raw.set_onopen(None);
        self.raw.set_onmessage(None);
        self.raw.set_onclose(None);
        self.raw.set_onbufferedamountlow(None);
        // Sends what is buffered first.
        self.raw.close();
        if let Some(connection) = self.connection.upgrade() {
            connection.count(false);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    Reader,
    Writer,
    Both,
}

impl Handlers {
    fn set(channel: &Rc<Channel>) -> Self {
        let on = |act: fn(&Channel)| {
            let channel = Rc::downgrade(channel);
            Closure::<dyn FnMut()>::new(move || {
                if let Some(channel) = channel.upgrade() {
                    act(&channel);
                }
            })
        };
        let open = on(|channel| channel.settle(Woken::Writer));
        let close = on(Channel::closed);
        let low = on(|channel| channel.settle(Woken::Writer));
        let noted = Rc::downgrade(channel);
        let message = Closure::<dyn FnMut(_)>::new(move |event: MessageEvent| {
            if let Some(channel) = noted.upgrade() {
                channel.received(&event);
            }
        });
        let raw = &channel.raw;
        raw.set_onopen(Some(open.as_ref().unchecked_ref()));
        raw.set_onmessage(Some(message.as_ref().unchecked_ref()));
        raw.set_onclose(Some(close.as_ref().unchecked_ref()));
        raw.set_onbufferedamountlow(Some(low.as_ref().unchecked_ref()));
        Self {
            _open: open,
            _message: message,
            _close: close,
            _low: low,
        }
    }
}

/// A substream, as libp2p uses it. Dropped, it ends in the background.
pub(crate) struct Stream(SendWrapper<Rc<Channel>>);

impl Stream {
    pub(super) fn new(channel: Rc<Channel>) -> Self {
        Self(SendWrapper::new(channel))
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.state.borrow_mut();
        match state.framing.read(into) {
            Read::Data(count) => Poll::Ready(Ok(count)),
            Read::End => Poll::Ready(Ok(0)),
            Read::Reset => Poll::Ready(Err(reset())),
            Read::Wait => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let buffered = self.0.buffered();
        let written = self.0.state.borrow_mut().framing.write(bytes, buffered);
        match written {
            Write::Taken(count) => {
                self.0.settle(Woken::Reader);
                Poll::Ready(Ok(count))
            }
            Write::Closed => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Write::Reset => Poll::Ready(Err(reset())),
            Write::Wait => {
                self.0.state.borrow_mut().writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// What was written is with the browser already, or will be once the channel is open.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written. That the far end has seen it is waited for in the
    /// background: waiting here would cost every question a round trip.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let now_ms = self.0.clock.now().mono_ms;
        self.0.state.borrow_mut().framing.close_write(now_ms);
        self.0.settle(Woken::Reader);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let now_ms = self.0.clock.now().mono_ms;
        self.0.state.borrow_mut().framing.abandon(now_ms);
        self.0.settle(Woken::Both);
    }
}
