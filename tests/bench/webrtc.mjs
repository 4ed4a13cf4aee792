// A tab's own WebRTC beside js-libp2p's and beside a bare data channel, all in one page: from dialling
// to an open stream, one stream's throughput, and what a connection costs the renderer. The three take
// turns, so that a busy moment of the machine is everybody's. Medians; nothing is asserted.
//
// A turn of a guest's (js-libp2p, the bare channel) that fails or comes to no end is taken again on a
// new connection; how often that was is in the report, and what it took is not in the figures.
import { Circle } from '../harness/browser/circle.mjs'
import { Foreign } from '../harness/browser/foreign.mjs'
import { rendererBytes } from '../harness/browser/memory.mjs'
import { sleep, until } from '../harness/browser/patience.mjs'
import { median, report } from '../harness/browser/report.mjs'

const DIALS = 24
const SIZES = { '1mib': { mib: 1, runs: 15 }, '16mib': { mib: 16, runs: 7 } }
const CONNECTIONS = 12
const MIB = 1 << 20
/** What was closed is closed on the way there, too. */
const LETS_GO_MS = 300
/** No turn takes so long that comes to an end. */
const TURN_MS = 60_000
const TRIES = 4

const circle = await Circle.start({ env: { MUTTR_LOG: 'info' }, watched: false, build: 'target/bench-build/' })
const pod = await circle.way()

/** One page with both ends of everything. */
async function arena() {
  const profile = await circle.profile('bench')
  const page = await Foreign.open(profile.context, circle.origin)
  await page.call('start', 'near', { pod })
  const far = await page.call('start', 'far', { pod })
  const [ourNear, ourFar] = await page.page.evaluate(async url => {
    const { join } = await import('/muttr/index.js')
    globalThis.ours = []
    for (const store of ['near', 'far']) globalThis.ours.push(await join({ pod: url, store }))
    return globalThis.ours.map(({ id }) => id)
  }, circle.oak.url)
  const ask = (place, call, ...given) =>
    page.page.evaluate(([who, name, rest]) => globalThis.ours[who][name](...rest), [place, call, given])
  const ours = (call, ...given) => ask(0, call, ...given)
  let address
  for (const place of [0, 1]) {
    await until(async () => {
      address = (await ask(place, 'stats')).addresses.find(each => each.includes('/p2p-circuit/webrtc/p2p/'))
      return address ? undefined : 'it has no /webrtc address'
    })
  }
  const together = async () => (await ours('stats')).connections.some(({ peer }) => peer === ourFar)
  // Neighbours find each other again by themselves, and then there is nothing to dial.
  const apart = async () => {
    do {
      await Promise.all([ask(0, 'hangUp', ourFar), ask(1, 'hangUp', ourNear)])
      await sleep(LETS_GO_MS)
    } while (await together())
  }
  const near = await page.call('idOf', 'near')
  return {
    profile,
    page,
    muttr: {
      guest: false,
      dial: async () => {
        if (await together()) await apart()
        return (await ours('pour', address, 0)).openMs
      },
      pour: async bytes => (await ours('pour', address, bytes)).pourMs,
      apart,
    },
    js: {
      guest: true,
      dial: async () => (await page.call('poured', 'near', far.address, 0)).openMs,
      pour: async bytes => (await page.call('poured', 'near', far.address, bytes)).pourMs,
      apart: async () => {
        await page.call('hangUp', 'near', far.id)
        await page.call('hangUp', 'far', near)
        await sleep(LETS_GO_MS)
      },
    },
    bare: {
      guest: true,
      dial: () => page.call('bareDial'),
      pour: bytes => page.call('barePour', bytes),
      apart: () => page.call('bareHangUp'),
    },
  }
}

/** What comes to no end in time has failed. */
function ends(turn) {
  let late
  const tooLate = new Promise((_, reject) => (late = setTimeout(() => reject(new Error('it came to no end')), TURN_MS)))
  return Promise.race([turn, tooLate]).finally(() => clearTimeout(late))
}

const retries = {}

