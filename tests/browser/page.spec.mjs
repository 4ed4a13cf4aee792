// The page that a pod serves, as people use it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Reader } from '../harness/browser/reader.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'

const TEST_MS = 120_000
const OPTIONS = { timeout: TEST_MS }

const rumours = new Rumours()
const oak = new Pod('oak', { heard: line => rumours.hear('pod oak', line) })
const at = label => `${label}@${oak.host}`
let browser

before(async () => {
  await oak.start()
  browser = await Profile.open(profileFolder('readers'), {
    flags: [`--host-resolver-rules=MAP pod.example 127.0.0.1`],
  })
})

after(async () => {
  await browser?.kill()
  await oak.stop()
})

/** A reader in a profile of their own. */
async function reader(name, options = {}) {
  const context = await browser.browser.newContext()
  return Reader.open(context, { url: oak.url, rumours, name, ...options })
}

async function leave(...readers) {
  for (const each of readers) {
    assert.deepEqual(each.faults, [])
    await each.page.context().close()
  }
}

test('two links are two people who write to each other', OPTIONS, async () => {
  const context = await browser.browser.newContext()
  const alice = await Reader.open(context, { url: oak.url, as: 'alice', rumours })
  const bob = await Reader.open(context, { url: oak.url, as: 'bob', rumours })
  await alice.settle('alice')
  await bob.settle('bob')

  await alice.writeFirst(at('bob'), 'good morning, Bob')
  await alice.status('good morning, Bob', ['notified', 'fetched', 'read'])
  await bob.accept(at('alice'))
  const read = await bob.reads('good morning, Bob')
  assert.equal(await read.count(), 1)
  assert.equal(await read.getAttribute('data-trust'), 'unverified')
  await bob.write('good morning, Alice')
  assert.equal(await (await alice.reads('good morning, Alice')).count(), 1)
  await alice.status('good morning, Bob', ['read'])

  await alice.page.reload()
  await alice.open(at('bob'))
  assert.equal(await (await alice.reads('good morning, Alice')).count(), 1)
  assert.equal(await alice.messages('good morning, Bob').count(), 1)
  await leave(alice)
})

test('somebody who was away reads what came meanwhile', OPTIONS, async () => {
  const [carol, dave] = [await reader('carol'), await reader('dave')]
  await carol.settle('carol')
  await dave.settle('dave')
  await dave.page.close()
  await carol.writeFirst(at('dave'), 'read this when you are back')
  await carol.status('read this when you are back', ['notified'])
  await carol.page.close()

  const back = await Reader.open(dave.page.context(), { url: oak.url, rumours, name: 'dave' })
  await back.accept(at('carol'))
  assert.equal(await (await back.reads('read this when you are back')).count(), 1)
  await leave(carol, back)
})

test('every no is a sentence with its code', OPTIONS, async () => {
  const [erin, mallory] = [await reader('erin'), await reader('mallory')]
  await erin.settle('erin')
  await mallory.answer()
  const refusals = { erin: 'ALIAS_TAKEN', '-erin': 'ALIAS_INVALID', admin: 'ALIAS_RESERVED' }
  for (const [label, code] of Object.entries(refusals)) {
    await mallory.field('Alias').fill(label)
    await mallory.page.locator('[data-finding="not"]').getByText(code).waitFor()
  }
  await mallory.takeAlias('mallory')

  await mallory.address(at('nobody'))
  assert.equal(await mallory.failure(), 'NOT_FOUND')
  await mallory.address(at('erin'))
  await mallory.page.locator('[data-finding="found"]').waitFor()
  await mallory.field('Message').fill('x'.repeat(70_000))
  assert.equal(await mallory.failure(), 'TOO_LARGE')
  await mallory.write('short enough')
  await mallory.status('short enough', ['notified', 'fetched', 'read'])
  await leave(erin, mallory)
})

test('while the pod is down, what is written waits and goes out by itself', OPTIONS, async () => {
  const [frank, grace] = [await reader('frank'), await reader('grace')]
  await frank.settle('frank')
  await grace.settle('grace')
  await frank.writeFirst(at('grace'), 'the first')
  await frank.status('the first', ['notified', 'fetched', 'read'])
  await grace.accept(at('frank'))

  await oak.kill()
  await frank.link('offline')
  await frank.write('in the dark')
  await frank.status('in the dark', ['queued'])
  await oak.start()
  await frank.online()
  await frank.status('in the dark', ['notified', 'fetched', 'read'])
  assert.equal(await (await grace.reads('in the dark')).count(), 1)
  await leave(frank, grace)
})

