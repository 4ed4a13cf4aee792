//! Every bound of the protocol, in one place; that they agree with each other is asserted beside.

mod agree;

/// One minute in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
/// One hour in milliseconds.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: u64 = 24 * HOUR_MS;

// Names.
/// Longest alias label (RFC 1035 label length).
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest host, with port.
pub const HOST_BYTES_MAX: usize = 259;

// Records.
/// Clear header of a record: magic 4, kind 1, size class 1, expiry 4, deletion hash 32.
pub const RECORD_HEADER_BYTES: usize = 42;
/// Size classes of a whole record, header included.
pub const RECORD_CLASSES_BYTES: [usize; 6] = [2048, 4096, 8192, 16_384, 32_768, 65_536];
/// The largest of them.
pub const RECORD_BYTES_MAX: usize = 65_536;
/// How long a record lives unless its author says otherwise.
pub const RECORD_LIFE_DEFAULT_MS: u64 = 14 * DAY_MS;
/// The longest life an author may ask for, before rounding.
pub const RECORD_LIFE_MAX_MS: u64 = 30 * DAY_MS;
/// Expiries are rounded up to a multiple of this, so that they tell little about the moment.
pub const RECORD_EXPIRY_STEP_MS: u64 = 6 * HOUR_MS;

// Certificates and payloads.
/// Largest certificate accepted from anyone.
pub const CERTIFICATE_BYTES_MAX: usize = 16_384;
/// Most subkeys a certificate may have.
pub const CERTIFICATE_SUBKEYS_MAX: usize = 8;
/// Most packets it may consist of.
pub const CERTIFICATE_PACKETS_MAX: usize = 256;
/// Largest OpenPGP signature, subpackets included.
pub const SIGNATURE_BYTES_MAX: usize = 1024;
/// Largest file with an identity, armor included.
pub const IDENTITY_BYTES_MAX: usize = 65_536;
/// How long a rotating encryption subkey is good.
pub const ROTATING_LIFE_MS: u64 = 10 * DAY_MS;
/// Argon2id as written on export (RFC 9106, section 4, second choice): passes, lanes, and the
/// logarithm of the memory in KiB.
pub const ARGON2: (u8, u8, u8) = (3, 4, 16);
/// The most of each that is accepted on import: 256 MiB.
pub const ARGON2_MAX: (u8, u8, u8) = (4, 8, 18);
/// Largest message body in bytes; the rest of a record is signature, certificate and padding.
pub const BODY_BYTES_MAX: usize = 56_000;
/// Longest content type of a message body.
pub const CONTENT_TYPE_BYTES_MAX: usize = 127;
/// Message ids in one read receipt.
pub const READ_RECEIPT_IDS_MAX: usize = 256;
/// Largest capability, and largest notice of a transparency log, that a payload may carry.
pub const CAPABILITY_BYTES_MAX: usize = 256;
/// How far ahead of our clock a signature may be.
pub const CLOCK_SKEW_MS: u64 = 10 * MINUTE_MS;
/// How long a message id is remembered: as long as its record could live, and the skew.
pub const SEEN_MS: u64 = RECORD_LIFE_MAX_MS + RECORD_EXPIRY_STEP_MS + DAY_MS;

// Binding.
/// How long a binding is valid before its owner has to renew it.
pub const BINDING_LIFE_MAX_MS: u64 = 35 * DAY_MS;
/// A binding is renewed once it is this old.
pub const BINDING_RENEW_MS: u64 = 7 * DAY_MS;

