// Each room of the page, on a phone and on a desk, light and dark: a picture, and nothing in it
// that keeps anybody from using it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { look } from '../harness/browser/look.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Reader } from '../harness/browser/reader.mjs'

const OPTIONS = { timeout: 120_000 }
const oak = new Pod('oak')
const at = label => `${label}@${oak.host}`
let browser
let alice

before(async () => {
  await oak.start()
  browser = await Profile.open(profileFolder('looks'))
  alice = await Reader.open(await browser.browser.newContext(), { url: oak.url })
})

after(async () => {
  await browser?.kill()
  await oak.stop()
})

const looksWell = async name => assert.deepEqual(await look(alice.page, name), [])

test('the first minute', OPTIONS, async () => {
  await alice.button('Yes, join').waitFor()
  await looksWell('arrival')
  await alice.answer()
  await alice.field('Alias').fill('alice')
  await alice.page.locator('[data-finding="free"]').waitFor()
  await looksWell('alias')
  await alice.button('Take this alias').click()
  await alice.online()
  await looksWell('conversations-empty')
})

test('conversations', OPTIONS, async () => {
  const people = []
  for (const label of ['bob', 'carol']) {
    const each = await Reader.open(await browser.browser.newContext(), { url: oak.url })
    await each.settle(label)
    people.push(each)
  }
  const [bob, carol] = people
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await alice.address(at('bob'))
  await alice.page.locator('[data-finding="found"]').waitFor()
  await looksWell('new-message')
  await alice.write('Shall we meet on **Friday**? The café by the river, say at six.')
  await bob.accept(at('alice'))
  await bob.write('Friday is fine. I bring the book.')
  await alice.reads('I bring the book')
  await carol.writeFirst(at('alice'), 'Hello, we met at the library.')
  await alice.page.getByRole('list', { name: 'Requests' }).waitFor({ state: 'attached' })
  await looksWell('conversation')
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await alice.messages('Friday').first().getByRole('button', { name: /^Custody of this message/ }).click()
  await looksWell('custody')
  await alice.page.keyboard.press('Escape')
  await alice.room('Conversations')
  await looksWell('conversations')
  await alice.open(at('carol'))
  await looksWell('request')
})

for (const room of ['Network', 'People', 'Settings']) {
  test(room.toLowerCase(), OPTIONS, async () => {
    await alice.room(room)
    if (room === 'Network') await alice.page.locator('[data-peer]').first().waitFor()
    await looksWell(room.toLowerCase())
  })
}

test('hidden from other seeds', OPTIONS, async () => {
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await alice.room('Network')
  await alice.hide(true)
  await looksWell('network-hidden')
  await alice.hide(false)
  await alice.page.locator('[data-peer]').first().waitFor()
})

test('one person', OPTIONS, async () => {
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await alice.room('People')
  await alice.page.locator(`a[data-address="${at('bob')}"]`).click()
  await looksWell('person')
})

test('saving the identity, and a pod that is away', OPTIONS, async () => {
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await alice.button('Save identity').first().click()
  await looksWell('keep')
  await alice.page.keyboard.press('Escape')
  await oak.kill()
  await alice.link('offline')
  await alice.page.setViewportSize({ width: 1280, height: 800 })
  await alice.open(at('bob'))
  await looksWell('offline')
})
