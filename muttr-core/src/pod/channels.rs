//! A channel's life: greeted, identified, pinged, closed.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use super::{
    Event, OUTPUTS_MAX, Pod, Quotas,
    allowance::{Allowance, Rate},
    session::{Identified, Unidentified},
};
use crate::{
    keyring::Certificate,
    limit,
    machine::{Frame, Link, Output},
    name::{DeviceId, Fingerprint},
    rejection::Rejection,
    session::{self, Version},
    time::Time,
    wire::channel::{Identify, ToSeed, Welcome},
};

/// A channel and when it has to be looked after.
#[derive(Debug)]
pub(super) struct Line {
    stage: Stage,
    due: u64,
}

#[derive(Debug)]
enum Stage {
    /// Nothing came yet.
    Fresh,
    /// The handshake is done.
    Unidentified(Box<Unidentified>),
    /// Somebody's session.
    Identified(Box<Session>),
}

/// What a session needs beside its cryptography.
#[derive(Debug)]
pub(super) struct Session {
    identified: Identified,
    /// When something last came from it, and when it is pinged next; monotonic.
    heard: u64,
    ping_at: u64,
    pings: u64,
    /// Requests that were not answered yet.
    requests: usize,
    allowance: Allowance,
    pub(super) playback: Playback,
}

/// How far playback came in this session.
#[derive(Debug, Default)]
pub(super) struct Playback {
    /// Everything up to here was pushed, or is not wanted.
    pub(super) pushed: u64,
    /// What was pushed and not acknowledged, ascending.
    pub(super) waiting: VecDeque<u64>,
}

impl Session {
    fn who(&self) -> (Fingerprint, DeviceId) {
        (
            self.identified.certificate().fingerprint(),
            self.identified.device(),
        )
    }

    /// When it is to be pinged, or given up.
    fn due(&self) -> u64 {
        self.ping_at
            .min(self.heard.saturating_add(limit::SILENCE_MS_MAX))
    }
}

impl Pod {
    pub(super) fn channel_linked(&mut self, now: Time, channel: u64) {
        if self.channels.len() >= self.config.quotas.channels_max {
            self.send(channel, session::refusal(Rejection::Busy));
            return self
                .outputs
                .push_back(Output::Unlink(Link::Channel(channel)));
        }
        let due = now.after(limit::HANDSHAKE_MS_MAX);
        self.set_line(
            channel,
            Line {
                stage: Stage::Fresh,
                due,
            },
        );
    }

    pub(super) fn channel_unlinked(&mut self, now: Time, channel: u64) {
        self.drop_line(now, channel);
    }

    pub(super) fn channel_frame(&mut self, now: Time, channel: u64, frame: Frame) {
        let Frame::Channel(bytes) = frame else { return };
        if self.outputs.len() >= OUTPUTS_MAX {
            // The shell does not keep up; a frame left out would put the session out of step.
            return self.close(now, channel, Rejection::Busy);
        }
        match self.channels.get_mut(&channel).map(|line| &mut line.stage) {
            None => {}
            Some(Stage::Identified(session)) => match session.identified.receive(&bytes) {
                Ok(message) => {
                    session.heard = now.mono_ms;
                    if let Some(message) = message {
                        self.message(now, channel, message);
                    }
                }
                Err(why) => self.dismiss(now, channel, why),
            },
            Some(_) => self.introduce(now, channel, &bytes),
        }
    }

    /// The frames before a session is identified.
    fn introduce(&mut self, now: Time, channel: u64, frame: &[u8]) {
        let Some(line) = self.channels.get_mut(&channel) else {
            return;
        };
        match core::mem::replace(&mut line.stage, Stage::Fresh) {
            Stage::Fresh => match self.greet(frame) {
                Ok((session, answer)) => {
                    self.set_stage(channel, Stage::Unidentified(Box::new(session)));
                    self.send(channel, answer);
                }
                Err(why) => {
                    self.send(channel, session::refusal(why));
                    self.close(now, channel, why);
                }
            },
            Stage::Unidentified(mut session) => match session.receive(frame) {
                Ok(None) => self.set_stage(channel, Stage::Unidentified(session)),
                Ok(Some(login)) => self.log_in(now, channel, *session, &login),
                Err(why) => self.refuse(now, channel, session.refuse(why)),
            },
            identified @ Stage::Identified(_) => self.set_stage(channel, identified),
        }
    }

