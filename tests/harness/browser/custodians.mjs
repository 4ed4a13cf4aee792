// Native seeds that do nothing but custody, many in one process; `../custodians/main.rs` tells what
// is said to them and what they say.
import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { leftover } from './leftovers.mjs'
import { repository } from './repository.mjs'

/** Emits the first word of each line with the others. */
export class Custodians extends EventEmitter {
  #process
  #ended
  /** Their seed ids. */
  ids = []
  /** Who is linked to each of them. */
  linked = []

  /** Starts so many seeds of this pod, one after another; those that keep no bytes only ask. */
  static async start(count, { integer, keepBytes = 0, pod }) {
    const all = new Custodians()
    const folder = mkdtempSync(join(tmpdir(), 'muttr-custodians-'))
    const given = [folder, count, integer, keepBytes, pod.url].map(String)
    all.#process = spawn(join(repository, 'target/debug/custodians'), given, { stdio: ['pipe', 'pipe', 'inherit'] })
    leftover(() => {
      all.#process.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    })
    all.#ended = new Promise(resolve => all.#process.once('exit', resolve))
    createInterface({ input: all.#process.stdout }).on('line', line => all.#hear(line.split(' ')))
    const gathered = new Promise(resolve => all.on('ready', () => all.ids.length === count && resolve()))
    await Promise.race([gathered, all.#ended.then(code => Promise.reject(new Error(`the custodians ended with ${code}`)))])
    return all
  }

  #hear([what, ...words]) {
    if (what === 'ready') {
      this.ids.push(words[1])
      this.linked[words[0]] ??= new Set()
    }
    if (what === 'linked') (this.linked[words[0]] ??= new Set()).add(words[1])
    if (what === 'unlinked') this.linked[words[0]]?.delete(words[1])
    this.emit(what, ...words)
  }

  say(...words) {
    this.#process.stdin.write(`${words.join(' ')}\n`)
  }

  /** The words after the next line that begins so. */
  next(...begin) {
    const [what, ...first] = begin
    return new Promise(resolve => {
      const hear = (...words) => {
        if (first.some((word, at) => word !== words[at])) return
        this.off(what, hear)
        resolve(words.slice(first.length))
      }
      this.on(what, hear)
    })
  }

  async stop() {
    this.#process.stdin.end()
    await this.#ended
  }
}
