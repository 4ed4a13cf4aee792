import { computed, signal } from '@preact/signals';
import {
  Identity,
  init,
  join,
  type Address,
  type Code,
  type Seed,
  type SeedState,
  type StorageOptions,
} from 'muttr';
import { followMessages } from './conversations';
import { followFigures } from './figures';
import { codeOf, phase, running, seed, stop } from './phase';
import { asName } from './place';
import { aliasSkipped, hidden, keepBytes, savedFor } from './preferences';

/** Whoever reads this page. */
export const identity = signal<Identity | undefined>(undefined);
export const link = signal<SeedState>('connecting');
/** Why the link is as it is, where that is known. */
export const linkReason = signal<Code | undefined>(undefined);
export const address = signal<Address | undefined>(undefined);
/** Whether the browser promised not to clear what is stored. */
export const persisted = signal<boolean>(true);
/** The identity is in no file yet. */
export const unsaved = computed(
  () => identity.value !== undefined && savedFor.value !== identity.value.fingerprint,
);

/** The pod that serves this page. */
export const pod = location.origin;
/** Its host, as it stands in addresses. */
export const host = computed(() => seed.value?.host ?? location.host);

const store = asName === undefined ? {} : { store: asName };

/** Starts the page: as far as the arrival question, or all the way if it was answered before. */
export async function start(): Promise<void> {
  if (!isSecureContext) return stop('INSECURE_CONTEXT');
  persisted.value = (await navigator.storage?.persisted?.()) ?? false;
  const asked = keepBytes.peek() !== null;
  if (!asked) phase.value = { at: 'asking' };
  try {
    await init();
    if (asked) phase.value = { at: 'starting', wait: 'opening' };
    identity.value = await anIdentity();
  } catch (thrown) {
    return stop(codeOf(thrown) ?? 'UNKNOWN');
  }
  if (asked) await enter();
}

async function anIdentity(): Promise<Identity> {
  const before = await Identity.load(store);
  if (before !== undefined) return before;
  const made = await Identity.create();
  await made.save(store);
  return made;
}

/** The reader answered the arrival question. */
export async function answer(quotaBytes: number): Promise<void> {
  keepBytes.value = quotaBytes;
  await enter();
  if (quotaBytes > 0) await askToPersist();
}

/** Joins the network as this seed and opens the rooms. */
export async function enter(tabs: 'exclusive' | 'wait' = 'exclusive'): Promise<void> {
  const person = identity.peek();
  if (person === undefined) return stop('NO_IDENTITY');
  if (tabs === 'wait') phase.value = { at: 'starting', wait: 'other-tab' };
  try {
    const joined = await joinAs(person, tabs);
    follow(joined);
    phase.value = joined.address === undefined && !aliasSkipped.peek() ? { at: 'naming' } : { at: 'running' };
  } catch (thrown) {
    stop(codeOf(thrown) ?? 'UNKNOWN');
  }
}

function joinAs(person: Identity, tabs: 'exclusive' | 'wait'): Promise<Seed> {
  const storage: StorageOptions = { quotaBytes: keepBytes.peek() ?? 0 };
  const hideAddress = hidden.peek();
  return join({ pod, identity: person, storage, hideAddress, tabs, offline: true, ...store });
}

let hiding = Promise.resolve();

/** Leaves the network and joins it again, seen by other seeds or not. The rooms stay open. */
export function hide(on: boolean): Promise<void> {
  hidden.value = on;
  hiding = hiding.then(joinAgain);
  return hiding;
}

async function joinAgain(): Promise<void> {
  const person = identity.peek();
  // Whoever changed their mind meanwhile has what they want.
  if (person === undefined || running().hidden === hidden.peek()) return;
  try {
    await running().close();
    follow(await joinAs(person, 'wait'));
  } catch (thrown) {
    stop(codeOf(thrown) ?? 'UNKNOWN');
  }
}

function follow(joined: Seed): void {
  seed.value = joined;
  link.value = joined.state;
  address.value = joined.address;
  joined.on('state', ({ state, reason }) => {
    // One that was left to be joined again says goodbye on purpose.
    if (state === 'closed' && reason === undefined) return;
    link.value = state;
    linkReason.value = reason;
    address.value = joined.address;
    if (phase.peek().at === 'naming' && joined.address !== undefined) openRooms(false);
    if (reason !== undefined && (state === 'closed' || reason === 'REPLACED')) stop(reason);
  });
  followMessages(joined);
  followFigures(joined);
}

/** Takes an alias at the pod. */
export async function takeAlias(label: string, signal: AbortSignal): Promise<void> {
  const joined = running();
  address.value = await joined.register(label, { signal });
}

/** Goes on to the rooms, with or without an alias. */
export function openRooms(skipped: boolean): void {
  if (skipped) aliasSkipped.value = true;
  phase.value = { at: 'running' };
}

/** Puts another identity in the place of this one and starts again with it. */
export async function restore(file: Uint8Array, passphrase: string): Promise<void> {
  const other = await Identity.import(file, passphrase);
  await seed.peek()?.close();
  await other.save(store);
  savedFor.value = other.fingerprint;
  // Its alias, if it has one, comes back with it.
  aliasSkipped.value = true;
  location.reload();
}

/** The identity, locked with the passphrase, noted as saved. */
export async function lockedIdentity(passphrase: string): Promise<string> {
  const person = identity.peek();
  if (person === undefined) throw new Error('there is no identity to save');
  return person.export(passphrase);
}

/** Asks the browser not to clear what is stored. */
export async function askToPersist(): Promise<boolean> {
  persisted.value = (await navigator.storage?.persist?.()) ?? false;
  return persisted.value;
}