    fn greet(&mut self, frame: &[u8]) -> Result<(Unidentified, Vec<u8>), Rejection> {
        if !self.is_ready() {
            return Err(Rejection::Busy);
        }
        let random = self.draw_seed();
        let (host, secret) = (&self.config.host, &self.config.noise_secret);
        let (open, answer) = session::answer(host, secret, random, &self.proof, frame)?;
        Ok((Unidentified::new(open), answer))
    }

    fn set_stage(&mut self, channel: u64, stage: Stage) {
        if let Some(line) = self.channels.get_mut(&channel) {
            line.stage = stage;
        }
    }

    fn log_in(&mut self, now: Time, channel: u64, session: Unidentified, login: &Identify) {
        let identified = match session.identify(now, &self.config.host, login) {
            Ok(identified) => identified,
            Err(refused) => return self.refuse(now, channel, refused),
        };
        let (owner, device) = (identified.certificate().fingerprint(), identified.device());
        if let Some(&before) = self.sessions.get(&(owner, device)) {
            self.dismiss(now, before, Rejection::Replaced);
        }
        let entered = match self.enter(now, owner, device, login.cursor) {
            Ok(after) => after,
            Err(why) => return self.refuse(now, channel, identified.refuse(why)),
        };
        let session = Session {
            identified,
            heard: now.mono_ms,
            ping_at: now.after(limit::PING_MS),
            pings: 0,
            requests: 0,
            allowance: Allowance::full(now, change_rate(&self.config.quotas)),
            playback: Playback {
                pushed: entered,
                waiting: VecDeque::new(),
            },
        };
        let due = session.due();
        self.set_line(
            channel,
            Line {
                stage: Stage::Identified(Box::new(session)),
                due,
            },
        );
        self.sessions.insert((owner, device), channel);
        let mailbox = self.mailboxes.get(&owner);
        let welcome = Welcome {
            wall_ms: now.wall_ms,
            aliases: self.registry.of(&owner),
            epoch: mailbox.map_or(0, super::Mailbox::epoch),
            lowest: mailbox.map_or(0, super::Mailbox::lowest),
        };
        self.tell(channel, &ToSeed::Welcome(welcome));
        self.push(owner, channel);
        self.tell_all_lost(owner, device, channel);
    }

    fn set_line(&mut self, channel: u64, line: Line) {
        let due = line.due;
        if let Some(before) = self.channels.insert(channel, line) {
            self.timers.remove(&(before.due, channel));
        }
        self.timers.insert((due, channel));
    }

    /// Forgets a channel.
    fn drop_line(&mut self, now: Time, channel: u64) {
        let Some(line) = self.channels.remove(&channel) else {
            return;
        };
        self.timers.remove(&(line.due, channel));
        if let Stage::Identified(session) = line.stage {
            let (owner, device) = session.who();
            if self.sessions.get(&(owner, device)) == Some(&channel) {
                self.sessions.remove(&(owner, device));
            }
            if let Some(mailbox) = self.mailboxes.get_mut(&owner) {
                mailbox.seen(now, &device);
            }
        }
    }

    fn close(&mut self, now: Time, channel: u64, why: Rejection) {
        self.drop_line(now, channel);
        self.outputs
            .push_back(Output::Unlink(Link::Channel(channel)));
        self.tell_shell(Event::Closed(why));
    }

    fn refuse(&mut self, now: Time, channel: u64, refused: super::session::Refused) {
        for frame in refused.frames {
            self.send(channel, frame);
        }
        self.close(now, channel, refused.why);
    }

    /// Ends an identified session and says why.
    pub(super) fn dismiss(&mut self, now: Time, channel: u64, why: Rejection) {
        self.tell(channel, &ToSeed::Rejected { id: 0, code: why });
        self.close(now, channel, why);
    }

