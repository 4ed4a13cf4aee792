// The simulator checked against the world. Two hundred native seeds with real libp2p and ten real
// tabs join one pod; once they are linked as they want to be, records are stored by some and fetched
// by others. Then the simulator plays the same: the same seed ids, the same records, the same authors
// and readers, each store as long after the one before. Nothing is asserted.
//
// hops_mean_*                          links that a record came over to a holder, the first time
// holder_overlap_percent_real, _sim    how many of the twelve seeds closest to a record, by XOR of all
//                                      that take part but its author, promised to keep it
// holder_overlap_percent_real_vs_sim   how many of those who promised in the one did so in the other, too
//
// The last three compare two sets and say how much of the larger one is in both: who promised and is
// none of the twelve counts as much against it as one of them who did not.
//
// What the simulator does not know: that native seeds can dial no tab, and how busy a machine is on
// which everybody runs at once.
//
// What the simulator is given is in target/report/custody-real.txt (`cargo figures mirror FILE`).
//
//   MUTTR_BENCH_RECORDS   how many records native seeds store (100)
//   MUTTR_BENCH_NATIVE    how many native seeds there are (200)
//   MUTTR_BENCH_SEED      the integer that decides who everybody is, and who stores and fetches what
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { dice } from '../harness/browser/crowd.mjs'
import { Custodians } from '../harness/browser/custodians.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { sleep } from '../harness/browser/patience.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { report } from '../harness/browser/report.mjs'
import { repository } from '../harness/browser/repository.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { Tab } from '../harness/browser/tab.mjs'

const NATIVE = Number(process.env.MUTTR_BENCH_NATIVE ?? 200)
const TABS = 10
const RECORDS = Number(process.env.MUTTR_BENCH_RECORDS ?? 100)
const INTEGER = Number(process.env.MUTTR_BENCH_SEED ?? Date.now() % 2 ** 31)
const KEEP_BYTES = 16 << 20
const HOLDERS = 12
/** Looks at all links: so often, and so many without a change worth mentioning mean that all is settled. */
const LOOKS_MS = 10_000
const LOOKS_ALIKE = 4
const ALIKE = 0.005
const SETTLES_MS_MAX = 420_000
const STORE_EVERY_MS = 250
/** A store that found too few is begun again, as an outbox does it: so often, after pauses that double. */
const PLACINGS_MAX = 4
const PLACE_AGAIN_MS = 3_000
/** Longer than a store or a fetch may take. */
const ENDS_MS = 30_000
/** Receipts still come for so long after a store was reported. */
const TAIL_MS = 12_000

console.log(`MUTTR_BENCH_SEED=${INTEGER}`)
const chance = dice(INTEGER)
const roll = below => Math.floor(chance() * below)
const percent = (part, whole) => (100 * part) / Math.max(whole, 1)
const mean = values => values.reduce((sum, each) => sum + each, 0) / Math.max(values.length, 1)
const late = ms => new Promise(resolve => setTimeout(resolve, ms).unref())

const oak = new Pod('oak', { env: { MUTTR_LOG: 'warn' } })
await oak.start()
const joining = Date.now()
const natives = await Custodians.start(NATIVE, { integer: INTEGER, keepBytes: KEEP_BYTES, pod: oak })

/** The secret that a tab's seed id comes from, out of its database. */
function seedKey() {
  return new Promise((resolve, reject) => {
    const fail = ({ target }) => reject(target.error)
    indexedDB.databases().then(([{ name }]) => {
      const opening = indexedDB.open(name)
      opening.onerror = fail
      opening.onsuccess = () => {
        const database = opening.result
        const key = new TextEncoder().encode('shell/seed-key')
        const asked = database.transaction('setting').objectStore('setting').get(key)
        asked.onerror = fail
        asked.onsuccess = () => {
          database.close()
          resolve(Array.from(new Uint8Array(asked.result), byte => byte.toString(16).padStart(2, '0')).join(''))
        }
      }
    }, reject)
  })
}

const profile = await Profile.open(profileFolder('custody'))
const stage = { origin: await origin({ '/muttr/': 'target/test-build/' }), rumours: new Rumours() }
const tabs = []
for (let number = 0; number < TABS; number += 1) {
  const context = await profile.browser.newContext()
  const tab = await Tab.open(context, { ...stage, name: `tab ${number}` })
  tab.id = (await tab.open({ pod: oak.url, nameless: true })).id
  tab.secret = await tab.page.evaluate(seedKey)
  tabs.push(tab)
}
const joined_ms = Date.now() - joining
console.log(`${NATIVE} native seeds and ${TABS} tabs are there after ${Math.round(joined_ms / 1000)} s`)

/** Waits until nobody opens links any more; answers how many each native seed has on average. */
async function settled() {
  const end = Date.now() + SETTLES_MS_MAX
  let before = 0
  for (let alike = 0; alike < LOOKS_ALIKE && Date.now() < end; ) {
    await sleep(LOOKS_MS)
    const told = natives.next('looked')
    natives.say('look')
    const links = mean((await told)[0].split(',').map(Number))
    alike = Math.abs(links - before) <= ALIKE * links ? alike + 1 : 0
    before = links
  }
  return before
}
const settling = Date.now()
const links_mean_real = await settled()
const settled_ms = Date.now() - settling
console.log(`settled after ${Math.round(settled_ms / 1000)} s with ${links_mean_real.toFixed(1)} links each`)

