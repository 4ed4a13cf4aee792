import { codeOf, contactOf, conversationOf, deliveryOf, messageOf, statsOf } from './convert.js';
import { MuttrError } from './errors.js';
import { Emitter } from './events.js';
import { followInbox, followStats, type InnerEvents } from './follow.js';
import type * as wasm from './muttr.js';
import type {
  AbortOptions,
  Address,
  Contact,
  Conversation,
  Delivery,
  InboxOptions,
  Judgement,
  Message,
  MessageBody,
  PageOptions,
  Seed,
  SeedEvents,
  SeedState,
  SendOptions,
  StatsFeed,
  StatsOptions,
  StorageOptions,
} from './types.js';
import type { Instance } from './wasm.js';

/** Changes of the figures are told at most this often. */
const STATS_MS = 250;

/** A seed that runs in the wasm of this page. */
export class LivingSeed implements Seed {
  readonly host: string;
  readonly fingerprint: string | undefined;
  readonly hidden: boolean;
  readonly #instance: Instance;
  readonly #events = new Emitter<InnerEvents>();
  /** Called, last first, when it is over. */
  readonly #endings: (() => void)[] = [];
  #inner: wasm.Seed | undefined;
  #id = '';
  #state: SeedState = 'connecting';
  #address: Address | undefined;
  #statsTimer: ReturnType<typeof setTimeout> | undefined;

  private constructor(instance: Instance, options: wasm.StartOptions, fingerprint: string | undefined) {
    this.#instance = instance;
    this.host = options.host;
    this.hidden = options.hidden;
    this.fingerprint = fingerprint;
  }

  /**
   * Starts one; resolves once it has loaded what is stored. `unlock` is called when it is over,
   * also when it could not be started.
   */
  static async start(
    instance: Instance,
    options: wasm.StartOptions,
    person: wasm.Person | undefined,
    unlock: () => void,
  ): Promise<LivingSeed> {
    const seed = new LivingSeed(instance, options, person?.fingerprint());
    seed.#endings.push(unlock);
    try {
      await seed.#start(options, person);
    } catch (error) {
      seed.#end(error);
      throw error;
    }
    return seed;
  }

