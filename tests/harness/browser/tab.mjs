// The bare page in a tab: calls into the npm package, what it announced, and what its sockets said.
import { until } from './patience.mjs'

/** A call that the page answered with a rejection code. */
export class Refusal extends Error {
  constructor(call, { code, message }) {
    super(`${call}: ${code}: ${message}`)
    this.code = code
  }
}

/** One tab showing the bare page. */
export class Tab {
  #page

  /** Opens the bare page in a browser context; `stage` is what all tabs of one play share. */
  static async open(context, { origin, name, rumours, tolerated, told = () => {} }) {
    const tab = new this()
    const page = await context.newPage()
    tab.#page = page
    tab.origin = origin
    tab.name = name
    tab.faults = []
    tab.said = []
    tab.channels = 0
    page.on('console', line => rumours.hear(`${name}'s console`, line.text()))
    page.on('pageerror', failure => {
      if (!tolerated?.test(String(failure))) tab.faults.push(`uncaught: ${failure}`)
    })
    page.on('crash', () => tab.faults.push('the page crashed'))
    page.on('websocket', socket => tab.#listen(socket))
    await page.exposeFunction('told', told)
    await tab.load()
    return tab
  }

  get page() {
    return this.#page
  }

  /** Loads the page, or loads it again. */
  async load() {
    await this.#page.goto(`${this.origin}/stage.html`)
    await this.#page.waitForFunction(() => globalThis.stage !== undefined)
  }

  #listen(socket) {
    if (!new URL(socket.url()).pathname.startsWith('/channel')) return
    this.channels += 1
    const frames = []
    this.said = frames
    socket.on('framesent', ({ payload }) => frames.push(Buffer.from(payload).toString('base64')))
  }

  /** Empties what this tab keeps for others, behind its back. */
  forgetRecords() {
    return this.#page.evaluate(async () => {
      for (const { name } of await indexedDB.databases()) {
        const database = await new Promise((resolve, reject) => {
          const opening = indexedDB.open(name)
          opening.onsuccess = () => resolve(opening.result)
          opening.onerror = () => reject(opening.error)
        })
        const kept = [...database.objectStoreNames].filter(store => store === 'record')
        if (kept.length > 0) {
          const change = database.transaction(kept, 'readwrite')
          for (const store of kept) change.objectStore(store).clear()
          await new Promise((resolve, reject) => {
            change.oncomplete = resolve
            change.onerror = () => reject(change.error)
          })
        }
        database.close()
      }
    })
  }

  /** Calls into the page; throws a `Refusal` where the package rejects. */
  async call(name, ...given) {
    const answer = await this.#page.evaluate(([call, rest]) => globalThis.stage(call, ...rest), [name, given])
    if (answer.code) throw new Refusal(name, answer)
    return answer.value
  }

  /**
   * Stores bytes with whoever else is there; answers their key. Whoever was just met may not have said
   * yet that they keep records, so it is tried until somebody signs.
   */
  async store(bytes) {
    let key
    await until(async () => {
      try {
        key = await this.call('put', bytes)
        return undefined
      } catch (refusal) {
        if (refusal.code !== 'NOT_FOUND') throw refusal
        return 'nobody signed for it'
      }
    })
    return key
  }

  /** Opens the seed and waits until it is online (while the pod is `down`: offline) or has ended. */
  async open(options, down = false) {
    const opened = await this.call('open', options)
    // Asked from here: in a page, a predicate that answers with a promise counts as true at once.
    const ends = [down ? 'offline' : 'online', 'closed']
    await until(async () => {
      const { value, code } = await this.#page.evaluate(() => globalThis.stage('state'))
      const there = code !== undefined || ends.includes(value.state)
      return there ? undefined : `it is ${value.state}, not ${ends[0]}`
    })
    return opened
  }
}
