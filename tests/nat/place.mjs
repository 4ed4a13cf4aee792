// A process in a network namespace, seen from the test: a browser or a pod can only be reached from
// where it is, so a small program stands beside it and does what it is told.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { leftover } from '../harness/browser/leftovers.mjs'
import { Refusal } from '../harness/browser/tab.mjs'

const INSIDE = fileURLToPath(new URL('inside.mjs', import.meta.url))

/** One place, and the functions of the module that stands there. */
export class Place {
  #process
  #ended
  #calls = 0
  #asked = new Map()
  #heard

  /** Goes into `namespace` with `module`; `heard(who, line)` is told what is printed there. */
  constructor(namespace, module, heard = () => {}) {
    this.#heard = heard
    this.#process = spawn('ip', ['netns', 'exec', namespace, process.execPath, INSIDE, module], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    leftover(() => this.#dismiss())
    this.#process.on('message', answer => this.#answered(answer))
    this.#ended = new Promise(resolve => this.#process.once('exit', resolve))
    this.#ended.then(code => {
      for (const { reject } of this.#asked.values()) reject(new Error(`${module} ended with ${code}`))
    })
  }

  #answered({ number, value, failure, line }) {
    if (line) return this.#heard(line.who, line.text)
    const { name, resolve, reject } = this.#asked.get(number)
    this.#asked.delete(number)
    if (failure?.code) reject(new Refusal(name, failure))
    else if (failure) reject(new Error(`${name}: ${failure.message}`))
    else resolve(value)
  }

  /** Calls one of the module's functions there. */
  call(name, ...given) {
    const number = (this.#calls += 1)
    return new Promise((resolve, reject) => {
      this.#asked.set(number, { name, resolve, reject })
      this.#process.send({ number, name, given }, failure => failure && reject(failure))
    })
  }

  /** Ends the program there, and what it started ends with it. */
  async leave() {
    this.#dismiss()
    await this.#ended
  }

  #dismiss() {
    if (this.#process.connected) this.#process.disconnect()
  }
}
