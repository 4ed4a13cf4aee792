/** From what the wasm hands out to what an application meets. */

import { isCode, type Code } from './errors.js';
import type { ContactView, ConversationView, DeliveryView, MessageView, StatsView } from './muttr.js';
import type { Address, Contact, Conversation, Delivery, Message, SeedStats } from './types.js';

export function contactOf(view: ContactView): Contact {
  return {
    ...view,
    address: view.address as Address,
    movedTo: view.movedTo as Address | undefined,
  };
}

export function deliveryOf(view: DeliveryView): Delivery {
  return {
    id: view.id,
    to: view.to as Address,
    recordKey: view.recordKey,
    status: view.status,
    heldBy: { seeds: view.seeds, pods: view.pods },
    confirmedAt: dateOf(view.confirmedMs),
    expires: dateOf(view.expiresMs),
    reason: view.reason === undefined ? undefined : codeOf(view.reason),
  };
}

export function messageOf(view: MessageView): Message {
  return {
    id: view.id,
    from: view.from as Address,
    to: view.to as Address,
    outgoing: view.outgoing,
    sentAt: new Date(view.sentMs),
    receivedAt: new Date(view.atMs),
    text: view.contentType.startsWith('text/') ? new TextDecoder().decode(view.body) : '',
    body: view.body,
    contentType: view.contentType,
    replyTo: view.replyTo,
    verified: view.verified,
    trust: view.trust,
    request: view.request,
    newer: view.newer,
    delivery: view.delivery && deliveryOf(view.delivery),
  };
}

export function conversationOf(view: ConversationView): Conversation {
  return {
    contact: contactOf(view.contact),
    last: view.last && messageOf(view.last),
    unread: view.unread,
  };
}

export function statsOf(view: StatsView): SeedStats {
  const connections = view.connections.map(({ sinceMs, ...connection }) => ({
    ...connection,
    since: new Date(sinceMs),
  }));
  const refusals = view.refusals.map((each) => ({ ...each, code: codeOf(each.code) }));
  return { ...view, connections, refusals };
}

export function codeOf(code: string): Code {
  return isCode(code) ? code : 'UNKNOWN';
}

/** The wasm says 0 where nothing has happened yet. */
function dateOf(ms: number): Date | undefined {
  return ms === 0 ? undefined : new Date(ms);
}
