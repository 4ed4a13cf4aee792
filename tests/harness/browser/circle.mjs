// A pod with tabs and stock js-libp2p peers around it, each in a browser of its own.
import assert from 'node:assert/strict'
import { Profile, profileFolder } from './chromium.mjs'
import { bundled, Foreign } from './foreign.mjs'
import { origin } from './origin.mjs'
import { until } from './patience.mjs'
import { Pod } from './pod.mjs'
import { Rumours } from './rumours.mjs'
import { Tab } from './tab.mjs'
import { counts, witness } from './witness.mjs'

const TEST_BUILD = 'target/test-build/'
const LETS_GO_MS = 60_000

/** A nameless seed in a browser of its own, with what the tests ask of it. */
class Seed extends Tab {
  /** The connections to this peer. */
  async ways(peer) {
    return (await this.call('stats')).connections.filter(each => each.peer === peer)
  }

  /** The address that others dial, once there is one. */
  async address() {
    await until(async () => {
      this.own = (await this.call('stats')).addresses.find(each => each.includes('/p2p-circuit/webrtc/p2p/'))
      return this.own ? undefined : 'it has no /webrtc address'
    })
    return this.own
  }

  /** Has so many bytes sent back; answers how many came and whether they were the same. */
  echo(address, count) {
    return this.call('echo', address, count)
  }
}

/** One pod and who is around it. */
export class Circle {
  static async start({ env = {}, watched = true, build = TEST_BUILD } = {}) {
    const circle = new this()
    circle.rumours = new Rumours()
    circle.profiles = new Set()
    circle.watched = watched
    circle.oak = new Pod('oak', { env, heard: line => circle.rumours.hear('oak', line) })
    await circle.oak.start()
    circle.origin = await origin({ '/muttr/': build, ...(await bundled()) })
    return circle
  }

  async #known() {
    return (await fetch(`http://127.0.0.1:${this.oak.port}/.well-known/muttr`)).json()
  }

  /** The pod's address for libp2p peers. */
  async way() {
    return `/ip4/127.0.0.1/tcp/${this.oak.port}/ws/p2p/${(await this.#known()).seed}`
  }

  /** The ICE servers that a tab may know. */
  async stun() {
    const { stun } = await this.#known()
    return stun === undefined ? [] : [`stun:localhost:${stun}`]
  }

  /** A new browser. */
  async profile(name) {
    const profile = await Profile.open(profileFolder(name))
    this.profiles.add(profile)
    if (this.watched) await witness(profile.context)
    return profile
  }

  /** A seed of ours in a new browser, online. */
  async tab(name, options = {}) {
    const profile = await this.profile(name)
    const tab = await Seed.open(profile.context, { origin: this.origin, name, rumours: this.rumours })
    tab.profile = profile
    tab.id = (await tab.open({ pod: this.oak.url, nameless: true, ...options })).id
    return tab
  }

  /** A js-libp2p peer in a new browser, listening. */
  async foreign(name, options = {}) {
    const profile = await this.profile(name)
    const foreign = await Foreign.open(profile.context, this.origin)
    foreign.profile = profile
    Object.assign(foreign, await foreign.start(name, { pod: await this.way(), ...options }))
    return foreign
  }

  /** All leave one after the other; who stays lets go of those who left, and nothing went wrong. */
  async left(...all) {
    for (const [place, each] of all.entries()) {
      assert.deepEqual(each.faults, [])
      const staying = all.slice(place + 1)
      this.profiles.delete(each.profile)
      await each.profile.close()
      for (const other of staying) await lets(other, staying.length - 1)
    }
  }

  /** Ends the browsers that are still open. */
  async clear() {
    const all = [...this.profiles]
    this.profiles.clear()
    await Promise.all(all.map(profile => profile.kill()))
  }

  async end() {
    await this.clear()
    await this.oak.stop()
  }
}

/** Waits until this one has so few peer connections. */
const lets = (who, few) =>
  until(async () => {
    const { connections, states } = await counts(who.page)
    return connections <= few ? undefined : `it still has ${states}`
  }, LETS_GO_MS)
