// Two tabs behind two NATs, each in a network of its own. See `topology.mjs` for the picture.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '../harness/browser/patience.mjs'
import { Place } from './place.mjs'
import { Topology, lacking } from './topology.mjs'

const PLAY_MS = 180_000
// A bare data channel needs far less, or never opens.
const BARE_OPENS_MS = 8_000
const why = lacking()
const OPTIONS = { timeout: PLAY_MS, skip: why ?? false }
if (why) console.log(`skipped: ${why}`)

let topology
before(() => {
  if (!why) topology = new Topology()
})
after(() => topology?.remove())

/** Plays with a pod on the internet and two tabs behind boxes of this kind. */
async function behind(kind, play) {
  const said = []
  const hear = (who, text) => said.push(`${who}: ${text}`)
  const places = ['inet', 'alice', 'bob'].map(name => {
    const module = name === 'inet' ? 'outside.mjs' : 'behind.mjs'
    return new Place(topology.namespace(name), module, hear)
  })
  const [outside, alice, bob] = places
  try {
    topology.become(kind)
    const pod = await outside.call('start')
    await Promise.all([alice.call('open', { name: 'alice', pin: pod.pin }), bob.call('open', { name: 'bob', pin: pod.pin })])
    await play({ pod: { ...pod, stop: () => outside.call('stop') }, alice, bob })
    for (const place of [alice, bob]) assert.deepEqual(await place.call('faults'), [])
  } catch (failure) {
    const seen = [alice, bob].map(place => place.call('connections').then(JSON.stringify, String))
    const told = [...said.slice(-30), ...(await Promise.all(seen))].join('\n')
    throw new Error(`${failure.message}\n${told}`, { cause: failure })
  } finally {
    await Promise.all(places.map(place => place.leave()))
  }
}

/** Whether a data channel that has nothing to do with the package opens between the two pages. */
async function bareOpens({ pod, alice, bob }) {
  const offer = await alice.call('bare', 'offer', pod.stun)
  const answer = await bob.call('bare', 'answer', offer, pod.stun)
  await alice.call('bare', 'accept', answer)
  const opened = await Promise.all([alice, bob].map(place => place.call('bare', 'opens', BARE_OPENS_MS)))
  return opened.every(Boolean)
}

/**
 * Both come online, Bob once Alice can be found: who comes at the same moment is told of the other
 * at the next look around only, a minute later. Answers their seed ids.
 */
async function join({ pod, alice, bob }, options = [{}, {}]) {
  const ids = []
  for (const [at, place] of [alice, bob].entries()) {
    const { id } = await place.call('join', { pod: pod.url, ...options[at] })
    ids.push(id)
    if (options[at].hideAddress) continue
    await until(async () => ((await stats(place)).addresses.length > 0 ? undefined : 'nobody can find it'))
  }
  return ids
}

const stats = place => place.call('call', 'stats')

/** The connection of this tab to that peer that needs nobody in between, if there is one. */
async function direct(place, peer) {
  const { connections } = await stats(place)
  return connections.find(each => each.peer === peer && each.kind === 'webrtc' && each.direct)
}

/** The package's peer connections, which ask the pod's STUN and nobody else. */
async function attempts(place, pod) {
  const found = await place.call('connections')
  for (const { asks } of found) assert.deepEqual(asks, [pod.stun])
  return found
}

const bytes = (length, step) => Array.from({ length }, (_, at) => (at * step) % 251)

/** One stores it, the other fetches it. Whoever was just met may not be known yet for a holder. */
async function moves(from, to, content) {
  let key
  await until(async () => {
    key = await from.call('call', 'put', content).catch(() => undefined)
    return key ? undefined : 'nobody signed for it'
  })
  assert.deepEqual(await to.call('call', 'get', key), content)
}

async function reads(place, text, from) {
  await until(async () => {
    const all = await place.call('call', 'messages', from)
    const found = all.filter(each => !each.outgoing && each.text === text)
    if (found.length === 0) return `nobody was shown "${text}"`
    assert.equal(found.length, 1, `"${text}" is there twice`)
    assert.ok(found[0].verified, `"${text}" is not verified`)
    return undefined
  })
  await place.call('call', 'markRead', from)
}