// Routing (Kademlia).
/// Bucket size, and how many closest seeds an answer names.
pub const BUCKET_SEEDS_MAX: usize = 20;
/// Addresses remembered for one seed.
pub const ADDRESSES_PER_SEED_MAX: usize = 8;
/// Bytes of one address.
pub const ADDRESS_BYTES_MAX: usize = 512;
/// Questions a lookup has in flight.
pub const LOOKUP_PARALLEL: usize = 4;
/// A lookup ends, with what it has, after this.
pub const LOOKUP_MS_MAX: u64 = 10_000;
/// One question is given up after this.
pub const ASK_MS_MAX: u64 = 6_000;
/// A lookup ends when so many of the closest have answered. What they name is not asked as well:
/// whoever wants something of it dials it then.
pub const LOOKUP_WIDTH: usize = 4;
/// Lookups under way at once.
pub const LOOKUPS_MAX: usize = 64;
/// How often a seed looks around itself anew.
pub const REFRESH_MS: u64 = MINUTE_MS;
/// And while it is linked to [`NEIGHBOURHOOD_CLOSE`] neighbours: whoever comes looks around by
/// itself, and dials those closest to it.
pub const REFRESH_CALM_MS: u64 = 10 * MINUTE_MS;
/// Largest routing message; libp2p-kad's own default (kad 0.49).
pub const ROUTING_BYTES_MAX: usize = 16_384;
/// A question of a lookup that is older no longer holds the others up.
pub const LOOKUP_SLOW_MS: u64 = 1_000;
/// Seeds a lookup has in view; the farthest are dropped.
pub const LOOKUP_SEEDS_MAX: usize = 256;
/// Lookups waiting for one of [`LOOKUPS_MAX`] to end.
pub const LOOKUPS_WAITING_MAX: usize = 512;
/// First try again, when nobody was reached while joining.
pub const JOIN_RETRY_MS: u64 = 5_000;
/// So many refreshes follow each other as closely as that, however well joining went.
pub const REFRESHES_EARLY: u32 = 2;
/// Parts of the key space without a link into them that are looked into at one refresh.
pub const FAR_LOOKUPS_MAX: usize = 8;
/// Keys that are tried until one falls into such a part.
pub const FAR_KEYS_TRIED_MAX: u32 = 4_096;
/// A seed not heard of for so long is asked by a pod whether it is still there; a tab forgets it.
pub const STALE_MS: u64 = 5 * MINUTE_MS;
/// Such questions at one refresh.
pub const PROBES_PER_REFRESH: usize = 4;
/// A seed that failed this often in a row leaves the routing table.
pub const FAILURES_MAX: u8 = 2;
/// A seed that could not be reached is left alone for so long.
pub const AVOID_MS: u64 = MINUTE_MS;
/// And when it cannot be reached again.
pub const AVOID_AGAIN_MS: u64 = HOUR_MS;
/// Dials that failed, those that did well being taken away [`IN_VAIN_FORGIVEN`] each, after which
/// we take it that hardly anybody can be reached from here.
pub const IN_VAIN: u8 = 8;
/// See [`IN_VAIN`].
pub const IN_VAIN_FORGIVEN: u8 = 3;
/// The closest to whom a seed opens links then, instead of [`NEIGHBOURHOOD_DIALLED`].
pub const NEIGHBOURHOOD_IN_VAIN: usize = 2;
/// A seed that broke the protocol [`FAULTS_MAX`] times is left alone for so long.
pub const AVOID_FAULT_MS: u64 = 10 * MINUTE_MS;
/// Faults until a seed's link is closed.
pub const FAULTS_MAX: u8 = 8;
/// Seeds left alone, heard of or joined through that are remembered, each kind.
pub const REMEMBERED_SEEDS_MAX: usize = 256;
/// Seeds that wait for a place in a full bucket.
pub const BUCKET_SPARES_MAX: usize = 4;

// Links to other seeds.
/// The closest seeds, links to which are kept open.
pub const NEIGHBOURHOOD: usize = 16;
/// The closest to whom a seed opens links when it comes. Each link has two ends, and of two
/// neighbours one came later: so each has as many links as it opened, on average, and nobody has to
/// replace those who leave.
pub const NEIGHBOURHOOD_DIALLED: usize = 12;
/// The closest to whom it opens links later, too.
pub const NEIGHBOURHOOD_CLOSE: usize = 8;
/// Links to seeds farther away that are kept open too, spread over the key space: one for each
/// bucket at least.
pub const FAR_LINKS: usize = 14;
/// A link opened from here and idle for so long is closed, outside the neighbourhood.
pub const LINK_IDLE_MS: u64 = 2 * MINUTE_MS;
/// How often idle and forgotten links are looked for.
pub const LINK_SWEEP_MS: u64 = 10_000;
/// Links of a seed beyond which idle ones are closed before another is opened. Together with
/// [`LINKS_OPENED_MIN`] it bounds the direct connections of a tab.
pub const LINKS_MAX: usize = 32;
/// Links that may be opened from here however many others opened to us.
pub const LINKS_OPENED_MIN: usize = 8;
/// Links of a pod beyond which idle ones are closed before another is opened.
pub const POD_LINKS_MAX: usize = 4_096;
/// How often a question is sent, when the link breaks under it.
pub const ASK_ATTEMPTS_MAX: u8 = 2;
/// An opening or closing link that the shell says nothing about is forgotten after this.
pub const LINK_MS_MAX: u64 = 30_000;

