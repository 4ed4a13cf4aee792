//! The seed's end of the private channel: who we are, what we asked, what the pod says unasked.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use super::{Event, Seed, State, row, session::Incoming, session::Session};
use crate::{
    custody::Tally,
    limit,
    machine::{Batch, Frame, Link, Output, Table, Write},
    name::{Alias, DeviceId, Fingerprint, Label, MessageId},
    rejection::Rejection,
    session::Version,
    time::Time,
    wire::channel::{ToPod, ToSeed, Welcome},
};

/// What an answer of the pod is for.
#[derive(Debug)]
pub(super) enum Asked {
    /// The application's registration: find out first whether it is a renewal. With where we
    /// move to, if we do.
    OwnBinding(Option<u64>, Label, Option<Alias>),
    /// The application's registration, or a renewal of our own accord.
    Register(Option<u64>, Alias),
    /// The application's question.
    Lookup(u64, Alias),
    /// To whom a message goes.
    Recipient(MessageId),
    /// A pod replica of a sent message.
    Replica(MessageId),
    /// Copies of a sent message among the seeds, placed by the pod; the request's own number.
    Copies(u64),
    /// Who holds a sent message, counted by the pod.
    Count(MessageId),
    /// The notification of a sent message.
    Notify(MessageId),
    /// Who a message claims to be from; the message is named by its key in the inbox.
    Author(Vec<u8>, Alias),
    /// The record of a pending notification, after the seeds did not have it.
    Record(Vec<u8>),
    /// Whether somebody may notify us as a contact; as it was given to them.
    Grant(Alias, Vec<u8>),
    /// That somebody may not any more. Nobody waits for it.
    Revoke,
}

/// What the pod said to one of our questions.
#[derive(Debug)]
pub(super) enum Said {
    Resolved {
        binding: crate::wire::channel::SignedBinding,
        certificate: Vec<u8>,
    },
    Registered,
    Stored(crate::wire::store::Receipt),
    Fetched(Vec<u8>),
    Placed,
    Counted(Box<Tally>),
    Notified,
    Forwarding,
    Granted,
}

/// The channel as it is now.
#[derive(Default)]
pub(super) struct Line {
    session: Option<Session>,
    /// The pod knows who we are.
    pub(super) identified: bool,
    /// Questions under way, with when each is given up.
    asked: BTreeMap<u64, (u64, Asked)>,
    heard_mono_ms: u64,
    /// Aliases the pod has for our certificate.
    pub(super) aliases: Vec<Label>,
    /// What the application was last told.
    told: Option<State>,
}

/// What is remembered of the pod.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct PodRow {
    pub(super) fingerprint: Fingerprint,
}

impl Line {
    pub(super) fn deadline(&self) -> Option<u64> {
        let asked = self.asked.values().map(|(until, _)| *until).min();
        let silent = self.session.as_ref().map(|_| self.silent_at());
        crate::time::earliest(asked, silent)
    }

    const fn silent_at(&self) -> u64 {
        self.heard_mono_ms.saturating_add(limit::SILENCE_MS_MAX)
    }
}

impl Seed {
    /// The shell opened the channel.
    pub(super) fn channel_linked(&mut self, now: Time) {
        let random = self.random();
        let started = Session::start(&self.config.host, self.settings.pod, self.version, random);
        let Ok((session, hello)) = started else {
            return self.hang_up(now, Rejection::Unsupported);
        };
        self.line = Line {
            session: Some(session),
            heard_mono_ms: now.mono_ms,
            told: self.line.told,
            ..Line::default()
        };
        self.send_channel(alloc::vec![hello]);
    }

    /// The channel is gone: nothing that was asked will be answered.
    pub(super) fn channel_unlinked(&mut self, now: Time) {
        let asked = core::mem::take(&mut self.line.asked);
        let told = self.line.told;
        self.line = Line {
            told,
            ..Line::default()
        };
        if self.config.identity.is_some() {
            self.tell_lost();
        }
        for (_, asked) in asked.into_values() {
            self.answered(now, asked, Err(Rejection::Offline));
        }
        self.outbox_offline(now);
    }

    /// A link to the pod came up, or went. A seed without a person has no other way to know
    /// whether the pod is there: the channel is for what concerns a person.
    pub(super) fn pod_linked(&mut self, up: bool) {
        if self.config.identity.is_some() {
            return;
        }
        if up {
            self.tell_state(State::Online);
        } else {
            self.tell_lost();
        }
    }

    fn tell_lost(&mut self) {
        self.tell_state(if self.line.told == Some(State::Online) {
            State::Offline
        } else {
            State::Connecting
        });
    }

