/** What a pod is called, where its channel is, and what it says of itself. */

import { MuttrError } from './errors.js';

/** A pod is asked who it is for at most this long. */
const ASK_MS_MAX = 5_000;

export interface Pod {
  /** The part of addresses after the `@`. */
  host: string;
  /** The private channel's address. */
  channel: string;
  /** What it says of itself; absent when it does not answer. */
  answer: PodAnswer | undefined;
}

/** A pod as libp2p knows it: its seed id and its multiaddrs. */
export interface PodContact {
  seed: string;
  addresses: string[];
}

/** Who it is, where it answers STUN, if it does, and the pods of other places that it knows. */
export interface PodAnswer extends PodContact {
  /** `stun:host:port` */
  stun: string | undefined;
  others: PodContact[];
}

/** The parts of `/.well-known/muttr` that are used here. */
interface WellKnown {
  version: number;
  seed: string;
  addresses: string[];
  channel: string;
  /** A UDP port. */
  stun?: number;
  /** Absent where a pod deals with no other. */
  pods?: PodContact[];
}

/**
 * Asks the pod at this address who it is.
 * @throws MuttrError MISUSE for what is no `http:` or `https:` address, INSECURE_CONTEXT for one
 * that a browser will not talk to from here
 */
export async function findPod(given: string | URL, signal: AbortSignal | undefined): Promise<Pod> {
  const base = baseOf(given);
  if (globalThis.isSecureContext === false || isMixedContent(base)) {
    throw new MuttrError('INSECURE_CONTEXT');
  }
  const answer = await ask(new URL('/.well-known/muttr', base), signal);
  signal?.throwIfAborted();
  const channel = new URL(answer?.channel ?? '/channel', base);
  channel.protocol = base.protocol === 'https:' ? 'wss:' : 'ws:';
  if (channel.host !== base.host) throw new MuttrError('WRONG_HOST');
  return { host: base.host, channel: channel.href, answer: answer && answerOf(answer, base) };
}

function answerOf({ seed, addresses, stun, pods = [] }: WellKnown, base: URL): PodAnswer {
  return {
    seed,
    addresses: [...new Set([...addresses, multiaddrOf(base)])],
    // The pod names a port and never a host: nobody else is ever asked.
    stun: stun === undefined ? undefined : `stun:${base.hostname}:${stun}`,
    others: pods.map(({ seed, addresses }) => ({ seed, addresses })),
  };
}

function baseOf(given: string | URL): URL {
  let base: URL;
  try {
    base = new URL(given);
  } catch (cause) {
    throw new MuttrError('MISUSE', { cause });
  }
  if (base.protocol !== 'http:' && base.protocol !== 'https:') throw new MuttrError('MISUSE');
  return base;
}

/** A page that came over https may not open sockets without TLS, except to its own machine. */
function isMixedContent(base: URL): boolean {
  const page = globalThis.location?.protocol;
  const own = base.hostname === 'localhost' || base.hostname === '127.0.0.1' || base.hostname === '[::1]';
  return page === 'https:' && base.protocol === 'http:' && !own;
}

async function ask(url: URL, signal: AbortSignal | undefined): Promise<WellKnown | undefined> {
  const patience = AbortSignal.timeout(ASK_MS_MAX);
  const either = signal ? AbortSignal.any([signal, patience]) : patience;
  try {
    const response = await fetch(url, { signal: either, credentials: 'omit', cache: 'no-store' });
    const said: unknown = response.ok ? await response.json() : undefined;
    return isWellKnown(said) ? said : undefined;
  } catch {
    return undefined;
  }
}

function isWellKnown(said: unknown): said is WellKnown {
  const it = said as Partial<WellKnown> | undefined;
  return (
    it?.version === 1 &&
    isContact(it) &&
    typeof it.channel === 'string' &&
    (it.stun === undefined || isPort(it.stun)) &&
    (it.pods === undefined || (Array.isArray(it.pods) && it.pods.every(isContact)))
  );
}

function isContact(said: unknown): boolean {
  const it = said as Partial<PodContact> | undefined;
  return (
    typeof it?.seed === 'string' &&
    Array.isArray(it.addresses) &&
    it.addresses.every((address) => typeof address === 'string')
  );
}

function isPort(said: unknown): boolean {
  return Number.isInteger(said) && Number(said) > 0 && Number(said) < 65_536;
}

/** Where libp2p answers at the address that was typed: the same port as the page. */
function multiaddrOf(base: URL): string {
  const secure = base.protocol === 'https:';
  const port = base.port || (secure ? '443' : '80');
  const name = base.hostname;
  const host = name.startsWith('[')
    ? `/ip6/${name.slice(1, -1)}`
    : `/${/^\d+(\.\d+){3}$/.test(name) ? 'ip4' : 'dns4'}/${name}`;
  return `${host}/tcp/${port}/${secure ? 'tls/ws' : 'ws'}`;
}