    /// Pings who has to be pinged, gives up who is silent or did not say who they are.
    pub(super) fn look_after_channels(&mut self, now: Time) {
        while let Some(&(due, channel)) = self.timers.first() {
            if due > now.mono_ms {
                return;
            }
            let Some(line) = self.channels.get_mut(&channel) else {
                self.timers.remove(&(due, channel));
                continue;
            };
            let Stage::Identified(session) = &mut line.stage else {
                self.close(now, channel, Rejection::TimedOut);
                continue;
            };
            if session.heard.saturating_add(limit::SILENCE_MS_MAX) <= now.mono_ms {
                self.close(now, channel, Rejection::TimedOut);
                continue;
            }
            let mut nonce = None;
            if session.ping_at <= now.mono_ms {
                session.ping_at = now.after(limit::PING_MS);
                session.pings = session.pings.saturating_add(1);
                nonce = Some(session.pings);
            }
            line.due = session.due();
            self.timers.remove(&(due, channel));
            self.timers.insert((line.due, channel));
            if let Some(nonce) = nonce {
                self.tell(
                    channel,
                    &ToSeed::Ping {
                        nonce,
                        wall_ms: now.wall_ms,
                    },
                );
            }
        }
    }

    pub(super) fn session(&mut self, channel: u64) -> Option<&mut Session> {
        match &mut self.channels.get_mut(&channel)?.stage {
            Stage::Identified(session) => Some(session),
            Stage::Fresh | Stage::Unidentified(_) => None,
        }
    }

    /// The channels of a person's sessions, with their devices.
    pub(super) fn sessions_of(&self, owner: Fingerprint) -> Vec<(DeviceId, u64)> {
        let all = (owner, DeviceId([0; 16]))..=(owner, DeviceId([u8::MAX; 16]));
        let sessions = self.sessions.range(all);
        sessions
            .map(|(&(_, device), &channel)| (device, channel))
            .collect()
    }

    /// Whose session a channel is.
    pub(super) fn who(&self, channel: u64) -> Option<(&Certificate, DeviceId)> {
        match &self.channels.get(&channel)?.stage {
            Stage::Identified(session) => Some((
                session.identified.certificate(),
                session.identified.device(),
            )),
            Stage::Fresh | Stage::Unidentified(_) => None,
        }
    }

    /// What may be said in a session.
    pub(super) fn version_of(&mut self, channel: u64) -> Option<Version> {
        self.session(channel)
            .map(|session| session.identified.version())
    }

    /// Counts a request in.
    ///
    /// # Errors
    /// [`Rejection::Busy`], or [`Rejection::RateLimited`] for one that changes something.
    pub(super) fn admit(
        &mut self,
        now: Time,
        channel: u64,
        changes: bool,
    ) -> Result<(), Rejection> {
        let quotas = self.config.quotas;
        let session = self.session(channel).ok_or(Rejection::Unidentified)?;
        // Counted even when refused: the refusal is an answer, and answers count out.
        session.requests = session.requests.saturating_add(1);
        if session.requests > limit::REQUESTS_PER_SESSION_MAX {
            return Err(Rejection::Busy);
        }
        if changes {
            session.allowance.take(now, change_rate(&quotas))
        } else {
            Ok(())
        }
    }

    /// Counts a request out.
    pub(super) fn request_done(&mut self, channel: u64) {
        if let Some(session) = self.session(channel) {
            session.requests = session.requests.saturating_sub(1);
        }
    }

    /// Says something in a session, if it is still there.
    pub(super) fn tell(&mut self, channel: u64, message: &ToSeed) {
        let frames = self
            .session(channel)
            .map(|session| session.identified.send(message));
        for frame in frames.into_iter().flatten() {
            self.send(channel, frame);
        }
    }

    fn send(&mut self, channel: u64, frame: Vec<u8>) {
        self.outputs
            .push_back(Output::Send(Link::Channel(channel), Frame::Channel(frame)));
    }
}

const fn change_rate(quotas: &Quotas) -> Rate {
    Rate::per_s(quotas.changes_burst, quotas.changes_per_s)
}
