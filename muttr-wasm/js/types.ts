/**
 * Everything an application meets. Dates are `Date`s, bytes are `Uint8Array`s, sizes are in
 * bytes, durations in milliseconds, ids are opaque strings.
 */

import type { Code } from './codes.js';

/** A person's address, `label@host`; the host may carry a port. */
export type Address = `${string}@${string}`;

/** Taken by whatever waits: an aborted call rejects with `signal.reason`. */
export interface AbortOptions {
  signal?: AbortSignal;
}

/** Where to find the wasm: an address, or what was fetched from one. */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module;

/** Which database to use. Each name is a seed and a person of its own. */
export interface StoreOptions {
  /** Absent: the one of this web origin. */
  store?: string;
}

/**
 * Who signs and reads: the secret key of one person. It stays inside the wasm and leaves it only
 * into this origin's storage (`save`) or under a passphrase (`export`).
 */
export interface Identity extends Disposable {
  /** The certificate's fingerprint, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** The certificate, which is public: transferable OpenPGP public key in binary. */
  certificate(): Uint8Array;
  /** Keeps it in this origin's storage, where `Identity.load` finds it. */
  save(options?: StoreOptions): Promise<void>;
  /** An armored OpenPGP secret key, protected by the passphrase (at least 8 characters). */
  export(passphrase: string): Promise<string>;
  /** Wipes the secret from memory; what was saved stays. */
  dispose(): void;
}

/** How identities come about. */
export interface IdentityFactory {
  /** Makes a new one. It is not saved yet. */
  create(options?: AbortOptions): Promise<Identity>;
  /** The one that was saved, or `undefined`. */
  load(options?: StoreOptions): Promise<Identity | undefined>;
  /**
   * Reads what `export` wrote.
   * @throws MuttrError BAD_PASSPHRASE, BAD_IDENTITY
   */
  import(key: string | Uint8Array, passphrase: string): Promise<Identity>;
}

/** What a seed is made of. */
export interface SeedOptions extends AbortOptions, StoreOptions {
  /** The pod that introduces this seed and keeps its alias: an `http` or `https` address. */
  pod: string | URL;
  /** Absent: the seed only stores for others, and cannot register, send or read. */
  identity?: Identity;
  /** What this seed keeps for others; without it 128 MiB, and `quotaBytes: 0` keeps nothing. */
  storage?: StorageOptions;
  /**
   * `true` hides this seed's IP address from other seeds: it is linked to none, and its pod places
   * and fetches for it. It keeps nothing for others, whatever `storage` says, and its pod sees all
   * that it sends and fetches. Not remembered: say it at every `join`. Needs an `identity`.
   */
  hideAddress?: boolean;
  /**
   * When another tab of this profile already is this seed: `'exclusive'` (the default) rejects
   * with ALREADY_OPEN, `'wait'` takes over once that tab closes.
   */
  tabs?: 'exclusive' | 'wait';
  /**
   * `true` resolves as soon as what is stored is loaded, with or without the pod, and goes online
   * when it can. Without it `join` waits for the pod, and rejects with POD_UNREACHABLE when the
   * first attempt fails.
   */
  offline?: boolean;
  /** The constructor to use where the platform has none (Node before 22). */
  WebSocket?: typeof globalThis.WebSocket;
}

/** How much is kept for others. */
export interface StorageOptions {
  /** Bytes of records; 0 keeps nothing. */
  quotaBytes: number;
}

/** The state of the connection to the pod. Offline is no error: what is sent waits. */
export type SeedState = 'connecting' | 'online' | 'offline' | 'closed';

/** A participant of the network that is also a person, if it was given an identity. */
export interface Seed extends AsyncDisposable {
  /** The seed's own name, which has nothing to do with the person: a libp2p peer id. */
  readonly id: string;
  readonly state: SeedState;
  /** The address that was registered, now or in an earlier life of this seed. */
  readonly address: Address | undefined;
  /** The pod's host, the part after the `@` of addresses it keeps. */
  readonly host: string;
  /** The identity's fingerprint, if there is one. */
  readonly fingerprint: string | undefined;
  /** Whether it hides its address from other seeds: `hideAddress`. */
  readonly hidden: boolean;

