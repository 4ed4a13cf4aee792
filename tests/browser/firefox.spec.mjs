// Another engine: Chromium and Firefox talk to each other.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Firefox, lacking } from '../harness/browser/firefox.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { until } from '../harness/browser/patience.mjs'
import { Play } from '../harness/browser/player.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { scenario } from '../harness/browser/scenario.mjs'
import { Tab } from '../harness/browser/tab.mjs'

const ENGINES = { Chromium: Profile, Firefox }
const why = lacking()
const OPTIONS = { timeout: 300_000, skip: why ?? false }
if (why) console.log(`skipped: ${why}`)

let shipped
let tested
before(async () => {
  shipped = await origin()
  tested = await origin({ '/muttr/': 'target/test-build/' })
})

const bytes = (length, step) => Array.from({ length }, (_, at) => (at * step) % 251)

/** One stores it, the other fetches it. */
async function moves(from, to, content) {
  assert.deepEqual(await to.call('get', await from.store(content)), content)
}

async function direct(tab, peer) {
  await until(async () => {
    const { connections } = await tab.call('stats')
    const found = connections.some(each => each.peer === peer && each.kind === 'webrtc' && each.direct)
    return found ? undefined : `${tab.name} has no direct connection to the other`
  })
}

/** The first is there when the second comes; then the pod goes, and records move both ways. */
async function meet(...names) {
  const rumours = new Rumours()
  const pod = new Pod('oak', { heard: line => rumours.hear('pod oak', line) })
  const opening = names.map(name => ENGINES[name].open(profileFolder(name)))
  // One that does not open is heard of when its turn comes.
  for (const each of opening) each.catch(() => {})
  try {
    await pod.start()
    const tabs = []
    const ids = []
    for (const [place, name] of names.entries()) {
      const { context } = await opening[place]
      const tab = await Tab.open(context, { origin: tested, name, rumours })
      tabs.push(tab)
      ids.push((await tab.open({ pod: pod.url, nameless: true })).id)
    }
    const [first, second] = tabs
    await direct(first, ids[1])
    await direct(second, ids[0])
    assert.equal(await pod.stop(), 0)
    await moves(first, second, bytes(3_000, 7))
    await moves(second, first, bytes(3_000, 11))
    for (const tab of tabs) assert.deepEqual(tab.faults, [], `${tab.name}'s tab`)
  } catch (failure) {
    throw new Error(`${failure.message}\n${rumours.last(30).join('\n')}`, { cause: failure })
  } finally {
    const opened = await Promise.allSettled(opening)
    await Promise.all(opened.map(({ value }) => value?.kill()))
    await pod.stop()
  }
}

for (const names of [['Chromium', 'Firefox'], ['Firefox', 'Chromium']]) {
  test(`${names[1]} finds ${names[0]}, and they need no pod any more`, OPTIONS, () => meet(...names))
}

for (const [name, engines] of [
  ['twelve_steps', { alice: 'firefox' }],
  ['offline', { bob: 'firefox' }],
]) {
  const [who] = Object.keys(engines)
  test(`${name}, with ${who} in Firefox`, OPTIONS, async () => {
    const play = new Play({ origin: shipped, engines })
    try {
      await play.perform(scenario(name))
    } finally {
      await play.end()
    }
  })
}
