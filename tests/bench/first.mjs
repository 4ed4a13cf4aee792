// The first minute in milliseconds: from opening the page cold to online, and from pressing Send to
// readable on the other side. Medians of 20 runs; nothing is asserted.
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Reader } from '../harness/browser/reader.mjs'
import { median, report } from '../harness/browser/report.mjs'

const RUNS = 20

const oak = new Pod('oak', { env: { MUTTR_LOG: 'info' } })
await oak.start()
const browser = await Profile.open(profileFolder('bench'))

/** A profile that has never seen the page: nothing is cached, there is no identity. */
async function cold() {
  const context = await browser.browser.newContext()
  const began = performance.now()
  const reader = await Reader.open(context, { url: oak.url })
  await reader.answer()
  await reader.button('Not now').click()
  await reader.online()
  return { reader, ms: performance.now() - began }
}

/** Resolves with the moment at which the page shows an article that says this. */
function shown(page, text) {
  return page.evaluate(
    wanted =>
      new Promise(resolve => {
        const look = () => {
          const there = [...document.querySelectorAll('article')].some(each => each.textContent.includes(wanted))
          if (!there) return false
          resolve(performance.timeOrigin + performance.now())
          return true
        }
        if (!look()) {
          const eye = new MutationObserver(() => look() && eye.disconnect())
          eye.observe(document.body, { childList: true, subtree: true, characterData: true })
        }
      }),
    text,
  )
}

/** Presses Send inside the page, so that no round trip to it is counted. */
async function press(reader, text) {
  await reader.field('Message').fill(text)
  const button = await reader.button('Send').elementHandle()
  return button.evaluate(each => {
    const moment = performance.timeOrigin + performance.now()
    each.click()
    return moment
  })
}

async function acquainted() {
  const [alice, bob] = [await cold(), await cold()].map(({ reader }) => reader)
  for (const [reader, label] of [[alice, 'alice'], [bob, 'bob']]) {
    await reader.room('Settings')
    await reader.button('Choose an alias').click()
    await reader.field('Alias').fill(label)
    await reader.button('Take this alias').click()
    await reader.page.locator('[data-own-address]').first().waitFor()
  }
  await alice.writeFirst(`bob@${oak.host}`, 'the first one is not counted')
  await bob.room('Conversations')
  await bob.accept(`alice@${oak.host}`)
  return { alice, bob }
}

const online = []
for (let run = 0; run < RUNS; run += 1) {
  const { reader, ms } = await cold()
  online.push(ms)
  await reader.page.context().close()
}

const { alice, bob } = await acquainted()
const readable = []
for (let run = 0; run < RUNS; run += 1) {
  const text = `measured ${run} of ${RUNS}`
  const seen = shown(bob.page, text)
  const pressed = await press(alice, text)
  readable.push((await seen) - pressed)
}

const rounded = values => values.map(value => Math.round(value * 10) / 10)
report('first', RUNS, {
  open_to_online_median_ms: rounded([median(online)])[0],
  send_to_readable_median_ms: rounded([median(readable)])[0],
  open_to_online_ms: rounded(online),
  send_to_readable_ms: rounded(readable),
})
console.log(`online ${Math.round(median(online))} ms after opening, readable ${Math.round(median(readable))} ms after sending`)

await browser.kill()
await oak.stop()
process.exit(0)
