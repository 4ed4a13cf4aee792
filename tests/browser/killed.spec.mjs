// A tab that keeps records for others is killed while they come, again and again: whatever it signed
// a receipt for is there when its profile is opened again. The control is a build that signs before
// it has written (feature `test-haste`): there, receipted records must be found missing.
//
// MUTTR_SOAK_TAB_KILLS is how often a tab is killed (3; `make soak`: 100), MUTTR_SOAK_SEED the integer
// that decides when.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { after, before, test } from 'node:test'
import { dice } from '../harness/browser/crowd.mjs'
import { Custodians } from '../harness/browser/custodians.mjs'
import { Holder } from '../harness/browser/holder.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { sleep } from '../harness/browser/patience.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { median, report } from '../harness/browser/report.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'

const KILLS = Number(process.env.MUTTR_SOAK_TAB_KILLS ?? 3)
const CONTROL_KILLS = Math.ceil(KILLS / 10)
const INTEGER = Number(process.env.MUTTR_SOAK_SEED ?? randomInt(2 ** 32))
const OPTIONS = { timeout: 120_000 + KILLS * 60_000 }
/** One profile after so many kills holds about as much as its disk may take. */
const KILLS_PER_PROFILE = 10
/** How long after the first receipt a tab is killed: less than a hasty one takes to write. */
const LASTS_MS = [20, 1_000]
/** Records that are not only asked after but handed over, after each kill. */
const SAMPLE = 3
/** Whose first integer is so far from another's, never pours the same record. */
const APART = 1_000_000

const chance = dice(INTEGER)
const rumours = new Rumours()
const figures = {}
let oak
let asker

before(async () => {
  console.log(`MUTTR_SOAK_SEED=${INTEGER}`)
  oak = new Pod('oak', { heard: line => rumours.hear('oak', line) })
  await oak.start()
  asker = await Custodians.start(1, { integer: INTEGER, pod: oak })
}, OPTIONS)

after(async () => {
  await asker?.stop()
  await oak?.stop()
  if (figures.kills) report('killed', 1, figures)
}, OPTIONS)

/** Records are put to the holder until it is killed; answers the keys of what it receipted. */
async function pour(holder, how, first) {
  const receipts = []
  const hear = key => receipts.push(key)
  asker.on('receipt', hear)
  const dry = asker.next('dry')
  const begun = asker.next('receipt')
  asker.say('pour', 0, holder.id, first)
  await begun
  const lasts_ms = LASTS_MS[0] + chance() * (LASTS_MS[1] - LASTS_MS[0])
  await sleep(lasts_ms)
  await holder.kill(how)
  const [count] = await dry
  asker.off('receipt', hear)
  assert.equal(receipts.length, Number(count))
  return receipts
}

/** Kills one holder so often; answers what it promised and what of that was missing at any time. */
async function lives(holder, kills, first) {
  const promised = []
  const missing = new Set()
  const found = { promised, missing, read: 0, handed: 0, reopened_ms: [] }
  await holder.open()
  for (let kill = 0; kill < kills; kill += 1) {
    const how = kill % 2 === 0 ? 'browser' : 'renderer'
    promised.push(...(await pour(holder, how, first + kill * APART)))
    const since = Date.now()
    const onDisk = await holder.open()
    found.reopened_ms.push(Date.now() - since)
    for (const key of promised) if (!onDisk.has(key)) missing.add(key)
    for (const key of await holder.lacks(promised)) missing.add(key)
    found.read += promised.length
    for (let each = 0; each < SAMPLE; each += 1) {
      const key = promised[Math.floor(chance() * promised.length)]
      if (await holder.hands(key)) found.handed += 1
      else missing.add(key)
    }
    const sums = `${promised.length} receipts so far, ${missing.size} records missing`
    console.log(`${kill + 1}: killed the ${how}, back within ${found.reopened_ms.at(-1)} ms; ${sums}`)
  }
  return found
}

test(`a tab killed ${KILLS} times while it stores has what it receipted`, OPTIONS, async () => {
  const stage = { origin: await origin(), rumours }
  const sums = { kills: 0, receipted_records: 0, missing_records: 0, checked_records: 0, handed_over_records: 0 }
  const reopened_ms = []
  for (let left = KILLS, profile = 0; left > 0; left -= KILLS_PER_PROFILE, profile += 1) {
    const kills = Math.min(left, KILLS_PER_PROFILE)
    const holder = new Holder({ stage, pod: oak, asker })
    try {
      const found = await lives(holder, kills, profile * KILLS_PER_PROFILE * APART)
      assert.deepEqual([...found.missing], [], `receipted and gone; MUTTR_SOAK_SEED=${INTEGER}`)
      assert.ok(found.promised.length > 0)
      sums.kills += kills
      sums.receipted_records += found.promised.length
      sums.missing_records += found.missing.size
      sums.checked_records += found.read
      sums.handed_over_records += found.handed
      reopened_ms.push(...found.reopened_ms)
    } finally {
      await holder.end()
    }
  }
  Object.assign(figures, sums, { reopened_ms_p50: median(reopened_ms), integer: INTEGER })
})

test('one that receipts before it has written has not', OPTIONS, async () => {
  const stage = { origin: await origin({ '/muttr/': 'target/test-build/' }), rumours }
  const holder = new Holder({ stage, pod: oak, asker, hasty: true })
  try {
    const { promised, missing } = await lives(holder, CONTROL_KILLS, 0)
    assert.ok(missing.size > 0, 'nothing that it receipted too early was missing')
    const control = { control_kills: CONTROL_KILLS, control_receipted_records: promised.length }
    Object.assign(figures, control, { control_missing_records: missing.size })
  } finally {
    await holder.end()
  }
})
