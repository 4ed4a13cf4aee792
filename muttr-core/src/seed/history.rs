//! What was exchanged: conversations, their messages, and what the application has not seen yet.

use alloc::{collections::VecDeque, vec::Vec};

use super::{Conversation, Done, Message, Seed, Status, Then, row, row::MessageRow};
use crate::{
    limit,
    machine::{Batch, Output, Row, Scan, Table, Write},
    name::{Alias, MessageId},
    rejection::Rejection,
    time::Time,
};

/// A question of the application that takes more than one look at the disk.
pub(super) enum Reading {
    /// The messages of one conversation.
    Page(u64),
    /// The newest message of each conversation: those to look up, and those found.
    Newest(u64, VecDeque<Vec<u8>>, Vec<MessageRow>),
    /// Where the messages are that the application has not advanced past.
    Arrivals(u64),
    /// These messages themselves.
    Arrived(u64, VecDeque<Vec<u8>>, Vec<MessageRow>),
    /// What was not looked at yet in a conversation: how many of those still to be found, and who
    /// wants to be told of those that were.
    Unread(u64, Alias, u32, Vec<MessageId>),
}

impl Seed {
    /// Messages with one person, newest first.
    pub(super) fn messages(&mut self, id: u64, with: &Alias, before: Option<u64>, count: u32) {
        let prefix = row::conversation(with);
        let mut from = prefix.clone();
        if let Some(before) = before {
            // Keys hold the complement of the time, so "older" sorts behind.
            let after = u64::MAX.saturating_sub(before).saturating_add(1);
            from.extend_from_slice(&after.to_be_bytes());
        }
        let mut to = prefix;
        to.extend_from_slice(&[u8::MAX; 9]);
        let rows_max = count.min(limit::MESSAGES_PAGE_MAX);
        let scan = Scan {
            table: Table::Message,
            from,
            to,
            rows_max,
        };
        self.recall(scan, Then::Read(Reading::Page(id)));
    }

    /// Everyone there is something with.
    pub(super) fn conversations(&mut self, id: u64) {
        let last = self.contacts.values().map(|contact| contact.last.clone());
        let wanted = last.filter(|key| !key.is_empty()).collect();
        self.read_on(Reading::Newest(id, wanted, Vec::new()));
    }

    /// What arrived and was not advanced past.
    pub(super) fn unadvanced(&mut self, id: u64) {
        let rows_max = u32::try_from(limit::ARRIVALS_MAX).unwrap_or(u32::MAX);
        let scan = Scan::all(Table::Inbox, row::arrival_key(0), rows_max);
        self.recall(scan, Then::Read(Reading::Arrivals(id)));
    }

    /// Goes on with a question: asks the disk for the next thing, or answers.
    fn read_on(&mut self, reading: Reading) {
        match reading {
            Reading::Newest(id, mut wanted, found) => match wanted.pop_front() {
                Some(key) => {
                    let then = Then::Read(Reading::Newest(id, wanted, found));
                    self.recall(Scan::one(Table::Message, &key), then);
                }
                None => self.answer_conversations(id, found),
            },
            Reading::Arrived(id, mut wanted, found) => match wanted.pop_front() {
                Some(key) => {
                    let then = Then::Read(Reading::Arrived(id, wanted, found));
                    self.recall(Scan::one(Table::Message, &key), then);
                }
                None => {
                    let messages = found.into_iter().map(|row| self.show(row)).collect();
                    self.done(id, Ok(Done::Messages(messages)));
                }
            },
            Reading::Page(_) | Reading::Arrivals(_) | Reading::Unread(..) => {}
        }
    }

    /// The disk answered.
    pub(super) fn recalled(&mut self, now: Time, reading: Reading, rows: Option<Vec<Row>>) {
        let Some(rows) = rows else {
            let (Reading::Page(id)
            | Reading::Newest(id, ..)
            | Reading::Arrivals(id)
            | Reading::Arrived(id, ..)
            | Reading::Unread(id, ..)) = reading;
            return self.done(id, Err(Rejection::StorageFailed));
        };
        let messages = rows.iter().filter_map(row::read::<MessageRow>);
        match reading {
            Reading::Page(id) => {
                let messages = messages.map(|row| self.show(row)).collect();
                self.done(id, Ok(Done::Messages(messages)));
            }
            Reading::Newest(id, wanted, mut found) => {
                found.extend(messages);
                self.read_on(Reading::Newest(id, wanted, found));
            }
            Reading::Arrivals(id) => {
                let keys = rows.iter().filter_map(row::read::<serde_bytes::ByteBuf>);
                let wanted = keys.map(serde_bytes::ByteBuf::into_vec).collect();
                self.read_on(Reading::Arrived(id, wanted, Vec::new()));
            }
            Reading::Arrived(id, wanted, mut found) => {
                found.extend(messages);
                self.read_on(Reading::Arrived(id, wanted, found));
            }
            Reading::Unread(id, with, mut left, mut read) => {
                for row in messages.filter(|row| !row.outgoing) {
                    if left == 0 {
                        break;
                    }
                    left = left.saturating_sub(1);
                    if row.receipt {
                        read.push(row.id);
                    }
                }
                let full = rows.len() >= limit::MESSAGES_PAGE_MAX as usize;
                match rows.last().filter(|_| full && left > 0) {
                    Some(last) => {
                        let from = [last.key.as_slice(), &[0]].concat();
                        self.read_unread(id, with, from, left, read);
                    }
                    None => self.looked_at(now, id, &with, &read),
                }
            }
        }
    }

