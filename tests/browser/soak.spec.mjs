// Thirty seeds come and go at random around two that stay: what the two have of WebRTC is what they
// say they have, nothing of those who left remains with them, and they do not grow.
//
// MUTTR_SOAK_S is how long the seeds come and go (60 seconds; `make soak`: 600), MUTTR_SOAK_SEED the
// integer that decides about it all.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { census, counts } from '../harness/browser/census.mjs'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Crowd } from '../harness/browser/crowd.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { sleep, until } from '../harness/browser/patience.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { median, report } from '../harness/browser/report.mjs'
import { repository } from '../harness/browser/repository.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { Tab } from '../harness/browser/tab.mjs'
import { weigh } from '../harness/browser/weight.mjs'

const LASTS_S = Number(process.env.MUTTR_SOAK_S ?? 60)
const INTEGER = Number(process.env.MUTTR_SOAK_SEED ?? randomInt(2 ** 32))
const SEEDS = 30
/** `make soak` has time to see all of them at once. */
const WHOLE_S = 600
/** How long after the last one left everything of them must be gone: somebody who leaves without a
 * word is missed by ICE (30 s in Chromium) and by pings. */
const SETTLES_MS = 90_000
const LOOKS_MS = 5_000
const WORKS_MS = 2_000
const RECORD_BYTES = 1_500
const ECHO_BYTES = 100_000
const GROWS_MAX = 1.1
/** wasm's memory keeps the size that it had at the busiest moment, in pages. */
const WASM_GROWS_BYTES_MAX = 8 * 65_536

/** A bound of the protocol, from where it is written. */
function limit(name) {
  const text = readFileSync(join(repository, 'muttr-core/src/limit.rs'), 'utf8')
  return Number(new RegExp(`pub const ${name}: \\w+ = ([\\d_]+);`).exec(text)[1].replaceAll('_', ''))
}

/** One of those who stay, alone in a browser. */
async function survivor(name, pod, stage) {
  const profile = await Profile.open(profileFolder(name))
  await census(profile.context)
  const tab = await Tab.open(profile.context, { ...stage, name })
  tab.id = (await tab.open({ pod: pod.url, nameless: true })).id
  tab.profile = profile
  tab.most = { connections: 0, living: 0, channels: 0 }
  return tab
}

/** What a tab says it has, beside what the page has. */
async function look(tab) {
  const { connections } = await tab.call('stats')
  const { connections: real, channels } = await counts(tab.page)
  const told = connections.filter(({ kind }) => kind === 'webrtc').length
  tab.most.connections = Math.max(tab.most.connections, connections.length)
  tab.most.living = Math.max(tab.most.living, real.living)
  tab.most.channels = Math.max(tab.most.channels, channels.living)
  return { told, all: connections.length, real, channels }
}

/** What the two do all the time: store something, fetch what the other stored, talk directly. */
async function work(one, other, goesOn, done) {
  const address = async tab => (await tab.call('stats')).addresses.find(each => each.includes('/webrtc/'))
  for (let turn = 0; goesOn(); turn += 1) {
    const [author, reader] = turn % 2 === 0 ? [one, other] : [other, one]
    const bytes = Array.from({ length: RECORD_BYTES }, (_, at) => (at * 7 + turn) % 256)
    const key = await author.store(bytes)
    assert.deepEqual(await reader.call('get', key), bytes)
    const { same } = await author.call('echo', await address(reader), ECHO_BYTES)
    assert.ok(same, 'the echo is what was called')
    done.stored_and_fetched += 1
    await sleep(WORKS_MS)
  }
}

/** Waits until of all who left nothing is left with this one. */
async function settled(tab) {
  const since = Date.now()
  await until(async () => {
    const { told, real, channels } = await look(tab)
    const over = real.handlersOnClosed + channels.handlersOnClosed
    const rests = told === 1 && real.living === 1 && over === 0
    return rests ? undefined : `${tab.name} tells of ${told} direct connections, has ${real.living}, and ${over} handlers on closed ones`
  }, SETTLES_MS)
  return Date.now() - since
}

/** Everybody left, and what is garbage is gone: nothing but the one connection may be there. */
async function weighed(tab) {
  const weight = await weigh(tab.page)
  const { connections, channels } = await counts(tab.page)
  assert.equal(connections.kept, 1, `${tab.name} keeps ${connections.kept} connections`)
  assert.equal(weight.peer_connections, 1, 'as the engine counts')
  assert.equal(channels.kept, channels.living, `${tab.name} keeps closed channels`)
  return { ...weight, handlers: connections.handlers + channels.handlers, channels: channels.living }
}