/** One turn; a guest's may be taken again after `mend`. */
async function turnOf(name, contestant, play, mend) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ends(play(contestant))
    } catch (failure) {
      if (!contestant.guest || tries === TRIES) throw failure
      retries[name] = (retries[name] ?? 0) + 1
      console.log(`${name} once more: ${failure.message}`)
      await ends(mend(contestant))
    }
  }
}

/** Every contestant once, and who begins changes from turn to turn. */
async function turns(count, contestants, play, mend) {
  const taken = Object.fromEntries(Object.keys(contestants).map(name => [name, []]))
  // The first turn warms up.
  for (let turn = 0; turn <= count; turn += 1) {
    const names = Object.keys(contestants)
    const order = [...names.slice(turn % names.length), ...names.slice(0, turn % names.length)]
    for (const name of order) {
      const figure = await turnOf(name, contestants[name], play, mend)
      if (turn > 0) taken[name].push(figure)
    }
  }
  return taken
}

/** Bytes of the renderer for each connection that strangers in another browser make to this one. */
async function cost(page, address, crowd) {
  const call = (name, as) => crowd.call(name, as, address, 100)
  await call('echoed', 'guest 0')
  const before = await rendererBytes(page)
  let came = 0
  for (let each = 1; each <= CONNECTIONS; each += 1) {
    // js-libp2p turns away whoever is the sixth within a second, and now and then somebody else.
    await sleep(LETS_GO_MS)
    came += await call('echoed', `guest ${each}`).then(() => 1, () => 0)
  }
  if (came < CONNECTIONS) console.log(`${CONNECTIONS - came} of ${CONNECTIONS} guests of ${address.slice(-8)} did not get in`)
  return (await rendererBytes(page) - before) / came
}

async function costs() {
  const visitors = await circle.profile('visitors')
  const crowd = await Foreign.open(visitors.context, circle.origin)
  for (let each = 0; each <= CONNECTIONS; each += 1) await crowd.call('start', `guest ${each}`, { pod, listen: false })
  const tab = await circle.tab('host')
  const ours = await cost(tab.page, await tab.address(), crowd)
  await tab.profile.kill()
  const js = await circle.foreign('host')
  const theirs = await cost(js.page, js.address, crowd)
  await js.profile.kill()
  await visitors.kill()
  return { ours, theirs }
}

const round = (value, digits = 1) => Number(value.toFixed(digits))
const { profile, muttr, js, bare } = await arena()
const contestants = { muttr, js, bare }
const suffix = { muttr: '', js: '_js', bare: '_bare' }

const figures = {}
const dialled = async each => {
  const ms = await each.dial()
  await each.apart()
  return ms
}
const dials = await turns(DIALS, contestants, dialled, each => each.apart())
for (const [name, all] of Object.entries(dials)) figures[`dial_ms_p50${suffix[name]}`] = round(median(all))

/** On a connection of its own from here on. */
const anew = async each => {
  await each.apart()
  await each.dial()
}
for (const [name, each] of Object.entries(contestants)) await turnOf(name, each, ({ dial }) => dial(), ({ apart }) => apart())
const spread = {}
for (const [size, { mib, runs }] of Object.entries(SIZES)) {
  const taken = await turns(runs, contestants, each => each.pour(mib * MIB), anew)
  for (const [name, all] of Object.entries(taken)) {
    const speeds = all.map(ms => (mib * 1_000) / ms)
    figures[`stream_mib_per_s_${size}${suffix[name]}`] = round(median(speeds))
    spread[`stream_mib_per_s_${size}${suffix[name]}`] = speeds.map(speed => round(speed))
  }
}
await profile.kill()

const { ours, theirs } = await costs()
figures.renderer_bytes_per_connection = Math.round(ours)
figures.renderer_bytes_per_connection_js = Math.round(theirs)
for (const [name, all] of Object.entries(dials)) spread[`dial_ms${suffix[name]}`] = all.map(ms => round(ms))

report('webrtc', { dials: DIALS, pours_1mib: SIZES['1mib'].runs, pours_16mib: SIZES['16mib'].runs, connections: CONNECTIONS }, { ...figures, retries, each: spread })
console.log(`turns of guests taken again: ${JSON.stringify(retries)}`)
for (const [name, figure] of Object.entries(figures)) console.log(`${name}: ${figure.toLocaleString('en')}`)

await circle.end()
process.exit(0)