  /**
   * Takes an alias at the pod, or renews it.
   * @param alias the part before the `@`, or the whole address
   * @throws MuttrError ALIAS_INVALID, ALIAS_TAKEN, ALIAS_RESERVED, OFFLINE, …
   */
  register(alias: string, options?: AbortOptions): Promise<Address>;
  /**
   * Whose address is this?
   * @throws MuttrError ALIAS_INVALID, NOT_FOUND, FOREIGN_POD, KEY_CHANGED, OFFLINE, …
   */
  lookup(address: string, options?: AbortOptions): Promise<Contact>;
  /**
   * Sends a message. Resolves once the recipient's pod has durably taken the notification and 12
   * receipts or 5 seconds have come, and at once with status `queued` while offline; the
   * `delivery` event tells the rest.
   * @throws MuttrError TOO_LARGE, NOT_FOUND, KEY_CHANGED, MOVED, ALIAS_REQUIRED, …
   */
  send(to: string, body: string | MessageBody, options?: SendOptions): Promise<Delivery>;
  /**
   * Messages that arrived: first those the application has not advanced past in an earlier life,
   * oldest first, then new ones as they come. Asking for the next one says that the last one has
   * been dealt with; that is noted here only, never at the pod.
   */
  inbox(options?: InboxOptions): AsyncIterable<Message>;
  /** Messages exchanged with one person, newest first. */
  messages(address: string, options?: PageOptions): Promise<Message[]>;
  /** Everyone there are messages with, most recent first. */
  conversations(options?: AbortOptions): Promise<Conversation[]>;
  /** Every message from this person has been looked at; tells them so. */
  markRead(address: string, options?: AbortOptions): Promise<void>;
  /** Decides about a person. */
  judge(address: string, judgement: Judgement, options?: AbortOptions): Promise<Contact>;

  /**
   * Changes what is kept for others, from now on and in later lives of this seed; while it is
   * hidden, in later ones only.
   */
  setStorage(storage: StorageOptions): Promise<void>;
  /** `await` it for the figures of this moment, iterate over it for every change. */
  stats(options?: StatsOptions): StatsFeed;

  /** Calls `listen` for every event of this kind until the returned function is called. */
  on<Kind extends keyof SeedEvents>(
    kind: Kind,
    listen: (event: SeedEvents[Kind]) => void,
    options?: AbortOptions,
  ): () => void;

  /** Leaves the network. What is stored stays. */
  close(): Promise<void>;
}

/** What `'accept'` and the others mean: see the page's words for them. */
export type Judgement =
  /** Their messages are welcome: no longer a request. */
  | 'accept'
  /** Their messages are not to be shown. */
  | 'block'
  /** The fingerprint was compared in person. */
  | 'verify'
  /** Their new key is to be believed. */
  | 'accept-key';

/**
 * How far a person's key is believed: compared in person, believed because the pod named it
 * first, or different from the one first believed, which stops sending.
 */
export type Trust = 'verified' | 'unverified' | 'key-changed';

/** A person as known here. */
export interface Contact {
  address: Address;
  /** 64 hexadecimal digits. */
  fingerprint: string;
  trust: Trust;
  /** Not a stranger: we wrote to them or accepted them. */
  accepted: boolean;
  /** Their messages are not shown. */
  blocked: boolean;
  /** They have moved and say that they are found there; what is sent here is refused with `MOVED`. */
  movedTo: Address | undefined;
}

/** A conversation in a list. */
export interface Conversation {
  contact: Contact;
  /** The newest message. */
  last: Message | undefined;
  /** How many arrived since they were last looked at. */
  unread: number;
}

/** A body other than plain text. At most 56,000 bytes. */
export interface MessageBody {
  content: string | Uint8Array;
  /** `text/plain` unless said otherwise. */
  contentType?: string;
}

/** How to send. */
export interface SendOptions extends AbortOptions {
  /** The id of the message it answers. */
  replyTo?: string;
  /** How long the network keeps it: 14 days unless said otherwise, at most 30. */
  expiresIn?: number;
}

/** How to read what arrives. */
export interface InboxOptions extends AbortOptions {
  /** `false` ends after what has already arrived. */
  live?: boolean;
}

/** Which messages of a conversation. */
export interface PageOptions extends AbortOptions {
  /** Only older ones than this. */
  before?: Date;
  /** At most this many; 50 unless said otherwise, never more than 200. */
  limit?: number;
}