/** Of each record: who promised to keep it, over how many forwarders it came to whom, and what else
 * is known of it. */
const records = new Map()
const of = key => {
  if (!records.has(key)) records.set(key, { held: new Set(), came: new Map(), went: new Map(), stored: 0 })
  return records.get(key)
}
/** What counts is the first time. */
const first = (ways, who, hops) => ways.has(who) || ways.set(who, Number(hops))
natives.on('wrote', (number, key, ms) => {
  const record = of(key)
  record.author = number
  record.wall_ms ??= Number(ms)
})
natives.on('promised', (key, id) => of(key).held.add(id))
natives.on('stored', key => (of(key).stored += 1))
natives.on('came', (number, _, key, hops) => first(of(key).came, natives.ids[number], hops))
natives.on('went', (number, id, key, hops) => {
  first(of(key).went, number, hops)
  // What comes to a native seed it tells itself.
  if (tabs.some(tab => tab.id === id)) first(of(key).came, id, hops)
})

/** Has a record stored, and stored again while too few promised. */
async function place(key, integer, author) {
  for (let placing = 1; ; placing += 1) {
    const end = Date.now() + ENDS_MS
    while (of(key).stored < placing && Date.now() < end) await sleep(100)
    if (of(key).held.size >= HOLDERS || placing === PLACINGS_MAX) return
    await sleep(PLACE_AGAIN_MS << placing)
    natives.say('store', author, integer)
  }
}

const written = []
const placing = []
for (let integer = 0; integer < RECORDS; integer += 1) {
  const pause = sleep(STORE_EVERY_MS)
  const author = roll(NATIVE)
  const reader = (author + 1 + roll(NATIVE - 1)) % NATIVE
  const wrote = natives.next('wrote')
  natives.say('store', author, integer)
  const [, key] = await wrote
  written.push({ integer, author, reader, key })
  placing.push(place(key, integer, author))
  await pause
}
await Promise.all(placing)
await sleep(TAIL_MS)

/** Fetches by a native seed; answers whether it found the record. */
async function fetched(key, reader) {
  const told = natives.next('fetched', key)
  natives.say('fetch', reader, key)
  const [how] = (await Promise.race([told, late(ENDS_MS)])) ?? []
  return how === 'true'
}
let found = 0
for (const { key, reader } of written) found += await fetched(key, reader)

// Tabs store as well, and fetch from each other, and natives from them: who keeps it, they do not tell.
let tabStored = 0
let tabFetched = 0
for (const [number, tab] of tabs.entries()) {
  const bytes = Array.from({ length: 1_500 }, (_, at) => (at * 7 + number) % 256)
  const key = await tab.call('put', bytes).catch(() => undefined)
  if (!key) continue
  tabStored += 1
  const same = await tabs[(number + 1) % TABS].call('get', key).catch(() => [])
  tabFetched += same.length === bytes.length && same.every((byte, at) => byte === bytes[at])
  tabFetched += await fetched(key, roll(NATIVE))
}

/** Links that records came over to their holders. An author claims some forwarders who never were;
 * from there the rest is counted. */
const hops = written.flatMap(({ key }) => {
  const { held, came, went, author } = of(key)
  return [...held].filter(id => came.has(id)).map(id => came.get(id) - went.get(author) + 1)
})

/** The same in the simulator. */
function mirrored() {
  const lines = [`natives ${INTEGER} ${NATIVE}`, ...tabs.map(({ secret }) => `tab ${secret}`)]
  lines.push(`joined ${joined_ms}`, `settled ${settled_ms}`)
  for (const { integer, author, reader, key } of written) {
    lines.push(`record ${integer} ${of(key).wall_ms} ${author} ${reader}`)
    for (const id of of(key).held) lines.push(`held ${id}`)
  }
  const path = join(repository, 'target/report/custody-real.txt')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${lines.join('\n')}\n`)
  const env = { ...process.env, MUTTR_SIM_SEED: String(INTEGER) }
  const told = execFileSync(join(repository, 'target/debug/figures'), ['mirror', path], { encoding: 'utf8', env })
  return Object.fromEntries(
    told
      .trim()
      .split('\n')
      .map(line => line.split(' '))
      .map(([name, value]) => [name, Number(value)]),
  )
}

const { holder_overlap_percent_real_vs_sim, ...sim } = mirrored()
const figures = {
  integer: INTEGER,
  native_seeds: NATIVE,
  tabs: TABS,
  pods: 1,
  records: RECORDS,
  joined_ms,
  settled_ms,
  holder_overlap_percent_real_vs_sim,
  ...sim,
  holders_mean_real: mean(written.map(({ key }) => of(key).held.size)),
  hops_mean_real: mean(hops),
  hops_seen_copies: hops.length,
  links_mean_real,
  stored_percent: percent(written.filter(({ key }) => of(key).held.size >= HOLDERS).length, RECORDS),
  fetched_percent: percent(found, RECORDS),
  tab_stored_percent: percent(tabStored, TABS),
  tab_fetched_percent: percent(tabFetched, 2 * tabStored),
}
console.log(figures)
report('custody-real', 1, figures)
await profile.kill()
await natives.stop()
await oak.stop()
process.exit(0)
