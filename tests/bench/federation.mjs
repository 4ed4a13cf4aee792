// Fifty native seeds and five tabs on two pods write a thousand messages to each other at random:
// how many are read, how long it takes from sending to readable, and what all of it costs on the
// wire. Nothing is asserted.
//
//   MUTTR_BENCH_MESSAGES   how many (1000)
//   MUTTR_BENCH_SEED       the integer that decides who writes to whom
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { leftover } from '../harness/browser/leftovers.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { median, report } from '../harness/browser/report.mjs'
import { repository } from '../harness/browser/repository.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { Tab } from '../harness/browser/tab.mjs'

const NATIVE = 50
const TABS = 5
const MESSAGES = Number(process.env.MUTTR_BENCH_MESSAGES ?? 1000)
/** Messages under way at once. */
const PARALLEL = 8
const PATIENCE_MS = 180_000

// Whatever is asked for here would take one person half an hour.
const LIMITS = { MUTTR_NOTIFY_BURST: '100000', MUTTR_NOTIFY_PER_MINUTE: '100000', MUTTR_MAILBOX_STRANGERS_MAX: '10000' }
const env = { ...LIMITS, MUTTR_CHANGES_BURST: '100000', MUTTR_LOG: 'warn' }

let state = Number(process.env.MUTTR_BENCH_SEED ?? Date.now() % 2 ** 31)
console.log(`MUTTR_BENCH_SEED=${state}`)
/** A number below `below` (Park and Miller, 1988). */
function roll(below) {
  state = (state * 48_271) % 2_147_483_647
  return state % below
}

const sent = new Map()
const read = new Map()
const waiting = new Map()
let refused = 0

function reads(text, ms, verified) {
  const known = read.get(text) ?? { times: 0, ms, verified }
  known.times += 1
  read.set(text, known)
  waiting.get(text)?.()
}

/** Frames and bytes that the loopback device has carried so far. */
function carried() {
  const line = readFileSync('/proc/net/dev', 'utf8').split('\n').find(each => each.trim().startsWith('lo:'))
  const [bytes, frames] = line.split(':')[1].trim().split(/\s+/).map(Number)
  return { bytes, frames }
}

const [oak, elm] = [new Pod('oak', { env }), new Pod('elm', { env })]
await elm.start()
oak.knows(elm.url)
await oak.start()

const folder = mkdtempSync(join(tmpdir(), 'muttr-native-'))
const native = spawn(join(repository, 'target/debug/native'), [folder, String(NATIVE), oak.url, elm.url], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
leftover(() => {
  native.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
const people = []
await new Promise((resolve, reject) => {
  native.once('exit', code => reject(new Error(`the native seeds ended with ${code}`)))
  createInterface({ input: native.stdout }).on('line', line => {
    const [kind, text, ms, verified] = line.split(' ')
    if (kind === 'ready') {
      const number = people.length
      people.push({ address: text, write: (to, what) => native.stdin.write(`${number} ${to} ${what}\n`) })
      if (people.length === NATIVE) resolve()
    }
    if (kind === 'read') reads(text, Number(ms), verified === 'true')
    if (kind === 'failed') {
      refused += 1
      waiting.get(text)?.()
    }
  })
})

const browser = await Profile.open(profileFolder('federation'))
const shared = { origin: await origin(), rumours: new Rumours() }
const told = (kind, { text, verified }) => kind === 'message' && reads(text, Date.now(), verified)
for (let number = 0; number < TABS; number += 1) {
  const pod = number % 2 === 0 ? oak : elm
  const context = await browser.browser.newContext()
  const tab = await Tab.open(context, { ...shared, name: `tab ${number}`, told })
  await tab.open({ pod: pod.url })
  const address = await tab.call('register', `tab${number}`)
  people.push({ address, write: (to, what) => tab.call('send', to, what).catch(() => (refused += 1)) })
}
console.log(`${people.length} people are there`)

/** One message from somebody to somebody else, until it is read. */
async function exchange(number) {
  const from = roll(people.length)
  const to = (from + 1 + roll(people.length - 1)) % people.length
  const text = `message-${number}`
  const came = new Promise(resolve => waiting.set(text, resolve))
  sent.set(text, Date.now())
  people[from].write(people[to].address, text)
  const late = new Promise(resolve => setTimeout(resolve, PATIENCE_MS).unref())
  await Promise.race([came, late])
  waiting.delete(text)
}

const before = carried()
const began = performance.now()
let next = 0
await Promise.all(
  Array.from({ length: PARALLEL }, async () => {
    while (next < MESSAGES) await exchange(next++)
  }),
)
const took_s = (performance.now() - began) / 1000
const after = carried()

const good = [...read.values()].filter(({ verified, times }) => verified && times === 1).length
const times = [...sent].filter(([text]) => read.has(text)).map(([text, at]) => read.get(text).ms - at)
times.sort((a, b) => a - b)
const figures = {
  messages: MESSAGES,
  native_seeds: NATIVE,
  tabs: TABS,
  pods: 2,
  parallel: PARALLEL,
  read_percent: (100 * good) / MESSAGES,
  shown_twice: [...read.values()].filter(each => each.times > 1).length,
  refused,
  send_to_readable_ms_p50: median(times),
  send_to_readable_ms_p99: times[Math.floor(times.length * 0.99)],
  // Of everything on the loopback device: links, pings and the tests' own driving of tabs as well.
  frames_per_message: Math.round((after.frames - before.frames) / MESSAGES),
  bytes_per_message: Math.round((after.bytes - before.bytes) / MESSAGES),
  took_s: Math.round(took_s),
}
console.log(figures)
report('federation', 1, figures)
await browser.kill()
native.removeAllListeners('exit')
native.stdin.end()
await oak.stop()
await elm.stop()
process.exit(0)