test('an identity file brings the same person to another browser', OPTIONS, async () => {
  const heidi = await reader('heidi')
  await heidi.settle('heidi')
  await heidi.button('Save identity').click()
  for (const name of ['Passphrase', 'The same again']) await heidi.field(name).fill('correct horse battery')
  rumours.keepPrivate('a passphrase', 'correct horse battery')
  const [download] = await Promise.all([heidi.page.waitForEvent('download'), heidi.button('Save file').click()])
  const file = await download.path()
  await heidi.button('Close').first().click()
  await heidi.room('Settings')
  const fingerprint = await heidi.page.locator('[data-fingerprint]').first().getAttribute('data-fingerprint')
  rumours.keepPrivate('a person', fingerprint)

  const elsewhere = await reader('heidi elsewhere')
  await elsewhere.button('I have an identity file').click()
  await elsewhere.field('Identity file').setInputFiles(file)
  await elsewhere.field('Passphrase').fill('wrong horse battery')
  await elsewhere.button('Restore').click()
  assert.equal(await elsewhere.failure(), 'BAD_PASSPHRASE')
  await elsewhere.field('Passphrase').fill('correct horse battery')
  await elsewhere.button('Restore').click()
  await elsewhere.answer()
  await elsewhere.page.getByRole('navigation', { name: 'Rooms' }).waitFor()
  await elsewhere.room('Settings')
  const same = await elsewhere.page.locator('[data-fingerprint]').first().getAttribute('data-fingerprint')
  assert.equal(same, fingerprint)
  await leave(heidi, elsewhere)
})

test('keeping for others can be switched off and on', OPTIONS, async () => {
  const ivan = await reader('ivan')
  await ivan.settle('ivan')
  await ivan.room('Network')
  const keep = ivan.page.getByRole('switch', { name: 'Keep sealed messages for others' })
  assert.equal(await keep.isChecked(), true)
  await keep.uncheck()
  await ivan.page.getByText('switched off').waitFor()
  await ivan.page.reload()
  await ivan.room('Network')
  await ivan.page.getByText('switched off').waitFor()
  assert.equal(await keep.isChecked(), false)
  await keep.check()
  await ivan.page.getByText('of 128 MB').waitFor()
  await leave(ivan)
})

test('who hides their address has nobody but the pod, and everything still works', OPTIONS, async () => {
  const [mike, nina] = [await reader('mike'), await reader('nina')]
  await mike.settle('mike')
  await nina.settle('nina')
  await nina.room('Network')
  await nina.page.locator('[data-peer]').first().waitFor()
  await nina.hide(true)
  await nina.page.getByText('nobody could ask this page for it').waitFor()

  // Remembered, and nothing of the network comes to life before it is read.
  const sockets = []
  nina.page.on('websocket', socket => sockets.push(new URL(socket.url()).pathname))
  await nina.page.addInitScript(() => {
    globalThis.callsBegun = 0
    const Call = globalThis.RTCPeerConnection
    globalThis.RTCPeerConnection = function (...given) {
      globalThis.callsBegun += 1
      return new Call(...given)
    }
  })
  await nina.page.reload()
  await nina.online()
  await nina.room('Network')
  assert.equal(await nina.page.locator('[data-peer]').count(), 0)
  await nina.writeFirst(at('mike'), 'from nowhere')
  await nina.status('from nowhere', ['notified', 'fetched', 'read'])
  await mike.accept(at('nina'))
  await mike.write('to nowhere')
  await nina.reads('to nowhere')
  assert.deepEqual([...new Set(sockets)], ['/channel'])
  assert.equal(await nina.page.evaluate(() => globalThis.callsBegun), 0)

  await nina.room('Network')
  await nina.hide(false)
  await nina.page.locator('[data-peer]').first().waitFor()
  await nina.page.getByText('of 128 MB').waitFor()
  await nina.open(at('mike'))
  await nina.write('seen again')
  await mike.reads('seen again')
  await leave(mike, nina)
})

test('a message can be written without a mouse', OPTIONS, async () => {
  const [judy, karl] = [await reader('judy'), await reader('karl')]
  await judy.settle('judy')
  await karl.settle('karl')
  const { keyboard } = judy.page
  await judy.page.getByRole('link', { name: 'New message' }).focus()
  await keyboard.press('Enter')
  await judy.page.locator('.to input:focus').waitFor()
  await keyboard.type('karl')
  await judy.page.locator('[data-finding="found"]').waitFor()
  await keyboard.press('Tab')
  await keyboard.type('no mouse was used')
  await keyboard.press('Control+Enter')
  await judy.status('no mouse was used', ['notified', 'fetched', 'read'])
  await keyboard.press('Escape')
  await judy.page.locator('[data-with]').waitFor({ state: 'detached' })
  await leave(judy, karl)
})

test('a second tab of the same profile says so, and takes over', OPTIONS, async () => {
  const first = await reader('lena')
  await first.settle('lena')
  const second = await Reader.open(first.page.context(), { url: oak.url, rumours, name: 'lena again' })
  assert.equal(await second.failure(), 'ALREADY_OPEN')
  await second.button('Continue here once it closes').click()
  await first.page.close()
  await second.online()
  await leave(second)
})

test('a page over plain http says why it cannot start', OPTIONS, async () => {
  const context = await browser.browser.newContext()
  const lost = await Reader.open(context, { url: `http://pod.example:${oak.port}`, rumours, name: 'lost' })
  assert.equal(await lost.failure(), 'INSECURE_CONTEXT')
  assert.deepEqual(await lost.page.evaluate(() => indexedDB.databases()), [])
  await leave(lost)
})

test('nothing private was printed', () => {
  for (const text of ['good morning, Bob', 'read this when you are back', 'in the dark', 'no mouse was used']) {
    rumours.keepPrivate('a message', text)
  }
  for (const label of ['alice', 'bob', 'carol', 'dave', 'heidi']) rumours.keepPrivate('a person', at(label))
  assert.deepEqual(rumours.leaks(), [])
})