/** A message that can be shown. */
export interface Message {
  id: string;
  from: Address;
  to: Address;
  /** Whether it is our own. */
  outgoing: boolean;
  /** When its author says it was written. */
  sentAt: Date;
  /** When it was opened here; for our own, when it was written. */
  receivedAt: Date;
  /** The body as text; empty when it is not text. */
  text: string;
  /** The body as it came. */
  body: Uint8Array;
  contentType: string;
  replyTo: string | undefined;
  /** The signature holds, and the pod binds the author's address to the key that made it. */
  verified: boolean;
  /** How far that key is believed. */
  trust: Trust;
  /** It comes from someone this person has not accepted yet. */
  request: boolean;
  /** It is of a kind that only a newer version can show. */
  newer: boolean;
  /** For our own: how far it came. */
  delivery: Delivery | undefined;
}

/** The stations of a sent message, in order; `lost` means it will not arrive. */
export type DeliveryStatus = 'queued' | 'stored' | 'notified' | 'fetched' | 'read' | 'lost';

/** How far a sent message came. */
export interface Delivery {
  /** The message's id. */
  id: string;
  to: Address;
  /** Where it lies in the network, 64 hexadecimal digits; absent before it is sealed. */
  recordKey: string | undefined;
  status: DeliveryStatus;
  /**
   * Who had it at the time of `confirmedAt`: who signed for it when it was stored, and from then on
   * who was counted, one of them read back. What was confirmed more than 15 minutes ago counts for
   * nothing: say since when nothing was heard.
   */
  heldBy: { seeds: number; pods: number };
  /** When the last receipt came, or it was last counted. */
  confirmedAt: Date | undefined;
  /** When the network forgets it; absent before it is sealed. */
  expires: Date | undefined;
  /** Why it is not further. */
  reason: Code | undefined;
}

/** One link of this seed. */
export interface Connection {
  /** The other seed's id. */
  peer: string;
  /** It is the pod this seed joined. */
  pod: boolean;
  /** It is a pod of another place. */
  elsewhere: boolean;
  /** `webrtc` goes from tab to tab; `relay` is a circuit through the pod. */
  kind: 'websocket' | 'webrtc' | 'relay';
  /** Nobody stands between; `false` over a relay. */
  direct: boolean;
  since: Date;
}

/** What this seed does at the moment. */
export interface SeedStats {
  /** Seeds it is linked to, the pod included. */
  peers: number;
  /** None for a hidden seed, which only has its pod's channel. */
  connections: Connection[];
  /** Where others can reach it: multiaddrs. */
  addresses: string[];
  /** What it keeps for others. */
  storedRecords: number;
  storedBytes: number;
  quotaBytes: number;
  /** Bytes that came in and went out since `join`, as the protocols count them. */
  rx: number;
  tx: number;
  /** What other seeds were refused. A refusal alone is not told as a change. */
  refusals: Refusal[];
}

/** What others did wrong on direct connections, or would have overdone: not who, nor with what. */
export interface Refusal {
  /** Being connected, or one stream of a connection. */
  what: 'handshake' | 'stream';
  /** What it was refused with. */
  code: Code;
  /** How often since `join`. */
  count: number;
}

/** How to follow the figures. */
export interface StatsOptions extends AbortOptions {
  /** Also when nothing changed. */
  everyMs?: number;
}

/** The figures of this moment when awaited, every change when iterated over. */
export interface StatsFeed extends PromiseLike<SeedStats>, AsyncIterable<SeedStats> {}

/** What a seed tells. */
export interface SeedEvents {
  state: StateChange;
  /** A message arrived and is durable. */
  message: Message;
  /** Something became known of a sent message. */
  delivery: Delivery;
  stats: SeedStats;
  /** A link came up or went. */
  peer: PeerChange;
  /** A message arrived that cannot be shown and was set aside. */
  fault: { code: Code };
}

/** The state of the connection to the pod changed. */
export interface StateChange {
  state: SeedState;
  /** Why, where it is known; the seed does not try again by itself when the pod refused it. */
  reason: Code | undefined;
}

/** A link came up or went. */
export interface PeerChange {
  peer: string;
  connected: boolean;
}
