// Mallory reaches a tab as any peer does, and breaks the rules: in what they signal, and on a
// connection that stands. The tab rejects it within bounds, notes that it did but not whom, forgets it,
// and goes on.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Circle } from '../harness/browser/circle.mjs'
import { until } from '../harness/browser/patience.mjs'
import { Refusal } from '../harness/browser/tab.mjs'
import { counts } from '../harness/browser/witness.mjs'

const OPTIONS = { timeout: 400_000 }
/** A handshake is over by then, one way or the other. */
const BOUNDED_MS = 45_000
/** Chromium needs half a minute to see that the far end is gone. */
const FORGETS_MS = 60_000
const ARRIVES_MS = 20_000
const TOGETHER = 4
const WELL = { came: 100, same: true }
const GROWS_BYTES_MAX = 64 << 20
/** What some of the tricks are refused with; of others the tab only drops what they say. */
const REFUSED = {
  'a flood nobody takes up': 'stream TOO_LARGE',
  'a frame of 256 KiB': 'stream TOO_LARGE',
  'a frame that never ends': 'stream MALFORMED',
  'text': 'stream MALFORMED',
  'init once more': 'stream MALFORMED',
  'a thousand channels': 'stream BUSY',
}

let circle
let alice
let bob
let mallory
let address

before(async () => {
  circle = await Circle.start()
  alice = await circle.tab('alice')
  ;[bob, mallory] = [await circle.foreign('bob'), await circle.foreign('mallory')]
  address = await alice.address()
  assert.deepEqual(await bob.call('echoed', 'bob', address, 100), WELL)
})
after(() => circle?.end())

/** An honest peer is answered, on its connection and on a new one, and nothing is left of Mallory. */
async function goesOn() {
  assert.deepEqual(await bob.call('echoed', 'bob', address, 100), WELL, 'on the connection that stands')
  await until(async () => {
    const { connections, states, channels } = await counts(alice.page)
    return connections <= 1 && channels <= 1 ? undefined : `left behind: ${states}, ${channels} channels`
  }, FORGETS_MS)
  await bob.call('start', 'newcomer', { pod: await circle.way(), listen: false })
  assert.deepEqual(await bob.call('echoed', 'newcomer', address, 100), WELL, 'on a new one')
  await bob.call('stop', 'newcomer')
  assert.deepEqual(alice.faults, [])
  await until(async () => ((await alice.call('state')).state === 'online' ? undefined : 'she is not online'))
}

/** How often she refused what with which code, until now. */
const refusals = async () =>
  Object.fromEntries((await alice.call('stats')).refusals.map(({ what, code, count }) => [`${what} ${code}`, count]))

/** Waits until a refusal is counted that was not before, and looks at what is said of it. */
async function refused(before_, which) {
  await until(async () => {
    const after_ = await refusals()
    return after_[which] > (before_[which] ?? 0) ? undefined : `not refused: ${which}, but ${JSON.stringify(after_)}`
  })
  const said = circle.rumours.last(Infinity).filter(line => line.startsWith("alice's console: muttr: "))
  const [what, code] = which.split(' ')
  assert.ok(said.some(line => line.includes(`${what} refused: ${code} (`)), `${which} is not in the console`)
  // A code and a count, and no word about anybody.
  for (const line of said) assert.match(line, /^alice's console: muttr: (handshake|stream) refused: [A-Z_]+ \(\d+\)$/)
}

const memory = async () => {
  const devtools = await alice.profile.context.newCDPSession(alice.page)
  await devtools.send('HeapProfiler.collectGarbage')
  const { usedSize } = await devtools.send('Runtime.getHeapUsage')
  return usedSize
}

test('what no peer may say while shaking hands is refused in time', OPTIONS, async () => {
  const names = await mallory.call('speechNames')
  const before_ = await refusals()
  let resets = 0
  for (let first = 0; first < names.length; first += TOGETHER) {
    const some = names.slice(first, first + TOGETHER)
    const heard = some.map(async (name, place) => {
      // Each under an id of its own, so that no quota of one peer answers for all.
      const as = `mallory ${first + place}`
      await mallory.call('start', as, { pod: await circle.way(), listen: false })
      const { how, ms } = await mallory.call('speech', as, address, name)
      await mallory.call('stop', as)
      assert.notEqual(how, 'open', `${name}: the tab still waits after ${Math.round(ms)} ms`)
      assert.ok(ms < BOUNDED_MS, `${name}: ${how} after ${Math.round(ms)} ms`)
      // What is more than a circuit may carry ends with it, at the relay.
      if (how === 'reset') resets += 1
      console.log(`${name}: ${how} after ${Math.round(ms)} ms`)
    })
    await Promise.all(heard)
  }
  for (const code of ['MALFORMED', 'TOO_LARGE', 'TIMED_OUT']) await refused(before_, `handshake ${code}`)
  const all = counts_ => Object.values(counts_).reduce((sum, count) => sum + count, 0)
  const counted = all(await refusals()) - all(before_)
  assert.ok(counted >= resets && counted <= names.length, `${counted} of ${names.length} are counted, and ${resets} were reset`)
  await goesOn()
})

test('a wrong fingerprint is never connected', OPTIONS, async () => {
  const before_ = await refusals()
  assert.notEqual(await mallory.call('impostor', 'mallory', address), 'connected')
  await refused(before_, 'handshake BAD_SIGNATURE')
  await goesOn()
})

test('who never answers is given up', OPTIONS, async () => {
  await mallory.call('start', 'silent', { pod: await circle.way() }).then(async silent => {
    await mallory.call('fallSilent', 'silent')
    const before_ = await refusals()
    const began = Date.now()
    await assert.rejects(alice.echo(silent.address, 100), Refusal)
    assert.ok(Date.now() - began < BOUNDED_MS, `given up after ${Date.now() - began} ms`)
    await refused(before_, 'handshake TIMED_OUT')
  })
  await mallory.call('stop', 'silent')
  await goesOn()
})

test('who breaks the rules on a connection loses the stream or the connection', OPTIONS, async () => {
  const before_ = await memory()
  for (const name of await mallory.call('trickNames')) {
    const as = `trickster: ${name}`
    const noted = await refusals()
    await mallory.call('start', as, { pod: await circle.way(), listen: false })
    // On a busy machine what is sent takes a while to arrive.
    const lingersMs = REFUSED[name] ? ARRIVES_MS : 0
    assert.equal(await mallory.call('trick', as, address, name, lingersMs), 'connected', name)
    if (REFUSED[name]) await refused(noted, REFUSED[name])
    await mallory.call('stop', as)
    assert.deepEqual(await bob.call('echoed', 'bob', address, 100), WELL, name)
    assert.deepEqual(alice.faults, [], name)
  }
  await goesOn()
  const grown = (await memory()) - before_
  assert.ok(grown < GROWS_BYTES_MAX, `the heap grew by ${grown} bytes`)
})