// Links between seeds.
/// Connections one seed may have with us at once: a direct one, a circuit, and each again while
/// both ends dial.
pub const CONNECTIONS_PER_SEED_MAX: u32 = 4;
/// Connections of a tab; beyond its neighbourhood and some far seeds there is room for passers-by.
pub const SEED_CONNECTIONS_MAX: u32 = 128;
/// Connections of a pod.
pub const POD_CONNECTIONS_MAX: u32 = 16_384;
/// Connections being made at once, in each direction.
pub const CONNECTIONS_PENDING_MAX: u32 = 1_024;
/// A connection has to be encrypted and multiplexed within this.
pub const UPGRADE_MS_MAX: u64 = 15_000;
/// Pauses before a seed that did not say what it speaks is asked again: first, and longest.
pub const IDENTIFY_RETRY_MS: (u64, u64) = (250, 16_000);
/// How often it is asked in vain, so closely after each other, before it is let be.
pub const IDENTIFY_ATTEMPTS_MAX: u32 = 8;
/// A connection on which nothing was asked for this long is closed.
pub const IDLE_MS_MAX: u64 = DAY_MS;
/// Questions and answers under way on one connection and protocol, both directions together.
pub const ASKS_PER_CONNECTION_MAX: usize = 64;
/// A ping has to be answered within this. Longer than a minute, because a browser lets the
/// timers of a hidden tab run out once a minute only.
pub const PONG_MS_MAX: u64 = 75_000;

// STUN.
/// Longest question that is read (RFC 8489, section 6.1: what fits through any IPv4 path).
pub const STUN_BYTES_MAX: usize = 548;
/// Answers to one address (IPv4) or network of 64 bits (IPv6) at once: a school behind one address
/// opens its tabs, and each asks once for every connection that it makes.
pub const STUN_BURST: u32 = 4_096;
/// Answers a second that it may go on with. Browsers ask again every ten seconds as long as a
/// connection lives, and miss nothing when that is not answered.
pub const STUN_PER_S: u32 = 1_024;
/// Answers to all addresses together at once.
pub const STUN_ALL_BURST: u32 = 32_768;
/// And a second.
pub const STUN_ALL_PER_S: u32 = 16_384;
/// Addresses whose questions are counted; twice as many as one burst can come from.
pub const STUN_ADDRESSES_MAX: usize = 65_536;

// Stamps.
/// Bytes of a stamp.
pub const STAMP_BYTES: usize = 8;
/// Zero bits that its hash begins with: about 65,000 tries, some milliseconds of a processor, and
/// more of them in a tab.
pub const STAMP_BITS: u8 = 16;
/// Tries at a time, so that whoever searches stays awake for everything else.
pub const STAMP_TRIES: u32 = 4_096;
/// Pause between two such slices, in which others have their turn.
pub const STAMP_PAUSE_MS: u64 = 1;
/// Who is called so rarely while it searches is in the background, where timers are slow and
/// nobody waits for a frame: it tries [`STAMP_TRIES_RARE`] at a time.
pub const STAMP_RARE_MS: u64 = 250;
/// See [`STAMP_RARE_MS`].
pub const STAMP_TRIES_RARE: u32 = 16 * STAMP_TRIES;
/// Searches for stamps that wait for their turn, beside those of stores.
pub const STAMPS_WAITING_MAX: usize = 2 * OUTBOX_MAX;

