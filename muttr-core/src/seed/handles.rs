//! What tests reach into a seed by: bytes that are placed and fetched like any record, without a
//! message around them. In builds for tests only.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use super::{Done, Seed};
use crate::{
    custody,
    envelope::record::{Kind, Record},
    limit,
    name::RecordKey,
    rejection::Rejection,
    time::Time,
};

/// What an encrypted container begins with (RFC 9580, section 5.13.2): version 2, AES-256, GCM,
/// chunks of 64 KiB. The salt and all that follows is ours to fill.
const HEAD: [u8; 4] = [2, 9, 3, 10];
/// Its packet tag, in the new form.
const PACKET_TAG: u8 = 0xc0 | 18;
const SALT_BYTES: usize = 32;
const LENGTH_BYTES: usize = 4;
const TAGS_BYTES: usize = 32;

/// Requests under way, by the number custody knows them by.
#[derive(Debug, Default)]
pub(super) struct Handles {
    /// Whose request, where the bytes lie, and whether anybody signed for them.
    puts: BTreeMap<u64, (u64, RecordKey, bool)>,
    gets: BTreeMap<u64, u64>,
}

/// A record of which no key opens anything.
fn record(bytes: &[u8], expires_h: u32) -> Result<Record, Rejection> {
    let packet = |len: usize| if len < 8_384 { 3 } else { 6 };
    let least = HEAD.len() + SALT_BYTES + LENGTH_BYTES + bytes.len() + TAGS_BYTES;
    let class = limit::RECORD_CLASSES_BYTES
        .into_iter()
        .find(|class| *class >= limit::RECORD_HEADER_BYTES + 6 + least)
        .ok_or(Rejection::TooLarge)?;
    let room = class - limit::RECORD_HEADER_BYTES;
    let body = room - packet(room - 6);
    let mut ciphertext = vec![PACKET_TAG];
    if packet(body) == 3 {
        let [_, _, high, low] = u32::try_from(body - 192).unwrap_or_default().to_be_bytes();
        ciphertext.extend([high + 192, low]);
    } else {
        ciphertext.push(255);
        ciphertext.extend(u32::try_from(body).unwrap_or_default().to_be_bytes());
    }
    ciphertext.extend(HEAD);
    ciphertext.extend([0; SALT_BYTES]);
    ciphertext.extend(u32::try_from(bytes.len()).unwrap_or_default().to_be_bytes());
    ciphertext.extend_from_slice(bytes);
    ciphertext.resize(room, 0);
    Record::new(Kind::Chunk, expires_h, [0; 32], &ciphertext)
}

/// The bytes that [`record`] was made of.
fn bytes(record: &Record) -> Option<Vec<u8>> {
    let whole = record.bytes();
    let at = whole
        .windows(HEAD.len())
        .position(|window| window == HEAD)?;
    let content = whole.get(at + HEAD.len() + SALT_BYTES..)?;
    let (len, content) = content.split_first_chunk::<LENGTH_BYTES>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    content.get(..len).map(<[u8]>::to_vec)
}

impl Seed {
    pub(super) fn put(&mut self, now: Time, id: u64, bytes: &[u8]) {
        let step_h = limit::RECORD_EXPIRY_STEP_MS / limit::HOUR_MS;
        let expires_h = (now.wall_ms / limit::HOUR_MS / step_h + 4) * step_h;
        match record(bytes, u32::try_from(expires_h).unwrap_or(u32::MAX)) {
            Err(why) => self.done(id, Err(why)),
            Ok(record) => {
                let number = self.next_id();
                self.handles.puts.insert(number, (id, record.key(), false));
                let copies = limit::HOLDERS;
                let id = number;
                let store = custody::Command::Store {
                    id,
                    record,
                    stamp: None,
                    copies,
                };
                self.custody_command(now, store);
            }
        }
    }

    pub(super) fn get(&mut self, now: Time, id: u64, key: RecordKey) {
        let number = self.next_id();
        self.handles.gets.insert(number, id);
        self.custody_command(now, custody::Command::Fetch { id: number, key });
    }

    /// Takes what belongs to these requests; the rest is for the seed.
    pub(super) fn handles_event(&mut self, event: custody::Event) -> Option<custody::Event> {
        match event {
            custody::Event::Receipt { id, .. } if self.handles.puts.contains_key(&id) => {
                if let Some((_, _, held)) = self.handles.puts.get_mut(&id) {
                    *held = true;
                }
            }
            custody::Event::Stored { id, .. } if self.handles.puts.contains_key(&id) => {
                if let Some((id, key, held)) = self.handles.puts.remove(&id) {
                    let placed = held.then_some(Done::Placed(key));
                    self.done(id, placed.ok_or(Rejection::NotFound));
                }
            }
            custody::Event::Fetched { id, result } if self.handles.gets.contains_key(&id) => {
                if let Some(id) = self.handles.gets.remove(&id) {
                    let got = result.and_then(|record| bytes(&record).ok_or(Rejection::Malformed));
                    self.done(id, got.map(Done::Record));
                }
            }
            event => return Some(event),
        }
        None
    }
}
