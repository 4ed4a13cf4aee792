// An application in Node: two people in one process, and a message between them.
import assert from 'node:assert/strict';
import { Identity, MuttrError, join } from 'muttr';

const [pod, sockets] = process.argv.slice(2);
const { WebSocket } = await import(sockets);

const people = {};
for (const name of ['alice', 'bob']) {
  const identity = await Identity.create();
  const locked = await identity.export('correct horse battery');
  assert.ok(locked.startsWith('-----BEGIN PGP PRIVATE KEY BLOCK-----'));
  assert.equal((await Identity.import(locked, 'correct horse battery')).fingerprint, identity.fingerprint);
  await assert.rejects(Identity.import(locked, 'another horse battery'), (thrown) => MuttrError.is(thrown) && thrown.code === 'BAD_PASSPHRASE');
  people[name] = await join({ pod, identity, store: name, WebSocket });
  await people[name].register(name);
}

const { alice, bob } = people;
const sent = await alice.send(bob.address, 'from one Node to itself');
assert.ok(['notified', 'fetched', 'read'].includes(sent.status), sent.status);
for await (const message of bob.inbox({ signal: AbortSignal.timeout(30_000) })) {
  assert.equal(message.text, 'from one Node to itself');
  assert.equal(message.from, alice.address);
  assert.ok(message.verified);
  break;
}
await Promise.all([alice.close(), bob.close()]);
console.log('read');
process.exit(0);
