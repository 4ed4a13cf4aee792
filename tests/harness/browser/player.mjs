// Plays scenarios with a real pod and real Chromium profiles. One method for each sentence of
// `tests/scenarios/grammar.txt`, named as there.
import assert from 'node:assert/strict'
import { Profile, profileFolder } from './chromium.mjs'
import { garbage, repeat } from './intruder.mjs'
import { sleep, until } from './patience.mjs'
import { Person } from './person.mjs'
import { Pod } from './pod.mjs'
import { Rumours } from './rumours.mjs'
import { Refusal, Tab } from './tab.mjs'

const NO_MORE_MS = 3_000
const STATUSES = ['queued', 'stored', 'notified', 'fetched', 'read']

/** One play: its pods, its people, and what may not be heard. */
export class Play {
  #pods = new Map()
  #people = new Map()
  #nameless = []
  #crowd

  /**
   * `origin` serves the bare page, `env` is given to every pod, uncaught errors that `tolerated`
   * matches are part of the play, and `engines` tells who is in `firefox` instead of `chromium`.
   */
  constructor({ origin, env = {}, tolerated, engines = {} }) {
    this.origin = origin
    this.tolerated = tolerated
    this.env = env
    this.engines = engines
    this.rumours = new Rumours()
  }

  /** Plays all sentences, then looks whether everybody is alive and discreet. */
  async perform({ name, sentences }) {
    for (const sentence of sentences) {
      await this.#say(sentence).catch(failure => {
        failure.message = `${name}.txt:${sentence.number}: ${sentence.text}\n${failure.message}\n${this.rumours.last(30).join('\n')}`
        throw failure
      })
    }
    for (const pod of this.#pods.values()) assert.ok(pod.runs || pod.down, `${pod.name} died`)
    for (const person of this.#people.values()) person.lookAfter()
    assert.deepEqual(this.rumours.leaks(), [])
  }

  /** Closes whatever is still open. */
  async end() {
    await Promise.all([...this.#people.values()].map(person => person.profile?.kill()))
    await this.#crowd?.kill()
    for (const pod of this.#pods.values()) await pod.stop()
  }

  async #say({ name, values, refused }) {
    if (!refused) return this[name](...values)
    await assert.rejects(
      () => this[name](...values),
      failure => {
        assert.ok(failure instanceof Refusal, String(failure))
        assert.equal(failure.code, refused)
        return true
      },
    )
  }

  /** A pod of the play. */
  pod(name) {
    return this.#pod(name)
  }

  /** A person of the play. */
  person(name) {
    return this.#person(name)
  }

  #pod(name) {
    if (!this.#pods.has(name)) {
      const heard = line => this.rumours.hear(`pod ${name}`, line)
      this.#pods.set(name, new Pod(name, { heard, env: this.env }))
    }
    return this.#pods.get(name)
  }

  #person(name) {
    if (!this.#people.has(name)) this.#people.set(name, new Person(name, this))
    return this.#people.get(name)
  }

  /** `bob@oak` with the pod's real host. */
  #real(address) {
    const [label, pod] = address.split('@')
    return `${label}@${this.#pod(pod).host}`
  }

  #tab(name) {
    const { tab } = this.#person(name)
    assert.ok(tab, `${name} is not there`)
    return tab
  }

  async pod_starts(name) {
    await this.#pod(name).start()
    this.#pod(name).down = false
  }

  async pod_killed(name) {
    this.#pod(name).down = true
    await this.#pod(name).kill()
  }

  async pod_restarts(name) {
    await this.pod_killed(name)
    await this.pod_starts(name)
  }

  async pod_knows(name, other) {
    this.#pod(name).knows(this.#pod(other).url)
    await this.pod_restarts(name)
  }

  join(name, pod) {
    return this.#person(name).join(this.#pod(pod))
  }

  join_idle(name, pod) {
    return this.#person(name).join(this.#pod(pod), { quotaBytes: 0 })
  }

  join_hidden(name, pod) {
    return this.#person(name).join(this.#pod(pod), { hideAddress: true })
  }

  leave(name) {
    return this.#person(name).end('close')
  }

  crash(name) {
    return this.#person(name).end('kill')
  }

  reload(name) {
    return this.#person(name).reload()
  }

  async seeds_join(count, pod) {
    this.#crowd ??= await Profile.open(profileFolder('crowd'))
    for (let each = 0; each < count; each += 1) {
      const context = await this.#crowd.browser.newContext()
      const tab = await Tab.open(context, { ...this, name: 'a seed' })
      await tab.open({ pod: this.#pod(pod).url, nameless: true })
      this.#nameless.push({ context, tab })
    }
  }

  async seeds_leave(count) {
    for (const { context, tab } of this.#nameless.splice(0, count)) {
      assert.deepEqual(tab.faults, [])
      await context.close()
    }
  }

  async seeds_crash(count) {
    for (const { context, tab } of this.#nameless.splice(0, count)) {
      assert.deepEqual(tab.faults, [])
      await tab.page.goto('chrome://crash').catch(() => {})
      await context.close()
    }
  }

  async register(name, label) {
    await this.#tab(name).call('register', label)
    this.rumours.keepPrivate('an alias', `${label}@`)
  }

  resolve(name, address) {
    return this.#tab(name).call('lookup', this.#real(address))
  }

  async write(name, address, text) {
    this.#person(name).write(this.#real(address), text)
    await this.#tab(name).call('send', this.#real(address), text)
  }

  write_bytes(name, address, count) {
    return this.write(name, address, 'x'.repeat(count))
  }

  async write_many(name, address, count) {
    const texts = Array.from({ length: count }, (_, at) => String(at + 1))
    for (const text of texts) this.#person(name).write(this.#real(address), text)
    await this.#tab(name).call('sendAll', this.#real(address), texts)
  }

  online(name) {
    return this.#is(name, 'online')
  }

  offline(name) {
    return this.#is(name, 'offline')
  }

  /** What a person's seed says of itself. */
  state(name) {
    return this.#tab(name).call('state')
  }

  #is(name, state) {
    return until(async () => {
      const seen = await this.state(name)
      return seen.state === state ? undefined : `${name} is ${seen.state}`
    })
  }

  still(name, address) {
    return until(async () => {
      const seen = await this.state(name)
      const same = seen.address === this.#real(address) && seen.fingerprint === this.#person(name).fingerprint
      return same ? undefined : `${name} is ${seen.address}`
    })
  }

  read(name, text, from) {
    return this.#reads(name, [text], from)
  }

  read_many(name, count, from) {
    return this.#reads(name, Array.from({ length: count }, (_, at) => String(at + 1)), from)
  }

  async #reads(name, texts, from) {
    const person = this.#person(name)
    const { address } = await this.state(name)
    await until(async () => {
      const all = await this.#tab(name).call('messages', this.#real(from))
      for (const text of texts) {
        const found = all.filter(each => !each.outgoing && each.text === text)
        if (found.length === 0) return `${name} was not shown "${text}"`
        assert.equal(found.length, 1, `"${text}" is there twice`)
        const [message] = found
        assert.ok(message.verified, `"${text}" is not verified`)
        assert.equal(message.from, this.#real(from))
        assert.equal(message.to, address)
        if (!person.announced.has(message.id)) return `"${text}" was never announced`
        person.claimed.add(message.id)
      }
      return undefined
    })
    await this.#tab(name).call('markRead', this.#real(from))
    person.lookAfter()
  }

  async read_no_more(name) {
    await sleep(NO_MORE_MS)
    const person = this.#person(name)
    const received = await this.#tab(name).call('received')
    const more = received.filter(message => !person.claimed.has(message.id)).map(({ text }) => text)
    assert.deepEqual(more, [], `${name} reads more`)
    person.lookAfter()
  }

  status(name, text, status) {
    return until(async () => {
      const seen = (await this.#person(name).delivery(text)).status
      const far = status === 'lost' ? seen === 'lost' : STATUSES.indexOf(seen) >= STATUSES.indexOf(status)
      return far ? undefined : `it is ${seen}`
    })
  }

  held(name, text, seeds, pods) {
    return until(async () => {
      const { heldBy } = await this.#person(name).delivery(text)
      const enough = heldBy.seeds >= seeds && heldBy.pods >= pods
      return enough ? undefined : `it is held by ${heldBy.seeds} seeds and ${heldBy.pods} pods`
    })
  }

  put_aside(name, count) {
    return until(async () => {
      const { faults } = this.#person(name)
      return faults.length === count ? undefined : `${faults.length} were put aside`
    })
  }

  async pod_forgets(pod, name, text) {
    await this.#pod(pod).meddle('forget', (await this.#person(name).delivery(text)).recordKey)
  }

  pod_forgets_all(pod) {
    return this.#pod(pod).meddle('forget-all')
  }

  async all_forget() {
    for (const pod of this.#pods.values()) await pod.meddle('forget-all')
    const tabs = [...this.#people.values()].map(person => person.tab).filter(Boolean)
    for (const tab of [...tabs, ...this.#nameless.map(each => each.tab)]) await tab.forgetRecords()
  }

  async pod_spoils(pod, name, text) {
    await this.#pod(pod).meddle('spoil', (await this.#person(name).delivery(text)).recordKey)
  }

  async garbage(name, pod) {
    await garbage(this.#tab(name).page, this.#pod(pod))
  }

  async repeat(name, pod, other) {
    await repeat(this.#tab(name).page, this.#pod(pod), this.#tab(other).said)
  }

  async wait(count, unit) {
    assert.equal(unit, 'second', 'the browser stage waits for seconds only')
    await sleep(count * 1_000)
  }
}