test(`${SEEDS} seeds join and leave for ${LASTS_S} s`, { timeout: (LASTS_S + 600) * 1000 }, async () => {
  console.log(`MUTTR_SOAK_SEED=${INTEGER}`)
  const rumours = new Rumours()
  const stage = { origin: await origin({ '/muttr/': 'target/test-build/' }), rumours }
  const oak = new Pod('oak', { heard: line => rumours.hear('oak', line) })
  await oak.start()
  const [alice, bob] = [await survivor('alice', oak, stage), await survivor('bob', oak, stage)]
  const crowd = await Crowd.gather(SEEDS, { integer: INTEGER, pod: oak, stage })
  try {
    await soak({ oak, alice, bob, crowd, rumours })
  } catch (failure) {
    failure.message += `\nMUTTR_SOAK_SEED=${INTEGER}\n${rumours.last(30).join('\n')}`
    throw failure
  } finally {
    await Promise.all([crowd.end(), alice.profile.kill(), bob.profile.kill()])
    await oak.stop()
  }
})

async function soak({ oak, alice, bob, crowd, rumours }) {
  const two = [alice, bob]
  await until(async () => ((await look(alice)).told === 1 ? undefined : 'the two have not met'))
  const done = { stored_and_fetched: 0 }
  const settle_ms = []
  let goesOn = true

  /** They come and go while the two work and are looked at; then all leave, and nothing is left. */
  async function stir(lasts_ms) {
    goesOn = true
    const working = work(alice, bob, () => goesOn, done)
    const looking = (async () => {
      for (; goesOn; await sleep(LOOKS_MS)) {
        for (const tab of two) {
          const { all } = await look(tab)
          assert.ok(all <= limit('SEED_CONNECTIONS_MAX'), `${tab.name} has ${all} connections`)
        }
      }
    })()
    const stirring = crowd.stir(lasts_ms).finally(() => (goesOn = false))
    await Promise.all([working, looking, stirring])
    await crowd.scatter()
    for (const tab of two) settle_ms.push(await settled(tab))
    const weights = []
    for (const tab of two) weights.push(await weighed(tab))
    return weights
  }

  // A page's first minutes are not like the others: code is compiled, caches and wasm's memory, which
  // never shrinks, grow to what is needed. So the end is compared with a third of the way.
  const middle = await stir((LASTS_S * 1000) / 3)
  const end = await stir((LASTS_S * 2000) / 3)

  for (const [at, tab] of two.entries()) {
    for (const part of ['js_heap_bytes', 'wasm_bytes', 'renderer_bytes']) {
      const [before, after] = [middle[at][part], end[at][part]]
      const most = part === 'wasm_bytes' ? before + WASM_GROWS_BYTES_MAX : before * GROWS_MAX
      assert.ok(after <= most, `${tab.name}: ${part} grew from ${before} to ${after}`)
    }
    for (const part of ['listeners', 'handlers', 'channels']) {
      assert.equal(end[at][part], middle[at][part], `${tab.name}: ${part}`)
    }
    assert.deepEqual(tab.faults, [])
  }
  assert.deepEqual(crowd.faults, [])
  // In a minute they do not all come.
  if (LASTS_S >= WHOLE_S) assert.equal(crowd.figures.most_present, SEEDS, 'they were never all there')
  assert.deepEqual(rumours.last(Infinity).filter(line => /panicked|unreachable executed/.test(line)), [])
  assert.ok(oak.runs)
  const { join_ms, ...came } = crowd.figures
  report('soak', 1, {
    integer: INTEGER,
    lasts_s: LASTS_S,
    seeds: SEEDS,
    ...came,
    join_ms_p50: Math.round(median(join_ms)),
    ...done,
    settle_ms_max: Math.max(...settle_ms),
    survivors: await Promise.all(
      two.map(async (tab, at) => {
        const { connections, channels } = await counts(tab.page)
        const { connections: connections_most, living: peer_connections_most, channels: channels_most } = tab.most
        const most = { connections_most, peer_connections_most, channels_most }
        const made = { peer_connections_made: connections.made, channels_made: channels.made }
        return { ...made, ...most, middle: middle[at], end: end[at] }
      }),
    ),
  })
}
