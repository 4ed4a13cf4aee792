// The page across pods: people of one write to people of the other, and see how it goes.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { look } from '../harness/browser/look.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Reader } from '../harness/browser/reader.mjs'
import { repository } from '../harness/browser/repository.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'

const run = promisify(execFile)
const OPTIONS = { timeout: 180_000 }

const rumours = new Rumours()
const pod = name => new Pod(name, { heard: line => rumours.hear(`pod ${name}`, line) })
const [oak, elm, ash] = [pod('oak'), pod('elm'), pod('ash')]
let browser
let open
let alice
let bob

before(async () => {
  await elm.start()
  oak.knows(elm.url)
  await oak.start()
  browser = await Profile.open(profileFolder('pods'))
  open = async (name, { url }) => Reader.open(await browser.browser.newContext(), { url, rumours, name })
  alice = await open('alice', oak)
  bob = await open('bob', elm)
})

after(async () => {
  await browser?.kill()
  await oak.stop()
  await elm.stop()
  await ash.stop()
})

const looksWell = async name => assert.deepEqual(await look(alice.page, name), [])

test('an address at another pod is found, and the message is read there', OPTIONS, async () => {
  await alice.settle('alice')
  await bob.settle('bob')
  await alice.address(`nobody@${elm.host}`)
  assert.equal(await alice.failure(), 'NOT_FOUND')
  await alice.writeFirst(`bob@${elm.host}`, 'greetings from oak')
  await alice.status('greetings from oak', ['notified', 'fetched', 'read'])
  await bob.accept(`alice@${oak.host}`)
  const read = await bob.reads('greetings from oak')
  assert.equal(await read.count(), 1)
  assert.equal(await read.getAttribute('data-trust'), 'unverified')
  await bob.write('greetings from elm')
  assert.equal(await (await alice.reads('greetings from elm')).count(), 1)
  await alice.status('greetings from oak', ['read'])
})

test('the network shows the other pod and its seeds', OPTIONS, async () => {
  await alice.room('Network')
  const pods = alice.page.locator('[data-peer][data-pod="true"]')
  await pods.nth(1).waitFor()
  assert.equal(await pods.count(), 2)
  await alice.page.locator('[data-peer][data-pod="false"]').first().waitFor()
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await looksWell('network-two-pods')
})

test('what the other pod cannot be told yet says why, and is told once it is back', OPTIONS, async () => {
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await elm.kill()
  await alice.open(`bob@${elm.host}`)
  await alice.write('are you there?')
  const waiting = alice.messages('are you there?')
  await waiting.getByText(`not announced at ${elm.host} yet`).waitFor()
  await waiting.getByRole('button', { name: /^Custody of this message/ }).click()
  const why = alice.page.locator('[data-code="POD_UNREACHABLE"]')
  assert.match(await why.innerText(), new RegExp(`${elm.host} does not answer`))
  await looksWell('custody-waiting')
  await alice.page.keyboard.press('Escape')
  await elm.start()
  await alice.status('are you there?', ['notified', 'fetched', 'read'])
  await bob.online()
  assert.equal(await (await bob.reads('are you there?')).count(), 1)
  assert.deepEqual([...alice.faults, ...bob.faults], [])
  assert.deepEqual(rumours.leaks(), [])
})

test('in a chain of pods a page that knows only the first finds seeds of the third', OPTIONS, async () => {
  ash.knows(elm.url)
  await ash.start()
  const carol = await open('carol', ash)
  await carol.settle('carol')
  await carol.room('Settings')
  const seed = await carol.page.getByText(/^12D3KooW\w+$/).innerText()
  await alice.room('Network')
  await alice.page.locator(`[data-peer="${seed}"]`).waitFor({ timeout: 120_000 })
  await carol.writeFirst(`alice@${oak.host}`, 'round two corners')
  await alice.room('Conversations')
  await alice.accept(`carol@${ash.host}`)
  assert.equal(await (await alice.reads('round two corners')).count(), 1)
  assert.deepEqual([...alice.faults, ...carol.faults], [])
  assert.deepEqual(rumours.leaks(), [])
})

test('who moved is not written to at the old address, and the new one is offered', OPTIONS, async () => {
  const muttr = join(repository, 'target/debug/muttr')
  const folder = profileFolder('dora')
  const dora = (...words) => run(muttr, ['--data-dir', folder, '--pod', elm.url, ...words])
  await dora('key', 'create')
  await dora('register', 'dora')
  await dora('register', 'dora', '--moved-to', `bob@${elm.host}`)
  await alice.address(`dora@${elm.host}`)
  await alice.page.locator('[data-code="MOVED"]').getByText(`has moved to bob@${elm.host}`).waitFor()
  await looksWell('moved')
  await alice.button(`Write to bob@${elm.host}`).click()
  await alice.page.locator('[data-finding="found"]').getByText(`bob@${elm.host}`).first().waitFor()
  assert.equal(await alice.field('Address').inputValue(), `bob@${elm.host}`)
  assert.deepEqual(alice.faults, [])
})