// Custody.
/// How many seeds keep a record, beside the pods.
pub const HOLDERS: usize = 12;
/// One question of the store protocol is given up after this: it moves a record, and its answer
/// waits for a disk.
pub const STORE_ASK_MS_MAX: u64 = 10_000;
/// Largest store-protocol message: a record and what surrounds it.
pub const STORE_BYTES_MAX: usize = RECORD_BYTES_MAX + 2048;
/// Most hops a forwarded request may take.
pub const HOPS_MAX: u8 = 16;
/// Open links over which whoever stores or fetches forwards as a rule.
pub const FORWARDS: usize = 2;
/// And over how many in all, when those before led nowhere.
pub const FORWARDS_MAX: usize = 8;
/// An author forwards over one of them first, and over the others when not enough receipts have
/// come back by then.
pub const FORWARD_AGAIN_MS: u64 = 500;
/// How long an author waits for receipts over them before looking holders up and asking them.
pub const FORWARD_PATIENCE_MS: u64 = 1_500;
/// The author of a question counts up to so many forwarders who never were, fewer than this, so
/// that the first hop cannot tell an author from a forwarder.
pub const FORWARD_HOPS_FEIGNED: u8 = 4;
/// A forwarder has answered by then, whatever it was told.
pub const FORWARD_MS_MAX: u64 = 5_000;
/// So much earlier for each hop, so that the answer of the last finds the first still waiting.
pub const FORWARD_HOP_MS: u64 = 200;
/// A neighbour that was silent for so long at the end of the way is no longer counted on.
pub const FORWARD_SLOW_MS: u64 = 500;
/// Links that a forwarder tries, when those before broke.
pub const FORWARD_TRIES: usize = 2;
/// Neighbours that are asked at the end of the way, one after the other.
pub const FORWARD_ASKS_MAX: usize = 2 * HOLDERS;
/// Neighbours that are asked for a record where its way ends or somebody closer says that it is not
/// there: in all, and at once.
pub const AROUND: (usize, usize) = (FORWARD_ASKS_MAX, FETCH_PARALLEL);
/// And by a pod, which is linked to many.
pub const POD_AROUND: (usize, usize) = (24 * HOLDERS, 4 * HOLDERS);
/// Questions of others that a seed forwards at once.
pub const FORWARDED_MAX: usize = 256;
/// And a pod.
pub const POD_FORWARDED_MAX: usize = 2_048;
/// Of these, questions that came over one link.
pub const FORWARDED_PER_LINK_MAX: usize = 64;
/// Whoever placed copies answers the same wish with the same receipts for so long.
pub const FORWARD_REMEMBER_MS: u64 = 10_000;
/// What was opened is released so long after every device had it: as long as its notification
/// waits for a device that is new.
pub const RELEASE_AFTER_MS: u64 = FREED_AFTER_MS;
/// When nobody heard of a release, it is told again after this.
pub const RELEASE_RETRY_MS: u64 = HOUR_MS;
/// What is to be released is looked at this often at most.
pub const RELEASE_PAUSE_MS: u64 = 1_000;
/// Bytes of a deletion token.
pub const TOKEN_BYTES: usize = 16;
/// Neighbours that are told of a release at the end of its way, all at once.
pub const RELEASE_ASKS_MAX: usize = 2 * HOLDERS;
/// Released records that a seed remembers, until they would have expired.
pub const TOMBSTONES_MAX: usize = 65_536;
/// And a pod.
pub const POD_TOMBSTONES_MAX: usize = 1 << 20;
/// Releases of records that were never here, and can therefore not be checked yet.
pub const HEARSAY_MAX: usize = 16_384;
/// Releases of a seed's own messages under way at once.
pub const RELEASES_MAX: usize = 64;
/// Neighbours that are asked at the end of the way of a count, all at once.
pub const COUNT_ASKS_MAX: usize = 2 * HOLDERS;
/// Holders that a count may name.
pub const COUNTED_MAX: usize = COUNT_ASKS_MAX + 1;
/// Addresses of each of them.
pub const COUNTED_ADDRESSES_MAX: usize = 2;
/// A count, reading one copy back included, ends after this with what was confirmed.
pub const COUNT_MS_MAX: u64 = 30_000;
/// Counts of a seed or a pod under way at once.
pub const COUNTS_MAX: usize = 16;
/// How often a pod counts who holds a record that one of its people had it keep, give or take a
/// quarter.
pub const WATCH_MS: u64 = HOUR_MS;
/// The shortest pause between two looks at one.
pub const WATCH_PAUSE_MS: u64 = 250;
/// Records that a pod looks after at once.
pub const WATCHES_AT_ONCE: usize = COUNTS_MAX / 2;
/// When nobody had a record at so many looks, one after the other, it is lost.
pub const WATCH_SEARCHES: u32 = 3;
/// Records that a pod watches over.
pub const WATCHED_MAX: usize = POD_RECORDS_MAX;
/// And of one person.
pub const WATCHED_PER_PERSON_MAX: usize = 8_192;
/// Lost records that a device is told of when it comes in.
pub const LOST_TOLD_MAX: usize = 256;
/// How long after its recipient was notified an author counts who holds a message.
pub const COUNT_FIRST_MS: u64 = 3 * MINUTE_MS;
/// And how often from then on, give or take a quarter: what was confirmed longer ago than
/// [`CONFIRMED_MS`] does not count any more.
pub const COUNT_MS: u64 = 12 * MINUTE_MS;
/// How long a copy counts that was confirmed.
pub const CONFIRMED_MS: u64 = 15 * MINUTE_MS;
/// An author begins no two counts closer to each other: reading back may take a dial.
pub const COUNT_PAUSE_MS: u64 = MINUTE_MS;
/// The longest pause before an author places again what too few seeds hold.
pub const PLACE_PAUSE_MS_MAX: u64 = 4 * HOUR_MS;
/// Copies are made of a record that fewer seeds hold.
pub const REPAIR_BELOW: usize = 3;
/// How often a holder goes round its neighbours, give or take a quarter.
pub const REPAIR_MS: u64 = 5 * MINUTE_MS;
/// And so long after a new neighbour came.
pub const REPAIR_LINK_MS: u64 = 30_000;
/// Whoever came so lately does not know yet what others hold, and makes no copies.
pub const REPAIR_SETTLE_MS: u64 = 3 * MINUTE_MS;
/// Of so many neighbours closest to a record those get copies that are here longest.
pub const REPAIR_CHOICE: usize = 8;
/// At one round of so many a record that is far from home is forwarded.
pub const REPAIR_STRAY_ROUNDS: u64 = 8;
/// Records of which copies are made at once.
pub const REPAIR_COPIES_MAX: usize = 8;
/// Records of which copies are to be made; what is beyond is found at a later round.
pub const REPAIR_QUEUE_MAX: usize = 4_096;
/// Bytes that a seed sends for repair, all included, in a day of presence.
pub const REPAIR_BYTES_PER_DAY: u64 = 160 << 20;
/// And at once, when many others have left.
pub const REPAIR_BYTES_BURST: u64 = REPAIR_BYTES_PER_DAY / 4;
/// Pause when that is used up.
pub const REPAIR_PAUSE_MS: u64 = MINUTE_MS;
/// Names in one digest, added and taken away.
pub const DIGEST_KEYS_MAX: usize = 512;
/// Records wanted in one digest.
pub const DIGEST_WANTS_MAX: usize = 64;
/// Names that one neighbour may have us remember.
pub const DIGEST_KEYS_PER_LINK_MAX: usize = 16_384;
/// Bytes a seed keeps for others unless told otherwise.
pub const KEEP_BYTES_DEFAULT: u64 = 128 << 20;
/// Records a seed keeps for others at most.
pub const KEEP_RECORDS_MAX: usize = 65_536;
/// Records a pod keeps at most.
pub const POD_RECORDS_MAX: usize = 1 << 20;
/// Bytes a pod keeps unless told otherwise.
pub const POD_BYTES_DEFAULT: u64 = 8 << 30;
/// A store is reported after this even if receipts are missing.
pub const STORE_MS_MAX: u64 = 5_000;
/// A fetch is given up after this and tried again later.
pub const FETCH_MS_MAX: u64 = 15_000;
/// A store's lookup has to do with what it found by then.
pub const STORE_LOOKUP_MS: u64 = STORE_MS_MAX / 2;
/// Stores under way at once.
pub const STORES_MAX: usize = 64;
/// Stores under way at once at a pod, which places for people who have no links of their own.
pub const POD_STORES_MAX: usize = 512;
/// Fetches under way at once, in all of custody.
pub const CUSTODY_FETCHES_MAX: usize = 256;
/// Seeds asked for one record at once.
pub const FETCH_PARALLEL: usize = 3;
/// How long pods alone are asked for a record before seeds are asked as well.
pub const FETCH_PODS_MS: u64 = 1_000;
/// Receipts of a store are still taken in for so long after it was reported.
pub const STORE_TAIL_MS: u64 = ASK_MS_MAX;
/// Keys in one question which records are held.
pub const HAVE_KEYS_MAX: usize = 256;
/// Questions of one link that wait for the disk.
pub const ANSWERS_PER_LINK_MAX: usize = 64;
/// Questions of all links that wait for the disk.
pub const ANSWERS_MAX: usize = 1_024;
/// Outputs not yet taken; past this, whoever asks is told to come back.
pub const OUTPUTS_MAX: usize = 4_096;
/// Held records read at a time when starting.
pub const LOAD_ROWS_MAX: u32 = 32;
/// Pause before a failed read or deletion is tried again.
pub const DISK_RETRY_MS: u64 = 1_000;
/// How often expired records are looked for.
pub const EXPIRE_MS: u64 = MINUTE_MS;
/// Records deleted in one write.
pub const DELETE_ROWS_MAX: usize = 64;

