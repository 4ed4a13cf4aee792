//! One stream over one data channel: what is written is cut into frames, one for each message of
//! the channel, and what comes is put together again.
//!
//! A frame is protobuf after its length as an unsigned varint: a flag, some bytes, or both. The
//! flags close each direction by itself. A channel that closes may lose what was under way (a
//! known trait of browsers), which is why the end of a direction, FIN, is acknowledged, and why a
//! channel is closed only once both ends were.

mod frame;

use alloc::{collections::VecDeque, vec::Vec};

use self::frame::{Flag, Frame, PAYLOAD_BYTES_MAX};
use super::Fault;
use crate::limit;

/// What a [`Stream::read`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// So many bytes were put into the buffer.
    Data(usize),
    /// Nothing is there yet.
    Wait,
    /// The far end closed its direction, and everything was read.
    End,
    /// The stream broke off.
    Reset,
}

/// What a [`Stream::write`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// So many bytes were taken, at least one; see [`Stream::poll_send`].
    Taken(usize),
    /// Too much waits to be sent.
    Wait,
    /// This direction is closed: by us, or because the far end reads no more.
    Closed,
    /// The stream broke off.
    Reset,
}

/// Our direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Writing {
    /// More may be written.
    #[default]
    Open,
    /// The far end reads no more; FIN is still owed to it.
    Stopped,
    /// FIN waits behind what was written.
    Ending,
    /// FIN was handed to the channel.
    Ended,
}

/// One stream, without its channel.
#[derive(Default)]
pub struct Stream {
    /// What came and was not read.
    unread: VecDeque<u8>,
    /// The beginning of a frame whose rest is to come.
    partial: Vec<u8>,
    /// The far end sent FIN, and how often.
    ended: bool,
    fins: u8,
    writing: Writing,
    /// Our FIN was acknowledged, or that is no longer waited for.
    acked: bool,
    /// Frames that wait for the channel, and their bytes.
    unsent: VecDeque<Vec<u8>>,
    unsent_bytes: usize,
    ack_due: bool,
    stop_due: bool,
    reset_due: bool,
    /// Either end reset the stream.
    reset: bool,
    /// The channel closed.
    gone: bool,
    /// The application dropped the stream.
    abandoned: bool,
    /// When waiting for the far end is over.
    deadline: Option<u64>,
    /// It was over after the stream was abandoned.
    lingered: bool,
}

impl core::fmt::Debug for Stream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stream")
            .field("unread", &self.unread.len())
            .field("unsent", &self.unsent_bytes)
            .field("ended", &self.ended)
            .field("writing", &self.writing)
            .field("acked", &self.acked)
            .field("reset", &self.reset)
            .field("gone", &self.gone)
            .field("abandoned", &self.abandoned)
            .finish_non_exhaustive()
    }
}

impl Stream {
    /// Takes in one message of the data channel. Afterwards there may be something to send.
    ///
    /// # Errors
    /// The [`Fault`] of what came. The stream is then reset.
    pub fn received(&mut self, now_ms: u64, message: &[u8]) -> Result<(), Fault> {
        self.tick(now_ms);
        if self.reset || self.gone {
            return Ok(());
        }
        let taken = self.take(message);
        if taken.is_err() {
            self.reset_due = true;
            self.break_off();
        }
        taken
    }

    /// The channel closed under the stream.
    pub fn closed(&mut self) {
        self.gone = true;
        self.reset_due = false;
        self.hang_up();
    }

    /// Moves bytes that came into a buffer.
    pub fn read(&mut self, into: &mut [u8]) -> Read {
        if self.unread.is_empty() {
            return match (self.ended, self.reset || self.gone) {
                (true, _) => Read::End,
                (false, true) => Read::Reset,
                (false, false) => Read::Wait,
            };
        }
        let (front, back) = self.unread.as_slices();
        let first = copy(front, into);
        let second = copy(back, into.get_mut(first..).unwrap_or_default());
        let count = first.saturating_add(second);
        self.unread.drain(..count);
        // A stream that once was far behind does not keep the room for it.
        if self.unread.is_empty() && self.unread.capacity() > limit::RTC_SEND_BYTES_MAX {
            self.unread = VecDeque::new();
        }
        Read::Data(count)
    }

    /// Takes bytes to send, as many as there is room for. `buffered` is what the channel still
    /// holds (its `bufferedAmount`).
    pub fn write(&mut self, bytes: &[u8], buffered: usize) -> Write {
        if self.reset {
            return Write::Reset;
        }
        if self.writing != Writing::Open {
            return Write::Closed;
        }
        if self.gone {
            return Write::Reset;
        }
        let mut taken = 0_usize;
        for payload in bytes.chunks(PAYLOAD_BYTES_MAX) {
            if self.unsent_bytes.saturating_add(buffered) >= limit::RTC_SEND_BYTES_MAX {
                break;
            }
            let frame = frame::data(payload);
            self.unsent_bytes = self.unsent_bytes.saturating_add(frame.len());
            self.unsent.push_back(frame);
            taken = taken.saturating_add(payload.len());
        }
        if taken == 0 && !bytes.is_empty() {
            Write::Wait
        } else {
            Write::Taken(taken)
        }
    }

    /// Closes our direction, after what was written.
    pub fn close_write(&mut self, now_ms: u64) {
        if matches!(self.writing, Writing::Open | Writing::Stopped) {
            self.writing = Writing::Ending;
            self.wait(now_ms);
        }
    }

    /// Whether the far end has seen the end of what was written, or will not say so any more.
    #[must_use]
    pub fn write_closed(&self) -> bool {
        self.acked || self.reset || self.gone
    }