/** Each takes an alias, and they write to each other until the first knows that it was read. */
async function converse({ pod, alice, bob }) {
  const [atAlice, atBob] = ['alice', 'bob'].map(label => `${label}@${pod.host}`)
  await alice.call('call', 'register', 'alice')
  await bob.call('call', 'register', 'bob')
  await alice.call('call', 'send', atBob, 'hello')
  await reads(bob, 'hello', atAlice)
  await bob.call('call', 'send', atAlice, 'hello yourself')
  await reads(alice, 'hello yourself', atBob)
  await until(async () => {
    const [mine] = (await bob.call('call', 'messages', atAlice)).filter(each => each.outgoing)
    return mine.delivery.status === 'read' ? undefined : `it is ${mine.delivery.status}`
  })
}

/** Neither tab reaches the other, though each tried; `own` are the candidates they found. */
async function nothingDirect({ pod, alice, bob }, [aliceId, bobId], own) {
  const { addresses } = await stats(bob)
  const address = addresses.find(each => each.includes('/webrtc'))
  assert.ok(address, `Bob is to be found at ${addresses}`)
  await assert.rejects(alice.call('call', 'echo', address, 8))
  const tried = await attempts(alice, pod)
  assert.ok(tried.length > 0, 'Alice never tried')
  assert.ok(!tried.some(each => each.connected), 'there was a direct connection')
  const found = [...new Set(tried.flatMap(each => each.own))].sort()
  assert.deepEqual(found, own)
  for (const [place, peer] of [[alice, bobId], [bob, aliceId]]) {
    assert.equal(await direct(place, peer), undefined)
  }
}

test('port-restricted on both sides: tabs connect through the pod’s STUN, and need it no more', OPTIONS, () =>
  behind('port-restricted', async scene => {
    const { pod, alice, bob } = scene
    assert.ok(await bareOpens(scene), 'not even a bare data channel opens')
    const [aliceId, bobId] = await join(scene, [{ nameless: true }, { nameless: true }])
    for (const [place, peer] of [[alice, bobId], [bob, aliceId]]) {
      await until(async () => ((await direct(place, peer)) ? undefined : 'they are not connected directly'))
      const open = (await attempts(place, pod)).filter(each => each.open)
      assert.ok(open.length > 0, 'there is no peer connection')
      // A check that comes before the candidate was told makes it a peer-reflexive one.
      for (const { pair } of open) {
        assert.equal(pair[0], 'srflx')
        assert.match(pair[1], /^[sp]rflx$/)
      }
    }
    for (const packets of topology.udpSent()) assert.ok(packets > 0, 'no UDP went through')
    assert.equal(await pod.stop(), 0)
    await moves(alice, bob, bytes(3_000, 7))
    await moves(bob, alice, bytes(3_000, 11))
  }),
)

test('symmetric on both sides: no direct connection, and every message arrives', OPTIONS, () =>
  behind('symmetric', async scene => {
    assert.ok(!(await bareOpens(scene)), 'a bare data channel opens: these are no symmetric NATs')
    const ids = await join(scene)
    await converse(scene)
    await nothingDirect(scene, ids, ['host', 'srflx'])
  }),
)

test('no UDP at all: no direct connection, and every message arrives', OPTIONS, () =>
  behind('no UDP', async scene => {
    const ids = await join(scene)
    await converse(scene)
    await nothingDirect(scene, ids, ['host'])
    for (const packets of topology.udpSent()) assert.ok(packets > 0, 'nothing was blocked')
  }),
)

test('whoever hides their address sends no UDP, and every message arrives', OPTIONS, () =>
  behind('port-restricted', async scene => {
    await join(scene, [{ hideAddress: true }, {}])
    await converse(scene)
    assert.deepEqual((await stats(scene.alice)).connections, [])
    assert.deepEqual(await scene.alice.call('connections'), [])
    const [packets] = topology.udpSent()
    assert.equal(packets, 0)
  }),
)