// The private channel.
/// Largest message on the channel before it is cut into Noise messages.
pub const CHANNEL_BYTES_MAX: usize = RECORD_BYTES_MAX + CERTIFICATE_BYTES_MAX + 4096;
/// Clear bytes in one Noise message (a Noise message has at most 65,535 bytes).
pub const NOISE_CHUNK_BYTES: usize = 16_384;
/// Largest proof of a pod's, which fits one Noise message: two certificates when it changed its own.
pub const POD_PROOF_BYTES_MAX: usize = 2 * CERTIFICATE_BYTES_MAX + 8192;
/// Largest login: a certificate and a signature.
pub const LOGIN_BYTES_MAX: usize = CERTIFICATE_BYTES_MAX + 4096;
/// Channels of one pod at once.
pub const CHANNELS_MAX: usize = 65_536;
/// Largest WebSocket message of the channel: one Noise message.
pub const CHANNEL_FRAME_BYTES_MAX: usize = 65_535;
/// WebSocket messages that wait for one channel; a channel further behind is closed.
pub const CHANNEL_QUEUE_FRAMES_MAX: usize = 512;
/// An unidentified channel is closed after this.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;
/// How often a pod pings; a seed counts on hearing something within twice that.
pub const PING_MS: u64 = 20_000;
/// A channel that was silent this long is dead, on either side.
pub const SILENCE_MS_MAX: u64 = 50_000;
/// A request on the channel is given up after this.
pub const REQUEST_MS_MAX: u64 = 15_000;
/// Requests of one session that a pod works on at once.
pub const REQUESTS_PER_SESSION_MAX: usize = 64;
/// First and longest pause before a seed opens its channel again.
pub const RECONNECT_MS: (u64, u64) = (500, 30_000);
/// A channel that is not open after this is given up and tried again.
pub const CONNECT_MS_MAX: u64 = 5_000;