    /// Bytes came over the channel.
    pub(super) fn channel_bytes(&mut self, now: Time, bytes: &[u8]) {
        let Some(session) = self.line.session.as_mut() else {
            return;
        };
        self.line.heard_mono_ms = now.mono_ms;
        let incoming = match session.receive(now, bytes) {
            Ok(incoming) => incoming,
            Err(code) => return self.hang_up(now, code),
        };
        for incoming in incoming {
            match incoming {
                Incoming::Ready(pod) => self.pod_ready(now, pod.certificate.fingerprint()),
                Incoming::Message(message) => self.pod_said(now, message),
            }
        }
    }

    /// Ends the channel from our side; some codes mean that trying again is pointless.
    pub(super) fn hang_up(&mut self, now: Time, code: Rejection) {
        // Said to our greeting: the next one asks for less.
        if code == Rejection::Unsupported {
            self.version = match self.version {
                Version::Fifth => Version::Fourth,
                Version::Fourth => Version::Third,
                Version::Third if self.config.hidden => Version::Second,
                _ => Version::First,
            };
        }
        self.out.push_back(Output::Unlink(Link::Channel(0)));
        self.channel_unlinked(now);
        let final_codes = [
            Rejection::WrongHost,
            Rejection::PodKeyChanged,
            Rejection::Replaced,
            Rejection::BadSignature,
        ];
        if final_codes.contains(&code) {
            self.out.push_back(Output::Event(Event::Refused(code)));
        }
    }

