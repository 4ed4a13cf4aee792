// Firefox profiles, driven by geckodriver over WebDriver. What stands here of playwright's `Page` is
// as much as a `Tab` needs, so that whatever plays in Chromium on the bare page plays here, too.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { geckodriver } from '../../../.ci/tools.mjs'
import { leftover } from './leftovers.mjs'
import { until } from './patience.mjs'

const STARTS_MS = 30_000
const CLOSES_MS = 10_000
const SCRIPT_MS = 120_000
// Consoles are printed, so that what they say can be heard.
const PREFS = { 'devtools.console.stdout.content': true, 'browser.shell.checkDefaultBrowser': false }

/** Where Firefox is on this machine, if it is; MUTTR_FIREFOX decides. */
function executable() {
  const folders = (process.env.PATH ?? '').split(':')
  const names = ['firefox-esr', 'firefox'].flatMap(name => folders.map(folder => join(folder, name)))
  return [process.env.MUTTR_FIREFOX, ...names].find(place => place && existsSync(place))
}

/** Why nothing can be tested in Firefox here; `undefined` where it can. */
export function lacking() {
  if (!executable()) return 'no Firefox: install it, or name it in MUTTR_FIREFOX'
  if (!existsSync(geckodriver())) return 'no geckodriver: `.ci/setup test` compiles it'
  return undefined
}

/** One running Firefox over one profile folder, by the same words as a Chromium one. */
export class Firefox {
  #driver
  #ended
  #session
  #hearers = []

  /** Opens the profile in `folder`; the folder may be new. */
  static async open(folder) {
    const firefox = new Firefox()
    firefox.#driver = spawn(geckodriver(), ['--port', '0', '--websocket-port', '0'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    firefox.#ended = new Promise(resolve => firefox.#driver.once('exit', resolve))
    leftover(() => firefox.#signal())
    const at = await firefox.#address()
    const options = { binary: executable(), args: ['-headless', '-profile', folder], prefs: PREFS }
    const wanted = { 'moz:firefoxOptions': options, timeouts: { script: SCRIPT_MS } }
    const { sessionId } = await ask(`${at}/session`, 'POST', { capabilities: { alwaysMatch: wanted } })
    firefox.#session = `${at}/session/${sessionId}`
    return firefox
  }

  #address() {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('geckodriver did not start in time')), STARTS_MS)
      this.#ended.then(code => reject(new Error(`geckodriver ended with ${code} while starting`)))
      for (const stream of [this.#driver.stdout, this.#driver.stderr]) {
        createInterface({ input: stream }).on('line', line => {
          for (const hear of this.#hearers) hear(line)
          const found = /Listening on ([\d.]+:\d+)$/.exec(line)
          if (!found) return
          clearTimeout(late)
          resolve(`http://${found[1]}`)
        })
      }
    })
  }

  /** What pages are opened in; there is one. */
  get context() {
    return { newPage: async () => new Page(this.#session, hear => this.#hearers.push(hear)) }
  }

  /** Everything the profile's pages wrote is on disk when this resolves. */
  async close() {
    const late = setTimeout(() => this.#signal(), CLOSES_MS)
    await ask(this.#session, 'DELETE').catch(() => {})
    clearTimeout(late)
    await this.kill()
  }

  /** A power cut: every process of the browser ends at once. */
  async kill() {
    this.#signal()
    await this.#ended
  }

  #signal() {
    if (this.#driver.exitCode !== null || this.#driver.signalCode !== null) return
    try {
      process.kill(-this.#driver.pid, 'SIGKILL')
    } catch (failure) {
      if (failure.code !== 'ESRCH') throw failure
    }
  }
}

/** One command of WebDriver's. */
async function ask(url, method, body) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) })
  const { value } = await answer.json()
  if (!answer.ok) throw new Error(`${value.error}: ${value.message}`)
  return value
}

/** Runs in the page: what happens there is noted until somebody asks. */
function note() {
  const noted = []
  globalThis.noted = noted
  globalThis.addEventListener('error', event => noted.push(['pageerror', String(event.error ?? event.message)]))
  globalThis.addEventListener('unhandledrejection', event => noted.push(['pageerror', String(event.reason)]))
}

/** Runs in the page: calls with the argument, and takes along what was noted meanwhile. */
async function attend(call, argument) {
  const said = {}
  try {
    said.value = await call(argument)
  } catch (failure) {
    said.failure = String(failure)
  }
  return { ...said, noted: globalThis.noted?.splice(0) ?? [] }
}

/** The one tab of a Firefox. */
class Page {
  #session
  #exposed = new Map()
  #listeners = new Map()

  constructor(session, listen) {
    this.#session = session
    listen(line => this.#emit('console', { text: () => line }))
  }

  on(event, listener) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener])
  }

  #emit(event, what) {
    for (const listener of this.#listeners.get(event) ?? []) listener(what)
  }

  async goto(url) {
    await ask(`${this.#session}/url`, 'POST', { url })
    await this.#run(note)
    for (const name of this.#exposed.keys()) await this.#run(expose, name)
  }

  /** From the next page on, what calls this in the page is told to `heard` here. */
  async exposeFunction(name, heard) {
    this.#exposed.set(name, heard)
  }

  async waitForFunction(look) {
    await until(async () => ((await this.evaluate(look)) ? undefined : 'the page did not come that far'))
  }

  async evaluate(call, argument) {
    const { value, failure, noted } = await this.#run(call, argument)
    for (const [kind, ...given] of noted) {
      if (kind === 'pageerror') this.#emit(kind, given[0])
      else this.#exposed.get(kind)(...given)
    }
    if (failure) throw new Error(failure)
    return value
  }

  /** In the page's own world: what WebDriver runs otherwise sees the page from outside. */
  #run(call, argument) {
    const script = `
      const [argument, done] = arguments
      const [attend, call] = window.eval(${JSON.stringify(`[${attend}, ${call}]`)})
      attend(call, argument).then(done)`
    return ask(`${this.#session}/execute/async`, 'POST', { script, args: [argument ?? null] })
  }
}

/** Runs in the page: a function of this name that notes what it is told. */
function expose(name) {
  globalThis[name] = (...given) => void globalThis.noted.push([name, ...given])
}
