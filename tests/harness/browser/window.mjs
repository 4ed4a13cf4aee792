// A Chromium with a real window on a screen that nobody looks at, driven by the bare DevTools
// protocol: what drives the other tests tells every page that it is visible, and so none is hidden.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { FLAGS, devtools, executable, profileFolder } from './chromium.mjs'
import { leftover } from './leftovers.mjs'

const STARTS_MS = 30_000
const ANSWERS_MS = 60_000

/** Why there can be no window here, if there can be none. */
export function noWindow() {
  if (process.platform !== 'linux') return 'a screen that nobody looks at is made with Xvfb, on Linux'
  const found = (process.env.PATH ?? '').split(':').some(folder => existsSync(join(folder, 'Xvfb')))
  return found ? undefined : 'there is no Xvfb'
}

/** A screen of its own; answers what to call it. */
function screen() {
  const xvfb = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1024x768x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const end = leftover(() => xvfb.kill('SIGKILL'))
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('Xvfb did not start in time')), STARTS_MS)
    xvfb.once('error', reject)
    xvfb.once('exit', code => reject(new Error(`Xvfb ended with ${code}`)))
    let said = ''
    xvfb.stdio[3].setEncoding('utf8').on('data', text => {
      said += text
      if (!said.includes('\n')) return
      clearTimeout(late)
      resolve({ display: `:${said.trim()}`, end })
    })
  })
}

/** One page in the window. */
class Pane {
  /** What went wrong in it. */
  faults = []

  constructor(window, targetId, sessionId) {
    this.window = window
    this.targetId = targetId
    this.sessionId = sessionId
  }

  send(method, params = {}) {
    return this.window.send(method, params, this.sessionId)
  }

  /** Calls a function in the page; it and what it is given are told as text, as is what it answers. */
  async call(what, ...given) {
    const expression = `(${what})(...${JSON.stringify(given)})`
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  /** Shows this page; the one that was shown is hidden then. */
  front() {
    return this.window.send('Target.activateTarget', { targetId: this.targetId })
  }
}

/** The browser, its one window, and what is said between it and us. */
export class Window {
  #socket
  #waiting = new Map()
  #panes = new Map()
  #last = 0

  /** Opens a window with a new profile. */
  static async open(name) {
    const window = new Window()
    const { display, end } = await screen()
    const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const flags = FLAGS.filter(flag => flag !== '--headless')
    const given = [...flags, ...root, `--user-data-dir=${profileFolder(name)}`, 'about:blank']
    const chromium = spawn(executable(), given, {
      detached: true,
      env: { ...process.env, DISPLAY: display },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const kill = leftover(() => {
      if (chromium.exitCode === null && chromium.signalCode === null) process.kill(-chromium.pid, 'SIGKILL')
    })
    const ended = new Promise(resolve => chromium.once('exit', resolve))
    window.close = async () => {
      kill()
      await ended
      end()
    }
    window.#socket = new WebSocket(await devtools(chromium), { perMessageDeflate: false, maxPayload: 1 << 28 })
    window.#socket.on('message', text => window.#hear(JSON.parse(text)))
    await new Promise((resolve, reject) => window.#socket.once('open', resolve).once('error', reject))
    return window
  }

  #hear({ id, result, error, method, params, sessionId }) {
    if (id !== undefined) {
      const { resolve, reject } = this.#waiting.get(id) ?? {}
      this.#waiting.delete(id)
      return error ? reject?.(new Error(error.message)) : resolve?.(result)
    }
    const faults = this.#panes.get(sessionId)?.faults
    if (method === 'Runtime.exceptionThrown') {
      const { exception, text } = params.exceptionDetails
      faults?.push(`uncaught: ${exception?.description ?? text}`)
    }
    if (method === 'Inspector.targetCrashed') faults?.push('the page crashed')
  }

  /** Says something to the browser, or to one page of it, and waits for the answer. */
  send(method, params = {}, sessionId) {
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${method} was not answered`)), ANSWERS_MS)
      const settled = settle => value => {
        clearTimeout(late)
        settle(value)
      }
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject) })
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }))
    })
  }

  /** Opens a page in the window, in front of the others. */
  async pane(url) {
    const { targetId } = await this.send('Target.createTarget', { url })
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true })
    const pane = new Pane(this, targetId, sessionId)
    this.#panes.set(sessionId, pane)
    for (const domain of ['Runtime.enable', 'Inspector.enable']) await pane.send(domain)
    return pane
  }
}