    fn pod_ready(&mut self, now: Time, fingerprint: Fingerprint) {
        if self.settings.pod != Some(fingerprint) {
            self.settings.pod = Some(fingerprint);
            let write = row::put(
                Table::Setting,
                row::setting::POD.to_vec(),
                &PodRow { fingerprint },
            );
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes: alloc::vec![write],
            });
        }
        // Who is nobody has nothing to say here.
        let Some(identity) = self.config.identity.as_ref() else {
            return;
        };
        let Some(session) = self.line.session.as_mut() else {
            return;
        };
        let (device, cursor) = (self.settings.device, self.inbox.cursor);
        match session.identify(&mut self.rng, now, identity, device, cursor) {
            Ok(frames) => self.send_channel(frames),
            Err(code) => self.hang_up(now, code),
        }
    }

    fn pod_said(&mut self, now: Time, message: ToSeed) {
        match message {
            ToSeed::Welcome(welcome) => self.welcomed(now, welcome),
            ToSeed::Rejected { id: 0, code } => self.hang_up(now, code),
            ToSeed::Rejected { id, code } => self.pod_answered(now, id, Err(code)),
            ToSeed::Registered { id, .. } => self.pod_answered(now, id, Ok(Said::Registered)),
            ToSeed::Resolved {
                id,
                binding,
                certificate,
            } => {
                self.pod_answered(
                    now,
                    id,
                    Ok(Said::Resolved {
                        binding,
                        certificate,
                    }),
                );
            }
            ToSeed::Stored { id, receipt } => {
                self.pod_answered(now, id, Ok(Said::Stored(receipt)));
            }
            ToSeed::Fetched { id, record } => {
                self.pod_answered(now, id, Ok(Said::Fetched(record)));
            }
            ToSeed::Promised { id, receipt } => self.promised(now, id, &receipt),
            ToSeed::Placed { id } => self.pod_answered(now, id, Ok(Said::Placed)),
            ToSeed::Counted {
                id,
                seeds,
                pods,
                gone,
            } => {
                let record = None;
                let tally = Tally {
                    seeds,
                    pods,
                    record,
                    gone,
                };
                self.pod_answered(now, id, Ok(Said::Counted(Box::new(tally))));
            }
            ToSeed::Notified { id } => self.pod_answered(now, id, Ok(Said::Notified)),
            ToSeed::Forwarding { id } => self.pod_answered(now, id, Ok(Said::Forwarding)),
            ToSeed::Granted { id } => self.pod_answered(now, id, Ok(Said::Granted)),
            ToSeed::Handover { to, key, state } => self.handover(now, &to, &key, state),
            ToSeed::Lost { key } => self.lost(now, key),
            ToSeed::Notification {
                epoch,
                seq,
                to,
                notification,
                ..
            } => {
                self.notified(epoch, seq, to, &notification);
            }
            ToSeed::Cursor { epoch, lowest } => self.all_devices_have(now, epoch, lowest),
            ToSeed::Ping { nonce, wall_ms } => {
                self.correct_clock(now, wall_ms);
                self.say(&ToPod::Pong { nonce });
            }
        }
    }

    fn welcomed(&mut self, now: Time, welcome: Welcome) {
        self.correct_clock(now, welcome.wall_ms);
        self.line.identified = true;
        self.line.aliases = welcome.aliases;
        let ours = self.settings.alias.as_ref();
        if ours.is_none_or(|label| !self.line.aliases.contains(label))
            && let Some(label) = self.line.aliases.first().cloned()
        {
            self.take_alias(label);
        }
        self.tell_state(State::Online);
        self.renew_aliases(now);
        // A mailbox that began anew knows nobody we made a contact.
        self.grant_all(now, welcome.epoch != self.inbox.cursor.0);
        self.all_devices_have(now, welcome.epoch, welcome.lowest);
        self.outbox_online(now);
        self.inbox_online(now);
    }

    fn pod_answered(&mut self, now: Time, id: u64, said: Result<Said, Rejection>) {
        // An answer that nobody waits for is late, or was never asked for: either way, nothing.
        if let Some((_, asked)) = self.line.asked.remove(&id) {
            self.answered(now, asked, said);
        }
    }

    fn answered(&mut self, now: Time, asked: Asked, said: Result<Said, Rejection>) {
        match asked {
            Asked::OwnBinding(id, label, to) => self.own_binding(now, id, label, to, said),
            Asked::Register(id, alias) => self.registered(id, alias, said),
            Asked::Lookup(id, alias) => self.looked_up(now, id, alias, said),
            Asked::Recipient(message) => self.recipient_known(now, message, said),
            Asked::Replica(message) => self.replica_kept(now, message, said),
            // However it ended, the receipts that came are what counts.
            Asked::Copies(placing) => self.placed(now, placing),
            Asked::Count(message) => {
                let tally = said.and_then(|said| match said {
                    Said::Counted(tally) => Ok(*tally),
                    _ => Err(Rejection::Malformed),
                });
                self.tallied(now, message, tally);
            }
            Asked::Notify(message) => self.notification_taken(now, message, said),
            Asked::Author(pending, alias) => self.author_known(now, &pending, &alias, said),
            Asked::Record(pending) => self.record_fetched(now, &pending, said),
            Asked::Grant(alias, given) => self.granted(&alias, &given, said),
            Asked::Revoke => {}
        }
    }

    /// Asks the pod; the answer, or its absence, comes back through [`Seed::answered`].
    pub(super) fn ask(&mut self, now: Time, asked: Asked, question: impl FnOnce(u64) -> ToPod) {
        let id = self.next_id();
        self.ask_as(now, id, asked, &question(id));
    }

    /// The same under a number that was drawn before.
    pub(super) fn ask_as(&mut self, now: Time, id: u64, asked: Asked, question: &ToPod) {
        if !self.line.identified {
            return self.answered(now, asked, Err(Rejection::Offline));
        }
        self.line
            .asked
            .insert(id, (now.after(limit::REQUEST_MS_MAX), asked));
        self.say(question);
    }

    /// Says something that needs no answer.
    pub(super) fn say(&mut self, message: &ToPod) {
        let Some(session) = self.line.session.as_mut() else {
            return;
        };
        // Too large is refused before it comes here, and a closed session has no listener.
        if let Ok(frames) = session.send(message) {
            self.send_channel(frames);
        }
    }

    fn send_channel(&mut self, frames: Vec<Vec<u8>>) {
        for bytes in frames {
            self.out
                .push_back(Output::Send(Link::Channel(0), Frame::Channel(bytes)));
        }
    }

    /// Gives up what took too long, and a channel that has gone silent.
    pub(super) fn line_tick(&mut self, now: Time) {
        let late: Vec<u64> = self
            .line
            .asked
            .iter()
            .filter(|(_, (until, _))| *until <= now.mono_ms)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.pod_answered(now, id, Err(Rejection::TimedOut));
        }
        if self.line.session.is_some() && self.line.silent_at() <= now.mono_ms {
            self.hang_up(now, Rejection::TimedOut);
        }
    }

    fn tell_state(&mut self, state: State) {
        if self.line.told != Some(state) {
            self.line.told = Some(state);
            self.out.push_back(Output::Event(Event::State(state)));
        }
    }

    /// What the application was last told of the connection.
    #[must_use]
    pub fn state(&self) -> State {
        self.line.told.unwrap_or(State::Connecting)
    }

    pub(super) fn take_alias(&mut self, label: Label) {
        let write = row::put(Table::Setting, row::setting::ALIAS.to_vec(), &label);
        self.settings.alias = Some(label);
        self.keep_silently(Batch {
            needs: Vec::new(),
            writes: alloc::vec![write],
        });
    }

    /// Loads or makes the random name of this installation.
    pub(super) fn make_device(&mut self) -> (DeviceId, Write) {
        let mut name = [0; 16];
        rand_core::RngCore::fill_bytes(&mut self.rng, &mut name);
        let device = DeviceId(name);
        (
            device,
            row::put(Table::Setting, row::setting::DEVICE.to_vec(), &device),
        )
    }
}
