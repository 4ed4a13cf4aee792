import { computed, effect, signal } from '@preact/signals';
import type { Code, Contact, Conversation, Delivery, Judgement, Message, Seed } from 'muttr';
import { judgeFailure, running } from './phase';
import { place } from './place';
import { remembered } from './preferences';

/** Everyone there are messages with, most recent first. */
export const conversations = signal<Conversation[] | undefined>(undefined);
/** People whose messages belong among the conversations. */
export const accepted = computed(() =>
  conversations.value?.filter(({ contact }) => contact.accepted && !contact.blocked),
);
/** People whose first messages wait for a decision. */
export const requests = computed(
  () => conversations.value?.filter(({ contact }) => !contact.accepted && !contact.blocked) ?? [],
);
export const unread = computed(() => (accepted.value ?? []).reduce((sum, each) => sum + each.unread, 0));

/** The messages of the conversation that is open, oldest first. */
export interface Open {
  address: string;
  messages: Message[];
  /** Whether there may be earlier ones. */
  more: boolean;
}
export const open = signal<Open | undefined>(undefined);

/** A message on its way out of this page, or one that could not leave it; it shows at once. */
export interface Sending {
  to: string;
  text: string;
  replyTo: string | undefined;
  /** When, in milliseconds since 1970. */
  since: number;
  /** Why it could not be sent. */
  failed?: Code;
}
/** What could not be sent stays until it is sent or taken back, whatever becomes of the page. */
const unsent = remembered<readonly Sending[]>('unsent', []);
export const sending = signal(unsent.peek());
effect(() => {
  unsent.value = sending.value.filter((each) => each.failed !== undefined);
});
/** What was begun to be written, by address. */
export const drafts = remembered<Readonly<Record<string, string>>>('drafts', {});
/** The address of who wrote last, for the live region. */
export const arrived = signal<{ from: string; id: string } | undefined>(undefined);

/** What must not pass in silence: a message that will not arrive, one that could not be opened. */
export type Notice = { lost: string; code: Code } | { setAside: Code };
export const notices = signal<readonly Notice[]>([]);

const pageLength = 50;

/** Follows everything the seed tells about messages. */
export function followMessages(seed: Seed): void {
  void refresh();
  seed.on('message', (message) => {
    if (!message.outgoing) arrived.value = { from: message.from, id: message.id };
    merge(message.outgoing ? message.to : message.from, [message]);
    void refresh().then(look);
  });
  seed.on('delivery', (delivery) => {
    if (delivery.status === 'lost') notices.value = [...notices.peek(), { lost: delivery.to, code: delivery.reason ?? 'EXPIRED' }];
    if (!noteDelivery(delivery)) void reread(delivery.to);
    void refresh();
  });
  seed.on('fault', ({ code }) => {
    notices.value = [...notices.peek(), { setAside: code }];
  });
  seed.on('state', () => void refresh());
}

document.addEventListener('visibilitychange', () => void look());

let refreshing: Promise<void> | undefined;
let again = false;

/** Reads the list anew; calls that come while it is being read are answered by one more reading. */
export function refresh(): Promise<void> {
  if (refreshing !== undefined) {
    again = true;
    return refreshing;
  }
  refreshing = (async () => {
    do {
      again = false;
      conversations.value = await running().conversations();
    } while (again);
  })()
    .catch((thrown: unknown) => void judgeFailure(thrown))
    .finally(() => {
      refreshing = undefined;
    });
  return refreshing;
}

/** Opens a conversation. */
export async function openWith(address: string, signal: AbortSignal): Promise<void> {
  const before = open.peek();
  if (before?.address !== address) open.value = undefined;
  const messages = await running().messages(address, { limit: pageLength, signal });
  if (conversations.peek() === undefined) await refresh();
  if (signal.aborted) return;
  show(address, messages, messages.length === pageLength);
  void look();
}

/** Adds the page of messages before the first one shown. */
export async function showEarlier(signal: AbortSignal): Promise<void> {
  const shown = open.peek();
  const first = shown?.messages[0];
  if (shown === undefined || first === undefined) return;
  const older = await running().messages(shown.address, {
    before: first.receivedAt,
    limit: pageLength,
    signal,
  });
  if (open.peek()?.address !== shown.address) return;
  show(shown.address, [...older, ...(open.peek()?.messages ?? [])], older.length === pageLength);
}

/** Sends, and keeps the text in sight until the message itself is there. */
export async function send(to: string, text: string, replyTo?: string): Promise<void> {
  const entry: Sending = { to, text, replyTo, since: Date.now() };
  sending.value = [...sending.peek(), entry];
  try {
    await running().send(to, text, replyTo === undefined ? {} : { replyTo });
    await reread(to);
    forget(entry);
  } catch (thrown) {
    const failed = judgeFailure(thrown) ?? 'UNKNOWN';
    sending.value = sending.peek().map((each) => (each === entry ? { ...entry, failed } : each));
  }
  void refresh();
}

/** Sends once more what could not be sent. */
export function sendAgain(entry: Sending): Promise<void> {
  forget(entry);
  return send(entry.to, entry.text, entry.replyTo);
}

/** Puts what could not be sent back into the box. */
export function takeBack(entry: Sending): void {
  forget(entry);
  draft(entry.to, entry.text);
}

/** Keeps what was begun to be written to someone. */
export function draft(to: string, text: string): void {
  const { [to]: _, ...others } = drafts.peek();
  drafts.value = text === '' ? others : { ...others, [to]: text };
}

function forget(entry: Sending): void {
  sending.value = sending.peek().filter((each) => each !== entry);
}

/** Decides about a person. */
export async function judge(address: string, judgement: Judgement, signal: AbortSignal): Promise<Contact> {
  const contact = await running().judge(address, judgement, { signal });
  await refresh();
  void look();
  return contact;
}

/** What is known of a person we have messages with. */
export function contactOf(address: string): Contact | undefined {
  return conversations.value?.find(({ contact }) => contact.address === address)?.contact;
}

/** Tells the seed that the open conversation was looked at, if it is in sight and welcome. */
async function look(): Promise<void> {
  const shown = open.peek();
  if (shown === undefined || document.hidden || place.peek().with !== shown.address) return;
  const entry = accepted.peek()?.find(({ contact }) => contact.address === shown.address);
  if (entry === undefined || entry.unread === 0) return;
  try {
    await running().markRead(shown.address);
    await refresh();
  } catch (thrown) {
    judgeFailure(thrown);
  }
}

async function reread(address: string): Promise<void> {
  if (open.peek()?.address !== address) return;
  merge(address, await running().messages(address, { limit: pageLength }));
}

function merge(address: string, messages: readonly Message[]): void {
  const shown = open.peek();
  if (shown?.address !== address) return;
  show(address, [...shown.messages, ...messages], shown.more);
}

function show(address: string, messages: readonly Message[], more: boolean): void {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const inOrder = [...byId.values()].sort((a, b) => a.receivedAt.getTime() - b.receivedAt.getTime());
  open.value = { address, messages: inOrder, more };
}

/** Whether the message it is about is in sight. */
function noteDelivery(delivery: Delivery): boolean {
  const shown = open.peek();
  if (shown === undefined) return true;
  const at = shown.messages.findIndex(({ id }) => id === delivery.id);
  if (at < 0) return shown.address !== delivery.to;
  open.value = {
    ...shown,
    messages: shown.messages.map((each, i) => (i === at ? { ...each, delivery } : each)),
  };
  return true;
}