/// Registrations, stores and notifications a session may ask for at once.
pub const CHANGES_BURST: u32 = 256;
/// And how many of them a second it may go on with.
pub const CHANGES_PER_S: u32 = 4;
/// What a pod has to do for its shell before it closes channels that ask for more.
pub const POD_OUTPUTS_MAX: usize = 65_536;

// Mailboxes.
/// Notifications pushed and not yet acknowledged.
pub const PLAYBACK_WINDOW: usize = 64;
/// Notifications a mailbox keeps for people its owner accepted.
pub const MAILBOX_CONTACTS_MAX: usize = 10_000;
/// Notifications a mailbox keeps from all strangers together.
pub const MAILBOX_STRANGERS_MAX: usize = 200;
/// Bytes of records a mailbox may pin.
pub const MAILBOX_BYTES_MAX: u64 = 64 << 20;
/// Devices a mailbox remembers.
pub const DEVICES_MAX: usize = 16;
/// A device that was silent this long no longer holds notifications back.
pub const DEVICE_SILENT_MS: u64 = 30 * DAY_MS;
/// A notification is freed this long after every device acknowledged it.
pub const FREED_AFTER_MS: u64 = DAY_MS;
/// Aliases one certificate may have at one pod.
pub const ALIASES_PER_CERTIFICATE_MAX: usize = 4;

