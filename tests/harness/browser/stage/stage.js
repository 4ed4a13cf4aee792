// What a site that embeds Muttr would write, reduced to calls that a test can make. Every call
// answers `{ value }` or `{ code, message }`: only plain data leaves the page.
import { Identity, join } from 'muttr'

let seed
let identity

const plain = value => JSON.parse(JSON.stringify(value ?? null))

const calls = {
  /** Opens this profile's seed, new or as it was left. */
  async open({ pod, quotaBytes, hideAddress, nameless }) {
    if (!nameless) {
      identity = await Identity.load()
      if (!identity) {
        identity = await Identity.create()
        await identity.save()
      }
    }
    const storage = quotaBytes === undefined ? undefined : { quotaBytes }
    seed = await join({ pod, identity, storage, hideAddress, offline: true })
    seed.on('message', message => globalThis.told?.('message', plain(message)))
    seed.on('fault', fault => globalThis.told?.('fault', plain(fault)))
    return { fingerprint: identity?.fingerprint ?? null, id: seed.id }
  },
  state: () => ({ state: seed.state, address: seed.address ?? null, fingerprint: seed.fingerprint ?? null }),
  register: label => seed.register(label),
  lookup: address => seed.lookup(address),
  send: (to, body) => seed.send(to, body),
  /** Gives every message away at once, in order, and waits for all of them. */
  sendAll: (to, bodies) => Promise.all(bodies.map(body => seed.send(to, body))),
  messages: address => seed.messages(address, { limit: 200 }),
  markRead: address => seed.markRead(address),
  async received() {
    const all = []
    for (const { contact } of await seed.conversations()) {
      all.push(...(await seed.messages(contact.address, { limit: 200 })))
    }
    return all.filter(message => !message.outgoing)
  },
  stats: async () => plain(await seed.stats()),
  setStorage: storage => seed.setStorage(storage),
  async inbox(count) {
    const read = []
    for await (const message of seed.inbox({ live: false })) {
      read.push(message)
      if (read.length === count) break
    }
    return read
  },
  async close() {
    await seed.close()
    identity?.dispose()
  },
  // These only the build with test handles has.
  put: bytes => seed.put(Uint8Array.from(bytes)),
  get: async recordKey => Array.from(await seed.get(recordKey)),
  async echo(address, count) {
    const sent = Uint8Array.from({ length: count }, (_, place) => place ^ (place >> 8) ^ (place >> 16))
    const came = await seed.echo(address, sent)
    return { came: came.length, same: came.length === count && came.every((byte, place) => byte === sent[place]) }
  },
  pour: (address, count) => seed.pour(address, count),
  hangUp: peer => seed.hangUp(peer),
  exported: passphrase => identity.export(passphrase),
  certificate: () => Array.from(identity.certificate()),
}

globalThis.stage = async (name, ...given) => {
  try {
    return { value: plain(await calls[name](...given)) }
  } catch (failure) {
    return { code: failure.code ?? failure.name, message: String(failure.message ?? failure) }
  }
}
