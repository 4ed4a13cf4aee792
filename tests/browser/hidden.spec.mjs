// A tab that nobody has looked at for seven minutes: its timers run once a minute, and it still hands
// over what it keeps, to who was there before and to who comes now. The window is a real one
// (`window.mjs` tells why).
//
// MUTTR_HIDDEN_S: for how long the tab is hidden, 420 seconds unless it says otherwise.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { sleep, until } from '../harness/browser/patience.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { report } from '../harness/browser/report.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { Tab } from '../harness/browser/tab.mjs'
import { noWindow, Window } from '../harness/browser/window.mjs'

const HIDDEN_S = Number(process.env.MUTTR_HIDDEN_S ?? 420)
const ANSWERS_MS = 2_000
const TICKS_MS = 100
/** After five minutes out of sight Chromium wakes timers once a minute, before that once a second. */
const ONCE_A_MINUTE_S = 300
const RECORD_BYTES = 1_500
const endings = []
after(async () => {
  for (const end of endings.reverse()) await end()
})

/** Begins to count, in a page, how often a timer runs and whether the page was ever seen. */
function watch(ticksMs) {
  const seen = []
  globalThis.watched = { ticks: [], seen }
  setInterval(() => globalThis.watched.ticks.push(performance.now()), ticksMs)
  document.addEventListener('visibilitychange', () => seen.push(document.visibilityState))
}

/** Waits until a pane shows the bare page: what is set in it before is gone. */
const loaded = pane =>
  until(async () => ((await pane.call(() => globalThis.stage !== undefined)) ? undefined : 'no stage'))

/** Since when it was hidden without a break, and how often the timer ran in the last minute. */
function watched() {
  const { ticks, seen } = globalThis.watched
  const now = performance.now()
  return { hidden: document.hidden, seen: seen.splice(0), lately: ticks.filter(at => at > now - 60_000).length, all: ticks.length }
}

/** A nameless seed in a browser of its own. */
async function seed(name, stage, pod) {
  const profile = await Profile.open(profileFolder(name))
  endings.push(() => profile.kill())
  const tab = await Tab.open(profile.context, { ...stage, name })
  await tab.open({ pod: pod.url, nameless: true })
  tab.profile = profile
  return tab
}

/** Calls into the bare page in a pane. */
async function ask(pane, name, ...given) {
  const { value, code } = await pane.call((call, rest) => globalThis.stage(call, ...rest), name, given)
  assert.equal(code, undefined, `${name}: ${code}`)
  return value
}

const bytes = mark => Array.from({ length: RECORD_BYTES }, (_, at) => (at * 5 + mark) % 256)

/** Fetches, compares, and answers how long it took. */
async function fetched(tab, key, wanted) {
  const since = performance.now()
  assert.deepEqual(await tab.call('get', key), wanted)
  return Math.round(performance.now() - since)
}

/** Whether nobody stands between this tab and that peer. */
async function knows(tab, id) {
  const { connections } = await tab.call('stats')
  return connections.some(({ kind, peer }) => kind === 'webrtc' && peer === id)
}

const met = (tab, id) => until(async () => ((await knows(tab, id)) ? undefined : `${tab.name} has no direct connection`))

const why = noWindow()
if (why) console.log(`skipped: the hidden tab: ${why}`)

test(`a tab that is hidden for ${HIDDEN_S} s answers`, { skip: why, timeout: (HIDDEN_S + 300) * 1000 }, async () => {
  const oak = new Pod('oak')
  await oak.start()
  endings.push(() => oak.stop())
  const stage = { origin: await origin({ '/muttr/': 'target/test-build/' }), rumours: new Rumours() }
  const window = await Window.open('hidden')
  endings.push(() => window.close())

  // Bob keeps what mallory stores; she goes, and the pod forgets it: now only he has it.
  const bob = await window.pane(`${stage.origin}/stage.html`)
  await loaded(bob)
  const { id } = await ask(bob, 'open', { pod: oak.url, nameless: true })
  await until(async () => ((await ask(bob, 'state')).state === 'online' ? undefined : 'bob is not online'))
  const mallory = await seed('mallory', stage, oak)
  await met(mallory, id)
  const keys = []
  for (const mark of [1, 2, 3]) keys.push(await mallory.store(bytes(mark)))
  await until(async () => ((await ask(bob, 'stats')).storedRecords >= keys.length ? undefined : 'bob does not keep it all'))
  await mallory.profile.kill()
  await oak.meddle('forget-all')

  const alice = await seed('alice', stage, oak)
  await met(alice, id)
  await fetched(alice, keys[0], bytes(1))

  const control = await window.pane(`${stage.origin}/stage.html`)
  await loaded(control)
  for (const pane of [bob, control]) await pane.call(watch, TICKS_MS)
  const front = await window.pane('about:blank')
  await front.front()
  for (const pane of [bob, control]) {
    await until(async () => ((await pane.call(() => document.hidden)) ? undefined : 'it is not hidden'))
    await pane.call(watched)
  }
  await sleep(HIDDEN_S * 1_000)

  const [ofBob, ofControl] = [await bob.call(watched), await control.call(watched)]
  for (const { hidden, seen } of [ofBob, ofControl]) assert.deepEqual({ hidden, seen }, { hidden: true, seen: [] })
  // Not throttled, the timer would have run 600 times in a minute.
  const most = HIDDEN_S > ONCE_A_MINUTE_S + 60 ? 2 : 62
  assert.ok(ofControl.lately <= most, `the control timer ran ${ofControl.lately} times in a minute`)

  assert.ok(await knows(alice, id), 'the connection is there still')
  const fetch_ms = await fetched(alice, keys[1], bytes(2))
  const carol = await seed('carol', stage, oak)
  const newcomer_fetch_ms = await fetched(carol, keys[2], bytes(3))
  await met(carol, id)
  assert.ok(fetch_ms <= ANSWERS_MS, `the answer took ${fetch_ms} ms`)
  assert.ok(newcomer_fetch_ms <= ANSWERS_MS, `the newcomer's took ${newcomer_fetch_ms} ms`)
  assert.ok((await bob.call(watched)).hidden, 'hidden to the end')
  assert.deepEqual([...bob.faults, ...alice.faults, ...carol.faults], [])
  report('hidden', 1, {
    hidden_s: HIDDEN_S,
    control_timer_per_min: ofControl.lately,
    seed_timer_per_min: ofBob.lately,
    timer_per_min_visible: 60_000 / TICKS_MS,
    fetch_ms,
    newcomer_fetch_ms,
  })
})