  async #start(options: wasm.StartOptions, person: wasm.Person | undefined): Promise<void> {
    const loaded = new Promise<Address | undefined>((resolve, reject) => {
      this.#endings.push(this.#instance.mourn((error) => this.#end(error)));
      this.#events.on('end', reject);
      const tell: wasm.Tell = (kind, value) =>
        kind === 'ready' ? resolve(value as Address | undefined) : this.#told(kind, value);
      this.#instance.ask(({ Seed }) => Seed.start(options, person, tell)).then((inner) => {
        this.#inner = inner;
        this.#id = inner.id();
      }, reject);
    });
    this.#address = await loaded;
    this.#endings.push(onAwakening(() => this.#inner?.wake()));
  }

  get id(): string {
    return this.#id;
  }

  get state(): SeedState {
    return this.#state;
  }

  get address(): Address | undefined {
    return this.#address;
  }

  async register(alias: string, { signal }: AbortOptions = {}): Promise<Address> {
    const [label = '', host] = alias.split('@');
    if (host !== undefined && host !== this.host) throw new MuttrError('FOREIGN_POD');
    this.#address = (await this.ask((seed) => seed.register(label), signal)) as Address;
    return this.#address;
  }

  async lookup(address: string, { signal }: AbortOptions = {}): Promise<Contact> {
    return contactOf(await this.ask((seed) => seed.lookup(address), signal));
  }

  async send(to: string, body: string | MessageBody, options: SendOptions = {}): Promise<Delivery> {
    const { content, contentType = 'text/plain' } = typeof body === 'string' ? { content: body } : body;
    const letter = {
      to,
      contentType,
      body: typeof content === 'string' ? new TextEncoder().encode(content) : content,
      replyTo: options.replyTo,
      lifeMs: options.expiresIn,
    };
    return deliveryOf(await this.ask((seed) => seed.send(letter), options.signal));
  }

  inbox(options: InboxOptions = {}): AsyncIterable<Message> {
    const waiting = () => this.ask((seed) => seed.inbox(), options.signal);
    return followInbox(this.#events, waiting, (arrival) => this.#inner?.advance(arrival), options);
  }

  async messages(
    address: string,
    { before, limit = 50, signal }: PageOptions = {},
  ): Promise<Message[]> {
    const beforeMs = before?.getTime();
    const views = await this.ask((seed) => seed.messages(address, beforeMs, limit), signal);
    return views.map(messageOf);
  }

  async conversations({ signal }: AbortOptions = {}): Promise<Conversation[]> {
    return (await this.ask((seed) => seed.conversations(), signal)).map(conversationOf);
  }

  async markRead(address: string, { signal }: AbortOptions = {}): Promise<void> {
    await this.ask((seed) => seed.markRead(address), signal);
  }

  async judge(
    address: string,
    judgement: Judgement,
    { signal }: AbortOptions = {},
  ): Promise<Contact> {
    return contactOf(await this.ask((seed) => seed.judge(address, judgement), signal));
  }

  async setStorage({ quotaBytes }: StorageOptions): Promise<void> {
    const bytesMax = checkedQuota(quotaBytes);
    this.#instance.call(() => this.#living().quota(bytesMax));
    this.#tellStats();
  }

  stats(options: StatsOptions = {}): StatsFeed {
    return followStats(this.#events, () => this.#figures(), options);
  }

  on<Kind extends keyof SeedEvents>(
    kind: Kind,
    listen: (event: SeedEvents[Kind]) => void,
    options?: AbortOptions,
  ): () => void {
    return this.#events.on(kind, listen as (event: InnerEvents[Kind]) => void, options);
  }

  /** Resolves once the seed is online; rejects when the first attempt came to nothing. */
  online(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = ({ state, reason }: SeedEvents['state']) => {
        if (state === 'online') resolve();
        else if (state !== 'connecting') reject(new MuttrError(reason ?? 'POD_UNREACHABLE'));
        else return;
        stop();
      };
      const stop = this.#events.on('state', settle);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      settle({ state: this.#state, reason: undefined });
    });
  }

  async close(): Promise<void> {
    const inner = this.#inner;
    this.#inner = undefined;
    if (inner && this.#instance.alive) await this.#instance.ask(() => inner.close());
    this.#end(undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #living(): wasm.Seed {
    if (!this.#inner) throw new MuttrError(this.#instance.alive ? 'CLOSED' : 'INSTANCE_DEAD');
    return this.#inner;
  }

  /** Asks the wasm. No part of `Seed`. */
  ask<T>(ask: (seed: wasm.Seed) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return this.#instance.ask(() => ask(this.#living()), signal);
  }

  #figures() {
    return statsOf(this.#instance.call(() => this.#living().stats()));
  }

  #told<Kind extends keyof wasm.Telling>(kind: Kind, value: wasm.Telling[Kind]): void {
    switch (kind) {
      case 'alias':
        // An identity that came from a file finds its alias at the pod.
        this.#address = value as Address;
        return undefined;
      case 'state':
        // Once offline, a seed tries again and again, which is no news.
        if (value === 'connecting') return undefined;
        return this.#become(value as wasm.Telling['state'], undefined);
      case 'unreachable':
        return this.#state === 'connecting' ? this.#become('offline', 'POD_UNREACHABLE') : undefined;
      case 'refused':
        return this.#become('offline', value as string);
      case 'message':
        this.#events.emit('arrival', value as wasm.MessageView);
        return this.#events.emit('message', messageOf(value as wasm.MessageView));
      case 'delivery':
        return this.#events.emit('delivery', deliveryOf(value as wasm.DeliveryView));
      case 'linked':
      case 'unlinked':
        return this.#events.emit('peer', { peer: value as string, connected: kind === 'linked' });
      case 'fault':
        return this.#events.emit('fault', { code: codeOf(value as string) });
      case 'stats':
        return this.#tellStats();
      default:
        return undefined;
    }
  }

  #tellStats(): void {
    this.#statsTimer ??= setTimeout(() => {
      this.#statsTimer = undefined;
      if (this.#inner && this.#instance.alive) this.#events.emit('stats', this.#figures());
    }, STATS_MS);
  }

  #become(state: SeedState, reason: string | undefined): void {
    if (state === this.#state && reason === undefined) return;
    this.#state = state;
    this.#events.emit('state', { state, reason: reason === undefined ? undefined : codeOf(reason) });
  }

  /** It is over: closed, or dead for this reason. */
  #end(error: unknown): void {
    if (this.#state === 'closed') return;
    this.#inner = undefined;
    clearTimeout(this.#statsTimer);
    for (const ending of this.#endings.splice(0).reverse()) ending();
    this.#become('closed', error instanceof MuttrError ? error.code : undefined);
    this.#events.emit('end', error);
  }
}

/** @throws MuttrError MISUSE for what is no size */
export function checkedQuota(quotaBytes: number): number {
  if (!Number.isSafeInteger(quotaBytes) || quotaBytes < 0) throw new MuttrError('MISUSE');
  return quotaBytes;
}

/** Calls `wake` when the page or the network is back; returns what stops it. */
function onAwakening(wake: () => void): () => void {
  const page: Document | undefined = globalThis.document;
  if (!page) return () => undefined;
  const shown = () => {
    if (page.visibilityState === 'visible') wake();
  };
  globalThis.addEventListener('online', wake);
  globalThis.addEventListener('pageshow', wake);
  page.addEventListener('visibilitychange', shown);
  return () => {
    globalThis.removeEventListener('online', wake);
    globalThis.removeEventListener('pageshow', wake);
    page.removeEventListener('visibilitychange', shown);
  };
}
