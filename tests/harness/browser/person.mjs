// A person of the cast on the browser stage: a profile folder that outlives the browsers that open it.
import assert from 'node:assert/strict'
import { Profile, profileFolder } from './chromium.mjs'
import { Firefox } from './firefox.mjs'
import { Tab } from './tab.mjs'

const ENGINES = { chromium: Profile, firefox: Firefox }

/** One person of the cast, and what was announced to them in all their lives. */
export class Person {
  constructor(name, play) {
    this.name = name
    this.play = play
    this.engine = ENGINES[play.engines[name] ?? 'chromium']
    this.folder = profileFolder(name)
    this.announced = new Map()
    /** Codes of what could not be opened. */
    this.faults = []
    this.claimed = new Set()
    this.written = new Map()
  }

  told = (kind, event) => {
    if (kind === 'fault') this.faults.push(event.code)
    else this.announced.set(event.id, (this.announced.get(event.id) ?? 0) + 1)
  }

  /** Opens the profile, new or as it was left, and waits until its seed knows where it stands. */
  async join(pod, how = {}) {
    if (!this.tab) {
      this.profile = await this.engine.open(this.folder)
      this.tab = await Tab.open(this.profile.context, { ...this.play, name: this.name, told: this.told })
    }
    this.options = { pod: pod.url, ...how }
    this.pod = pod
    await this.#open()
  }

  async #open() {
    const { fingerprint } = await this.tab.open(this.options, !this.pod.runs)
    this.fingerprint ??= fingerprint
    assert.equal(fingerprint, this.fingerprint, `${this.name} is somebody else now`)
    this.play.rumours.keepPrivate('a person', fingerprint)
  }

  /** Loads the page again, in the same browser. */
  async reload() {
    await this.tab.load()
    await this.#open()
  }

  /** Ends the browser: `close` in good order, `kill` without a word. */
  async end(how) {
    this.lookAfter()
    await this.profile[how]()
    this.tab = undefined
    this.profile = undefined
  }

  /** Fails when the tab did something that no tab may do. */
  lookAfter() {
    assert.deepEqual(this.tab?.faults ?? [], [], `${this.name}'s tab`)
    const twice = [...this.announced].filter(([, times]) => times > 1).map(([id]) => id)
    assert.deepEqual(twice, [], `announced twice to ${this.name}`)
  }

  /** Notes what is going to be written: nobody may print it, and its delivery can be asked for. */
  write(to, body) {
    const text = typeof body === 'string' ? body : body.content
    this.play.rumours.keepPrivate('a message', text)
    this.written.set(text, to)
  }

  /** How far the message with this text came, as its author sees it. */
  async delivery(text) {
    const to = this.written.get(text)
    assert.ok(to, `${this.name} never wrote that`)
    const found = (await this.tab.call('messages', to)).filter(each => each.outgoing && each.text === text)
    assert.equal(found.length, 1, `${this.name} keeps ${found.length} messages with this text`)
    return found[0].delivery
  }
}
