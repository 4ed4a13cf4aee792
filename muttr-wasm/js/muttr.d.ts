/** The door to the wasm, private to this package. `error.rs`, `person.rs` and `seed.rs` are its
 * other side; whatever throws or rejects does so with a code. */

/** Makes the JavaScript side of one more instance. */
export default function glue(): Wasm;

/** That side: called once, it makes the instance; then the rest of it may be used. */
export interface Wasm {
  (source: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  watchForDeath(died: (place: string) => void): void;
  readonly Person: typeof Person;
  readonly Seed: typeof Seed;
}

declare class Person {
  private constructor();
  static create(): Person;
  static load(database: string): Promise<Person | undefined>;
  static import(key: Uint8Array, passphrase: string): Person;
  export(passphrase: string): string;
  save(database: string): Promise<void>;
  copy(): Person;
  fingerprint(): string;
  certificate(): Uint8Array;
  free(): void;
}

export interface StartOptions {
  database: string;
  host: string;
  channel: string;
  pod:
    | {
        seed: string;
        addresses: string[];
        stun: string | undefined;
        others: { seed: string; addresses: string[] }[];
      }
    | undefined;
  quotaBytes: number | undefined;
  hidden: boolean;
}

export interface Letter {
  to: string;
  contentType: string;
  body: Uint8Array;
  replyTo: string | undefined;
  lifeMs: number | undefined;
}

export interface ContactView {
  address: string;
  fingerprint: string;
  trust: 'verified' | 'unverified' | 'key-changed';
  accepted: boolean;
  blocked: boolean;
  movedTo: string | undefined;
}

export interface DeliveryView {
  id: string;
  to: string;
  recordKey: string | undefined;
  status: 'queued' | 'stored' | 'notified' | 'fetched' | 'read' | 'lost';
  seeds: number;
  pods: number;
  confirmedMs: number;
  expiresMs: number;
  reason: string | undefined;
}

export interface MessageView {
  id: string;
  from: string;
  to: string;
  outgoing: boolean;
  sentMs: number;
  atMs: number;
  arrival: number;
  contentType: string;
  body: Uint8Array;
  replyTo: string | undefined;
  verified: boolean;
  trust: 'verified' | 'unverified' | 'key-changed';
  request: boolean;
  newer: boolean;
  delivery: DeliveryView | undefined;
}

export interface ConversationView {
  contact: ContactView;
  last: MessageView | undefined;
  unread: number;
}

export interface StatsView {
  peers: number;
  connections: { peer: string; pod: boolean; elsewhere: boolean; kind: 'websocket' | 'webrtc' | 'relay'; direct: boolean; sinceMs: number }[];
  addresses: string[];
  storedRecords: number;
  storedBytes: number;
  quotaBytes: number;
  rx: number;
  tx: number;
  refusals: { what: 'handshake' | 'stream'; code: string; count: number }[];
}

export interface Telling {
  ready: string | undefined;
  alias: string;
  state: 'connecting' | 'online' | 'offline';
  unreachable: undefined;
  message: MessageView;
  delivery: DeliveryView;
  stats: undefined;
  linked: string;
  unlinked: string;
  refused: string;
  fault: string;
}

export type Tell = <Kind extends keyof Telling>(kind: Kind, value: Telling[Kind]) => void;

declare class Seed {
  private constructor();
  static start(options: StartOptions, person: Person | undefined, tell: Tell): Promise<Seed>;
  id(): string;
  register(label: string): Promise<string>;
  lookup(address: string): Promise<ContactView>;
  send(letter: Letter): Promise<DeliveryView>;
  messages(address: string, beforeMs: number | undefined, count: number): Promise<MessageView[]>;
  conversations(): Promise<ConversationView[]>;
  inbox(): Promise<MessageView[]>;
  advance(arrival: number): void;
  markRead(address: string): Promise<void>;
  judge(address: string, judgement: string): Promise<ContactView>;
  quota(bytesMax: number): void;
  stats(): StatsView;
  wake(): void;
  close(): Promise<void>;
  free(): void;
}

export type { Person, Seed };