    fn answer_conversations(&mut self, id: u64, found: Vec<MessageRow>) {
        let mut newest: Vec<Message> = found.into_iter().map(|row| self.show(row)).collect();
        let mut conversations: Vec<Conversation> = Vec::new();
        for (alias, contact) in &self.contacts {
            let with = |message: &Message| {
                let other = if message.outgoing {
                    &message.to
                } else {
                    &message.from
                };
                other == alias
            };
            let last = newest
                .iter()
                .position(with)
                .map(|at| newest.swap_remove(at));
            let contact_view = contact.view(alias);
            conversations.push(Conversation {
                contact: contact_view,
                last,
                unread: contact.unread,
            });
        }
        conversations.sort_by_key(|c| core::cmp::Reverse(c.last.as_ref().map_or(0, |m| m.at_ms)));
        self.done(id, Ok(Done::Conversations(conversations)));
    }

    fn show(&self, row: MessageRow) -> Message {
        let delivery = self
            .outbox
            .messages
            .get(&row.id)
            .map(|m| m.row.view(row.id));
        let contact = self.contacts.get(row.with());
        row.view(contact, delivery)
    }

    /// The application needs nothing again that arrived up to this number.
    pub(super) fn advance(&mut self, arrival: u64) {
        let done: Vec<u64> = self.arrivals.range(..=arrival).copied().collect();
        let mut writes = Vec::new();
        for arrival in done {
            self.arrivals.remove(&arrival);
            writes.push(Write::Delete(Table::Inbox, row::arrival_key(arrival)));
        }
        if !writes.is_empty() {
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes,
            });
        }
    }

    /// Notes an arrival; the oldest is dropped from the list (not from its conversation) when an
    /// application never advances.
    pub(super) fn note_arrival(&mut self, arrival: u64) {
        self.arrivals.insert(arrival);
        while self.arrivals.len() > limit::ARRIVALS_MAX {
            let Some(oldest) = self.arrivals.pop_first() else {
                return;
            };
            let write = Write::Delete(Table::Inbox, row::arrival_key(oldest));
            self.keep_silently(Batch {
                needs: Vec::new(),
                writes: alloc::vec![write],
            });
        }
    }

    /// A conversation is being looked at.
    pub(super) fn mark_read(&mut self, now: Time, id: u64, with: &Alias) {
        let unread = self.contacts.get(with).map_or(0, |contact| contact.unread);
        if unread == 0 {
            return self.looked_at(now, id, with, &[]);
        }
        let newest = row::conversation(with);
        self.read_unread(id, with.clone(), newest, unread, Vec::new());
    }

    /// Looks for so many messages of others, a page at a time: our own lie between them.
    fn read_unread(
        &mut self,
        id: u64,
        with: Alias,
        from: Vec<u8>,
        left: u32,
        read: Vec<MessageId>,
    ) {
        let mut to = row::conversation(&with);
        to.extend_from_slice(&[u8::MAX; 9]);
        let scan = Scan {
            table: Table::Message,
            from,
            to,
            rows_max: limit::MESSAGES_PAGE_MAX,
        };
        self.recall(scan, Then::Read(Reading::Unread(id, with, left, read)));
    }

    fn looked_at(&mut self, now: Time, id: u64, with: &Alias, read: &[MessageId]) {
        if let Some(contact) = self.contacts.get_mut(with) {
            contact.unread = 0;
            if contact.accepted {
                for message in read {
                    self.owe_receipt(now, with.clone(), *message, Status::Read);
                }
            }
            self.write_contact(with);
        }
        self.done(id, Ok(Done::Nothing));
    }

    pub(super) fn recall(&mut self, scan: Scan, then: Then) {
        let ticket = self.ticket(then);
        self.out.push_back(Output::Recall(ticket, scan));
    }
}