// Between pods.
/// Pods that a pod remembers.
pub const PODS_MAX: usize = 256;
/// Pods that a pod names in its description, and to its seeds.
pub const PODS_NAMED_MAX: usize = 16;
/// How long a pod's description is valid.
pub const DESCRIPTION_LIFE_MS: u64 = 7 * DAY_MS;
/// A description is written anew, and those of others are asked for again, once this old.
pub const DESCRIPTION_RENEW_MS: u64 = DAY_MS;
/// A pod that took something from us is asked this often whether it still has it.
pub const DESCRIPTION_DOUBT_MS: u64 = HOUR_MS;
/// Largest description, certificate included, in its signed form.
pub const DESCRIPTION_BYTES_MAX: usize = 2 * CERTIFICATE_BYTES_MAX + 16_384;
/// Largest handover: a record, and what surrounds it.
pub const HANDOVER_BYTES_MAX: usize = RECORD_BYTES_MAX + 8_192;
/// Largest answer of another pod, whatever was asked.
pub const POD_ANSWER_BYTES_MAX: usize = 131_072;
/// Another pod has to have answered within this.
pub const POD_ANSWER_MS_MAX: u64 = 3_000;
/// Questions to one other pod under way at once.
pub const CALLS_PER_POD_MAX: usize = 16;
/// Questions to all other pods under way at once.
pub const CALLS_MAX: usize = 256;
/// Pods asked who they are at once because something was handed over in their name. The other
/// half of all questions is for those that our own people have.
pub const DESCRIBING_MAX: usize = CALLS_MAX / 2;
/// Handovers from other pods that wait for a description of the pod they come from.
pub const HANDOVERS_WAITING_MAX: usize = 256;
/// Notifications for other pods that a pod keeps, until they are taken or expire.
pub const OUTGOING_MAX: usize = 262_144;
/// And those that one of its people has it keep and that were not taken yet.
pub const OUTGOING_PER_PERSON_MAX: usize = 1_000;
/// Pauses between attempts at another pod: first, and longest.
pub const POD_RETRY_MS: (u64, u64) = (1_000, 5 * MINUTE_MS);
/// Handovers that one other pod may make at once, and a second that it may go on with.
pub const HANDOVERS_BURST: u32 = 1_024;
/// See [`HANDOVERS_BURST`].
pub const HANDOVERS_PER_S: u32 = 256;
/// Pods whose handovers are counted; the least recent are forgotten.
pub const HANDOVER_PODS_MAX: usize = 4_096;
/// Notifications a person may ask for at once, receipts for what they opened included.
pub const NOTIFY_BURST: u32 = 20;
/// And a minute that they may go on with: 60 messages, and a receipt for as many.
pub const NOTIFY_PER_MINUTE: u32 = 120;
/// Capabilities that one mailbox honours.
pub const CAPABILITIES_MAX: usize = 4_096;
/// Bytes of a capability as seeds make them.
pub const CAPABILITY_BYTES: usize = 32;
/// Pods that a lookup asks beside the seeds that are closest: of other places, and as many of those
/// it joined through.
pub const LOOKUP_PODS: usize = 3;

