// Stock Kademlia peers take part: they find tabs by asking a pod, or a tab over WebRTC, and are found
// themselves. A circuit answers nothing of the kind.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { bundled, Foreign } from '../harness/browser/foreign.mjs'
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
let served
let way

before(async () => {
  await oak.start()
  const known = await (await fetch(`http://127.0.0.1:${oak.port}/.well-known/muttr`)).json()
  way = { seed: known.seed, address: `/ip4/127.0.0.1/tcp/${oak.port}/ws/p2p/${known.seed}` }
  browser = await Profile.open(profileFolder('crowd'))
  served = await origin(await bundled())
  for (let each = 0; each < TABS; each += 1) {
    const context = await browser.browser.newContext()
    const tab = await Tab.open(context, { origin: served, name: 'a seed', rumours: new Rumours() })
    tabs.push({ tab, id: (await tab.open({ pod: oak.url, nameless: true })).id })
  }
})

after(async () => {
  await browser?.kill()
  await oak.stop()
})

/** Whom a stock peer was told of; one that cannot dial a tab does not count it as found. */
const told = stock => [...stock.closest, ...stock.tried.map(({ id }) => id)]

for (const kind of ['rust', 'js']) {
  test(`a stock ${kind} peer finds the tabs by asking the pod, and is found`, OPTIONS, async () => {
    let stock
    await until(async () => {
      stock?.leave()
      stock = await Stock.ask(kind, way.address, tabs[0].id)
      const unknown = tabs.filter(({ id }) => !told(stock).includes(id))
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

test('a stock rust peer learns where tabs can be dialled, and a circuit does not answer it', OPTIONS, async () => {
  await until(async () => {
    const asked = await Stock.ask('rust', way.address, tabs[0].id)
    asked.leave()
    for (const { id } of tabs) {
      const addresses = asked.tried.filter(each => each.id === id).map(({ address }) => address)
      if (addresses.length === 0) return 'a tab was not named'
      for (const address of addresses) assert.match(address, /\/p2p-circuit\/webrtc(\/p2p\/\w+)?$/)
    }
    return undefined
  })
  const stock = await Stock.ask('rust', `${way.address}/p2p-circuit/p2p/${tabs[0].id}`, tabs[1].id)
  stock.leave()
  assert.ok(stock.unidentified, 'the tab said who it is')
  // The pod, whose relay it is, may have been asked as well; of the tabs nobody answered.
  assert.deepEqual(stock.closest.filter(id => id !== way.seed), [])
  assert.equal((await tabs[0].tab.call('state')).state, 'online')
  assert.ok(oak.runs)
})

test('a stock js peer in a browser asks a tab over /webrtc', OPTIONS, async () => {
  const profile = await Profile.open(profileFolder('stock'))
  try {
    const stock = await Foreign.open(profile.context, served)
    await stock.start('js', { pod: way.address, routes: true })
    const { addresses } = await tabs[0].tab.call('stats')
    const direct = addresses.find(each => each.includes('/p2p-circuit/webrtc/p2p/'))
    assert.ok(direct, `dialled at ${addresses}`)
    await until(async () => {
      const { fromAsked } = await stock.call('closest', 'js', direct, tabs[1].id)
      return fromAsked.includes(tabs[1].id) ? undefined : 'the tab does not name the other one'
    })
    const asked = (await stock.call('connections', 'js')).filter(each => each.direct && each.peer === tabs[0].id)
    assert.ok(asked.some(({ muxer }) => muxer === '/webrtc'))
    assert.deepEqual(stock.faults, [])
  } finally {
    await profile.kill()
  }
})
