// Stock Kademlia peers take part: they find tabs by asking a pod or a tab, and are found themselves.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { until } from '../harness/browser/patience.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { Stock } from '../harness/browser/stock.mjs'
import { Tab } from '../harness/browser/tab.mjs'

const OPTIONS = { timeout: 180_000 }
const TABS = 3
const oak = new Pod('oak')
const tabs = []
let browser
let way

before(async () => {
  await oak.start()
  const known = await (await fetch(`http://127.0.0.1:${oak.port}/.well-known/muttr`)).json()
  way = { seed: known.seed, address: `/ip4/127.0.0.1/tcp/${oak.port}/ws/p2p/${known.seed}` }
  browser = await Profile.open(profileFolder('crowd'))
  const served = await origin()
  for (let each = 0; each < TABS; each += 1) {
    const context = await browser.browser.newContext()
    const tab = await Tab.open(context, { origin: served, name: 'a seed', rumours: new Rumours() })
    tabs.push((await tab.open({ pod: oak.url, nameless: true })).id)
  }
})

after(async () => {
  await browser?.kill()
  await oak.stop()
})

for (const kind of ['rust', 'js']) {
  test(`a stock ${kind} peer finds the tabs by asking the pod, and is found`, OPTIONS, async () => {
    let stock
    await until(async () => {
      stock?.leave()
      stock = await Stock.ask(kind, way.address, tabs[0])
      const unknown = tabs.filter(id => !stock.closest.includes(id))
      return unknown.length > 0 ? `${unknown.length} tabs were not found` : undefined
    })
    await until(async () => {
      const other = await Stock.ask('rust', way.address, stock.id)
      other.leave()
      return other.closest.includes(stock.id) ? undefined : 'the pod does not name it'
    })
    stock.leave()
  })
}

test('a stock rust peer asks a tab over its circuit', OPTIONS, async () => {
  await until(async () => {
    const stock = await Stock.ask('rust', `${way.address}/p2p-circuit/p2p/${tabs[0]}`, tabs[1])
    stock.leave()
    return stock.closest.includes(tabs[1]) ? undefined : 'the other tab was not found'
  })
  assert.ok(oak.runs)
})