// Inbox and outbox of a seed.
/// Opening the same message may crash the seed this often before it is put aside.
pub const OPEN_ATTEMPTS_MAX: u32 = 2;
/// Another pod that should know an author is asked this often, each time after a longer pause,
/// before the message is shown without knowing.
pub const AUTHOR_ASKS_MAX: u32 = 5;
/// Messages waiting to be sent.
pub const OUTBOX_MAX: usize = 1_000;
/// Messages handed out by one question.
pub const MESSAGES_PAGE_MAX: u32 = 200;
/// Arrived messages remembered for an application that has not advanced past them.
pub const ARRIVALS_MAX: usize = 10_000;
/// Rows read from storage at a time.
pub const ROWS_PAGE: u32 = 256;
/// Receipts for opened messages are gathered this long before they are sent.
pub const RECEIPT_DELAY_MS: u64 = 500;
/// Custody receipts that came are written down together after this.
pub const RECEIPT_FLUSH_MS: u64 = 300;
/// Things that may happen to a seed before it has loaded what is stored.
pub const EARLY_MAX: usize = 256;
/// How often holders are looked for, when too few were found.
pub const PLACINGS_MAX: u32 = 4;
/// Before the second time; doubled each time after.
pub const PLACE_AGAIN_MS: u64 = 3_000;
/// Copies of a receipt: it is small, and its loss costs little.
pub const RECEIPT_COPIES: usize = 3;
/// Pauses between attempts to send: first, and longest.
pub const SEND_RETRY_MS: (u64, u64) = (2_000, 5 * MINUTE_MS);
/// Messages that a seed hands to other pods at once, while its own is away.
pub const POSTS_MAX: usize = 16;
/// Pauses between attempts to fetch one record: first, and longest.
pub const FETCH_RETRY_MS: (u64, u64) = (2_000, 10 * MINUTE_MS);
/// Messages being fetched at once, so that one that cannot be found blocks nobody.
pub const FETCHES_MAX: usize = 16;

// WebRTC.
/// Longest description (SDP) of a connection that is wanted.
pub const SDP_BYTES_MAX: usize = 8_192;
/// Longest candidate: the JSON of `RTCIceCandidate.toJSON()`.
pub const RTC_CANDIDATE_BYTES_MAX: usize = 1_024;
/// Candidates in a description, and as many again of each side during one handshake.
pub const RTC_CANDIDATES_MAX: usize = 64;
/// Largest signalling message, without the length before it.
pub const SIGNALLING_MESSAGE_BYTES_MAX: usize = SDP_BYTES_MAX + 16;
/// What one side may say during one handshake, in all.
pub const SIGNALLING_BYTES_MAX: usize = 49_152;
/// A handshake has to have led to a connection within this.
pub const RTC_HANDSHAKE_MS_MAX: u64 = 20_000;
/// Handshakes under way at once, in each direction.
pub const RTC_HANDSHAKES_MAX: usize = 32;
/// Streams of one direct connection, both directions together.
pub const RTC_STREAMS_MAX: usize = 256;
/// Streams that the far end opened and nobody has taken yet.
pub const RTC_INBOUND_STREAMS_WAITING_MAX: usize = 64;
/// A circuit on which nobody is being introduced is closed after this.
pub const CIRCUIT_IDLE_MS: u64 = 5_000;
/// Of two direct connections to one seed the doubled one is closed after so long without streams.
pub const RTC_DUPLICATE_MS: u64 = 30_000;
/// Largest frame of a stream, its length included (libp2p specification "webrtc").
pub const RTC_FRAME_BYTES_MAX: usize = 16_384;
/// Bytes of a stream that came and were not read yet. A data channel cannot hold its sender
/// back, so a stream that is further behind is reset.
pub const RTC_RECEIVE_BYTES_MAX: usize = 4 << 20;
/// Bytes of a stream that wait to be sent; past this, whoever writes has to wait.
pub const RTC_SEND_BYTES_MAX: usize = 1 << 20;
/// How often the end of a stream may be told, each time to be acknowledged.
pub const RTC_FINS_MAX: u8 = 16;
/// The far end has to say within this that it saw the end of a stream.
pub const RTC_FIN_ACK_MS_MAX: u64 = 10_000;

/// What a relay grants.
#[derive(Clone, Copy, Debug)]
pub struct RelayProfile {
    /// Bytes one circuit may carry.
    pub circuit_bytes_max: u64,
    /// How long one circuit may last.
    pub circuit_ms_max: u64,
    /// Circuits one seed may have.
    pub circuits_per_seed_max: usize,
    /// Circuits of all seeds together.
    pub circuits_max: usize,
    /// Reservations of all seeds together.
    pub reservations_max: usize,
}

/// The relay of a pod: circuits introduce tabs to each other, and carry nothing else.
pub const RELAY: RelayProfile = RelayProfile {
    circuit_bytes_max: 65_536,
    circuit_ms_max: 45_000,
    circuits_per_seed_max: 64,
    circuits_max: 4_096,
    reservations_max: 16_384,
};
