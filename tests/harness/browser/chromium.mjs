// Chromium profiles that can be closed in good order, killed, and opened again as they were left.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'
import { leftover } from './leftovers.mjs'

const STARTS_MS = 30_000
const CLOSES_MS = 10_000
/** What every Chromium here is started with; none of it keeps hidden pages awake. */
export const FLAGS = [
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-search-engine-choice-screen',
  '--remote-debugging-port=0',
]

/** Where Chromium is on this machine; MUTTR_CHROMIUM decides. */
export function executable() {
  const places = [
    process.env.MUTTR_CHROMIUM,
    ...['chromium', 'chromium-browser'].flatMap(name =>
      (process.env.PATH ?? '').split(':').map(folder => join(folder, name)),
    ),
  ]
  const found = places.find(place => place && existsSync(place))
  if (!found) throw new Error('no Chromium: install it, or name it in MUTTR_CHROMIUM')
  return found
}

/** A folder that a profile lives in, gone when the process ends. */
export function profileFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `muttr-${name}-`))
  leftover(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/** Where a Chromium that was just started listens to whoever drives it. */
export function devtools(process_) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('Chromium did not start in time')), STARTS_MS)
    process_.once('exit', code => reject(new Error(`Chromium ended with ${code} while starting`)))
    createInterface({ input: process_.stderr }).on('line', line => {
      const found = /^DevTools listening on (ws:\/\/\S+)/.exec(line)
      if (!found) return
      clearTimeout(late)
      resolve(found[1])
    })
  })
}

/** One running browser over one profile folder. */
export class Profile {
  #process
  #browser
  #ended

  /** Opens the profile in `folder`; the folder may be new. */
  static async open(folder, { flags = [] } = {}) {
    const profile = new Profile()
    const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    const given = [...FLAGS, ...root, ...flags, `--user-data-dir=${folder}`, 'about:blank']
    profile.#process = spawn(executable(), given, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    profile.#ended = new Promise(resolve => profile.#process.once('exit', resolve))
    leftover(() => profile.#signal())
    profile.#browser = await chromium.connectOverCDP(await devtools(profile.#process))
    profile.context = profile.#browser.contexts()[0]
    return profile
  }

  get browser() {
    return this.#browser
  }

  /** Everything the profile's pages wrote is on disk when this resolves. */
  async close() {
    const devtools = await this.#browser.newBrowserCDPSession()
    await devtools.send('Browser.close').catch(() => {})
    const late = setTimeout(() => this.#signal(), CLOSES_MS)
    await this.#ended
    clearTimeout(late)
  }

  /** A power cut: every process of the browser ends at once. */
  async kill() {
    this.#signal()
    await this.#ended
  }

  #signal() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    try {
      process.kill(-this.#process.pid, 'SIGKILL')
    } catch (failure) {
      if (failure.code !== 'ESRCH') throw failure
    }
  }
}
