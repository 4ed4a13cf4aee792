// A message that nobody has any more: the pod finds out, its author's page says so, and sends it again.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Custodians } from '../harness/browser/custodians.mjs'
import { look } from '../harness/browser/look.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Reader } from '../harness/browser/reader.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'

const OPTIONS = { timeout: 180_000 }
// A few more than keep a message: as many as shall have it are found at once, and its author gives up
// the sealed copy.
const SEEDS = 16
const KEEP_BYTES = 16 << 20

const rumours = new Rumours()
// It looks every second who has what it watches over; by itself it does so every hour.
const oak = new Pod('oak', { heard: line => rumours.hear('pod oak', line), env: { MUTTR_WATCH_S: '1' } })
const at = label => `${label}@${oak.host}`
let browser
let seeds

before(async () => {
  await oak.start()
  seeds = await Custodians.start(SEEDS, { integer: 1, keepBytes: KEEP_BYTES, pod: oak })
  browser = await Profile.open(profileFolder('lost'))
})

after(async () => {
  await browser?.kill()
  await seeds?.stop()
  await oak.stop()
})

async function reader(name) {
  return Reader.open(await browser.browser.newContext(), { url: oak.url, rumours, name })
}

test('a message that nobody has any more is told of as lost, sent again, and read once', OPTIONS, async () => {
  const [alice, bob] = [await reader('alice'), await reader('bob')]
  await alice.settle('alice')
  await bob.settle('bob')
  await bob.page.close()
  const text = 'gone with the disks'
  await alice.writeFirst(at('bob'), text)
  await alice.status(text, ['notified'])
  await alice.messages(text).getByText(/1[2-9] seeds/).waitFor()

  await seeds.stop()
  // As long as her own tab has the sealed copy, it gives that to the pod once more, and that is lost, too.
  const isLost = () => alice.messages(text).and(alice.page.locator('[data-status="lost"]')).waitFor({ timeout: 12_000 })
  for (let times = 1; ; times += 1) {
    await oak.kill()
    await oak.meddle('forget-all')
    await oak.start()
    const failure = await isLost().catch(thrown => thrown)
    if (failure === undefined) break
    if (times === 4) throw failure
  }
  const notice = alice.page.locator('.notices [data-code="LOST"]')
  assert.match(await notice.innerText(), new RegExp(`A message to ${at('bob')} will not arrive`))
  await notice.getByRole('link', { name: 'Look' }).click()
  await alice.messages(text).getByRole('button', { name: /^Custody of this message/ }).click()
  const custody = alice.page.getByRole('dialog')
  await custody.getByText('Nobody has a copy of this message any more, so it will not arrive').waitFor()
  await custody.getByText('Kept by nobody any more').waitFor()
  assert.deepEqual(await look(alice.page, 'custody-lost'), [])

  await alice.button('Send again').click()
  await alice.status(text, ['notified'])
  const back = await Reader.open(bob.page.context(), { url: oak.url, rumours, name: 'bob' })
  await back.accept(at('alice'))
  await back.reads(text)
  await alice.status(text, ['read'])
  // What was lost is still notified, and never comes.
  await back.page.reload()
  await back.open(at('alice'))
  assert.equal(await (await back.reads(text)).count(), 1)
  // The one that was lost and the one that was read.
  assert.equal(await alice.messages(text).count(), 2)
  assert.deepEqual([...alice.faults, ...back.faults], [])
  assert.deepEqual(rumours.leaks(), [])
})
