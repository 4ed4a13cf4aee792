// The real `muttr-pod` over a data directory: started, killed, started again on the same port.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { leftover } from './leftovers.mjs'
import { repository } from './repository.mjs'

const STARTS_MS = 30_000
const STOPS_MS = 15_000
const run = promisify(execFile)

/** One pod, with the data it was left with. */
export class Pod {
  #process
  #ended
  #heard
  #env
  #stun
  #known = []

  /**
   * `heard(line)` is told every line the pod prints; `env` is added to its environment; `stun` is
   * where it answers STUN, a free port unless said otherwise, for many pods run on one machine.
   */
  constructor(name, { heard = () => {}, env = {}, stun = '127.0.0.1:0' } = {}) {
    this.name = name
    this.port = 0
    this.#heard = heard
    this.#env = env
    this.#stun = stun
    this.data = mkdtempSync(join(tmpdir(), `muttr-pod-${name}-`))
    leftover(() => {
      this.#process?.kill('SIGKILL')
      rmSync(this.data, { recursive: true, force: true })
    })
  }

  get host() {
    return `localhost:${this.port}`
  }

  /** By name and not by number, because only localhost and https are secure contexts. */
  get url() {
    return `http://${this.host}`
  }

  /** From its next start on it is acquainted with the pod at this address. */
  knows(url) {
    this.#known.push('--known-pod', url)
  }

  get runs() {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Starts on the data that is there and waits until the pod says that it is ready. */
  async start() {
    const listen = `127.0.0.1:${this.port}`
    const flags = ['serve', '--listen', listen, '--stun', this.#stun, '--data-dir', this.data, ...this.#known]
    this.#process = spawn(join(repository, 'target/debug/muttr-pod'), flags, {
      // Pods of a test find each other on this machine, which pods in the world must never do.
      env: { ...process.env, MUTTR_LOG: 'debug', MUTTR_INSECURE_LOOPBACK_FEDERATION: 'true', ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#ended = new Promise(resolve => this.#process.once('exit', (code, signal) => resolve({ code, signal })))
    createInterface({ input: this.#process.stderr }).on('line', this.#heard)
    this.port = await this.#listening()
    await this.ready()
  }

  #listening() {
    return new Promise((resolve, reject) => {
      const fail = why => reject(new Error(`the pod ${this.name} ${why}`))
      const late = setTimeout(() => fail('did not start in time'), STARTS_MS)
      this.#ended.then(({ code }) => fail(`ended with ${code} while starting`))
      let first = true
      createInterface({ input: this.#process.stdout }).on('line', line => {
        this.#heard(line)
        if (!first) return
        first = false
        clearTimeout(late)
        const port = /^listening on http:\/\/\S+:(\d+)\/?$/.exec(line)?.[1]
        if (port) resolve(Number(port))
        else fail(`began with "${line}"`)
      })
    })
  }

  /** Waits until `/healthz` answers 200. */
  async ready() {
    const until = Date.now() + STARTS_MS
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/healthz`).catch(() => undefined)
      await answer?.arrayBuffer()
      if (answer?.status === 200) return
      if (Date.now() > until || !this.runs) throw new Error(`the pod ${this.name} is not healthy`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  /** SIGKILL: nothing is said, nothing is flushed. */
  async kill() {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** SIGTERM; resolves with the exit code. */
  async stop() {
    if (!this.runs) return undefined
    this.#process.kill('SIGTERM')
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOPS_MS)
    const { code } = await this.#ended
    clearTimeout(late)
    return code
  }

  /** Reaches into the pod's database behind its back; `meddle.rs` tells how. Answers what it prints. */
  async meddle(...words) {
    const { stdout } = await run(join(repository, 'target/debug/meddle'), [this.data, ...words])
    return stdout.trim()
  }
}