    /// The application dropped the stream. What was written and closed still arrives; what was
    /// not closed is cut off, so that no one takes a part for the whole.
    pub fn abandon(&mut self, now_ms: u64) {
        if self.abandoned {
            return;
        }
        self.abandoned = true;
        self.unread = VecDeque::new();
        if self.reset || self.gone {
            return;
        }
        match self.writing {
            Writing::Open => {
                self.reset_due = true;
                self.break_off();
                return;
            }
            Writing::Stopped => self.writing = Writing::Ending,
            Writing::Ending | Writing::Ended => {}
        }
        self.stop_due = !self.ended;
        self.wait(now_ms);
        self.settle();
    }

    /// The next message for the data channel: exactly one frame.
    pub fn poll_send(&mut self) -> Option<Vec<u8>> {
        if core::mem::take(&mut self.reset_due) {
            return Some(frame::flag(Flag::Reset));
        }
        if core::mem::take(&mut self.ack_due) {
            return Some(frame::flag(Flag::FinAck));
        }
        if core::mem::take(&mut self.stop_due) {
            return Some(frame::flag(Flag::StopSending));
        }
        if let Some(frame) = self.unsent.pop_front() {
            self.unsent_bytes = self.unsent_bytes.saturating_sub(frame.len());
            return Some(frame);
        }
        if self.writing == Writing::Ending && !self.reset && !self.gone {
            self.writing = Writing::Ended;
            return Some(frame::flag(Flag::Fin));
        }
        None
    }

    /// Whether nothing is left to send or to wait for: the channel may be closed. What was not
    /// read yet can still be.
    #[must_use]
    pub fn is_done(&self) -> bool {
        let sent = !self.reset_due && !self.ack_due && self.unsent.is_empty();
        let both = self.ended && self.writing == Writing::Ended && self.acked;
        self.gone || (sent && (self.reset || both || self.lingered))
    }

    /// When to call [`tick`](Self::tick), in monotonic milliseconds.
    #[must_use]
    pub const fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Lets time pass.
    pub fn tick(&mut self, now_ms: u64) {
        if self.deadline.is_some_and(|deadline| now_ms >= deadline) {
            self.deadline = None;
            self.acked = true;
            self.lingered = self.abandoned;
        }
    }

    fn wait(&mut self, now_ms: u64) {
        if !self.reset && !self.gone {
            self.deadline = Some(now_ms.saturating_add(limit::RTC_FIN_ACK_MS_MAX));
        }
    }

    /// Cuts a message into frames: none, one or several, and the beginning of one.
    fn take(&mut self, message: &[u8]) -> Result<(), Fault> {
        let mut rest = message;
        if !self.partial.is_empty() {
            rest = self.complete(rest)?;
        }
        while !rest.is_empty() && !self.reset {
            let Some((frame, after)) = frame::split(rest)? else {
                self.partial.extend_from_slice(rest);
                break;
            };
            self.enter(frame)?;
            rest = after;
        }
        Ok(())
    }

    /// Adds to the frame that was cut; what is left belongs to the next one.
    fn complete<'a>(&mut self, message: &'a [u8]) -> Result<&'a [u8], Fault> {
        let mut rest = message;
        let mut partial = core::mem::take(&mut self.partial);
        loop {
            let missing = frame::missing(&partial)?;
            if missing == 0 {
                break;
            }
            let (now, later) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            partial.extend_from_slice(now);
            rest = later;
            if now.len() < missing {
                self.partial = partial;
                return Ok(rest);
            }
        }
        if let Some((frame, _)) = frame::split(&partial)? {
            self.enter(frame)?;
        }
        Ok(rest)
    }

    fn enter(&mut self, frame: Frame<'_>) -> Result<(), Fault> {
        if !frame.payload.is_empty() {
            if self.ended {
                return Err(Fault::Malformed);
            }
            if !self.abandoned {
                let len = self.unread.len().saturating_add(frame.payload.len());
                if len > limit::RTC_RECEIVE_BYTES_MAX {
                    return Err(Fault::TooMuch);
                }
                self.unread.extend(frame.payload);
            }
        }
        match frame.flag {
            Some(Flag::Fin) => {
                if self.fins >= limit::RTC_FINS_MAX {
                    return Err(Fault::TooMuch);
                }
                self.fins = self.fins.saturating_add(1);
                self.ended = true;
                self.ack_due = true;
                self.stop_due = false;
            }
            Some(Flag::StopSending) => {
                self.drop_unsent();
                if self.writing == Writing::Open {
                    self.writing = Writing::Stopped;
                }
            }
            Some(Flag::Reset) => self.break_off(),
            Some(Flag::FinAck) if self.writing == Writing::Ended => self.acked = true,
            Some(Flag::FinAck) | None => {}
        }
        self.settle();
        Ok(())
    }

    /// Stops waiting when there is nothing to wait for.
    fn settle(&mut self) {
        if self.acked && (self.ended || !self.abandoned) {
            self.deadline = None;
        }
    }

    /// Ends both directions. What came whole, with its FIN, can still be read.
    fn break_off(&mut self) {
        self.reset = true;
        if !self.ended {
            self.unread = VecDeque::new();
        }
        self.hang_up();
    }

    /// Nothing more comes or goes.
    fn hang_up(&mut self) {
        self.partial = Vec::new();
        self.drop_unsent();
        self.ack_due = false;
        self.stop_due = false;
        self.deadline = None;
    }

    fn drop_unsent(&mut self) {
        self.unsent = VecDeque::new();
        self.unsent_bytes = 0;
    }
}

/// Copies as much as fits, and says how much that was.
fn copy(from: &[u8], into: &mut [u8]) -> usize {
    let len = from.len().min(into.len());
    if let (Some(from), Some(into)) = (from.get(..len), into.get_mut(..len)) {
        into.copy_from_slice(from);
    }
    len
}

#[cfg(test)]
mod tests;
