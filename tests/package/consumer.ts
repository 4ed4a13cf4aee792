// An application in TypeScript: compiled against the package's declarations, never run.
import { Identity, MuttrError, init, join, type Address, type Delivery, type Message, type Seed } from 'muttr';

export async function greet(pod: string, signal: AbortSignal): Promise<Delivery | undefined> {
  await init(new URL('./muttr.wasm', import.meta.url));
  const identity = (await Identity.load()) ?? (await Identity.create({ signal }));
  await identity.save();
  const seed: Seed = await join({ pod, identity, storage: { quotaBytes: 0 }, hideAddress: true, signal });
  const address: Address = await seed.register('alice');
  const stop = seed.on('delivery', ({ status, heldBy }) => console.log(status, heldBy.seeds + heldBy.pods));
  try {
    return await seed.send(address, { content: 'hello', contentType: 'text/plain' });
  } catch (thrown) {
    if (MuttrError.is(thrown) && thrown.code === 'NOT_FOUND') return undefined;
    throw thrown;
  } finally {
    stop();
    await seed.close();
  }
}

export async function read(seed: Seed): Promise<Message[]> {
  const read: Message[] = [];
  for await (const message of seed.inbox({ live: false })) read.push(message);
  const { storedBytes, connections } = await seed.stats();
  const hidden: boolean = seed.hidden && connections.every(({ kind }) => kind !== 'webrtc');
  return storedBytes > 0 && !hidden ? read : [];
}

// @ts-expect-error a pod has to be named
export const podless = () => join({});
