// A tab that keeps records for others, on a profile that outlives it: killed, opened again, and asked
// for what it promised.
import assert from 'node:assert/strict'
import { Profile, profileFolder } from './chromium.mjs'
import { until } from './patience.mjs'
import { Tab } from './tab.mjs'

/** Keys in one question, as the protocol bounds them. */
const KEYS_MAX = 256
const CRASHES_MS = 30_000

/** Runs in the page: the keys of all records on the disk, in hexadecimal. */
async function recordKeys() {
  const found = []
  for (const { name } of await indexedDB.databases()) {
    const asked = request =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await asked(indexedDB.open(name))
    if (database.objectStoreNames.contains('record')) {
      found.push(...(await asked(database.transaction('record').objectStore('record').getAllKeys())))
    }
    database.close()
  }
  return found.map(key => Array.from(new Uint8Array(key), byte => byte.toString(16).padStart(2, '0')).join(''))
}

/** One holder, through all its lives. */
export class Holder {
  #folder = profileFolder('holder')
  #stage
  #asker
  #profile
  #tab

  /** `stage` is what its tabs are opened with, `asker` a custodian of its pod; a hasty one promises too early. */
  constructor({ stage, pod, asker, hasty = false }) {
    this.#stage = stage
    this.#asker = asker
    this.pod = pod
    this.hasty = hasty
  }

  /** Opens the profile as it was left; answers the keys on its disk, as they are before the seed is up. */
  async open() {
    if (!this.#profile) {
      this.#profile = await Profile.open(this.#folder)
      if (this.hasty) await this.#profile.context.addInitScript(() => (globalThis.muttrHaste = true))
    }
    this.#tab = await Tab.open(this.#profile.context, { ...this.#stage, name: 'a holder' })
    const onDisk = new Set(await this.#tab.page.evaluate(recordKeys))
    const { id } = await this.#tab.open({ pod: this.pod.url, nameless: true })
    this.id ??= id
    assert.equal(id, this.id, 'it is somebody else now')
    await until(() => (this.#asker.linked[0].has(this.id) ? undefined : 'it is not linked to who asks it'))
    await this.lacks(['00'.repeat(32)])
    return onDisk
  }

  /** SIGKILL, for the whole browser or for what runs the page. */
  async kill(what) {
    assert.deepEqual(this.#tab.faults, [])
    if (what === 'browser') {
      await this.#profile.kill()
      this.#profile = undefined
      return
    }
    const { page } = this.#tab
    const crashed = page.waitForEvent('crash', { timeout: CRASHES_MS })
    const whole = await this.#profile.browser.newBrowserCDPSession()
    const { processInfo } = await whole.send('SystemInfo.getProcessInfo')
    await whole.detach()
    for (const { id, type } of processInfo) if (type === 'renderer') process.kill(id, 'SIGKILL')
    await crashed
    await page.close()
  }

  async end() {
    await this.#profile?.kill()
    this.#profile = undefined
  }

  /** Which of these records it says that it does not have. */
  async lacks(keys) {
    const missing = []
    for (let at = 0; at < keys.length; at += KEYS_MAX) {
      const asked = keys.slice(at, at + KEYS_MAX)
      let bits
      // It answers "busy" until it has read what it holds.
      await until(async () => {
        const told = this.#asker.next('have', this.id)
        this.#asker.say('have', 0, this.id, asked.join(','))
        bits = (await told)[0]
        return /^[01]+$/.test(bits) ? undefined : `it says ${bits}`
      })
      missing.push(...asked.filter((_, place) => bits[place] === '0'))
    }
    return missing
  }

  /** Whether it hands over the very bytes that belong to a key. */
  async hands(key) {
    const told = this.#asker.next('got', key)
    this.#asker.say('get', 0, this.id, key)
    return (await told)[0] === 'true'
  }
}
