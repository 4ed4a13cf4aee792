// Foreign libp2p peers: stock Kademlia ones in Rust and in JavaScript, and a holder that looks at nothing.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { leftover } from './leftovers.mjs'
import { repository } from './repository.mjs'

const COMMANDS = {
  rust: [join(repository, 'target/debug/foreign-kad')],
  js: [process.execPath, join(repository, 'tests/foreign/kad.mjs')],
  holder: [process.execPath, join(repository, 'tests/foreign/holder.mjs')],
}

/**
 * A stock peer that asked `address` for the peers closest to `key` and stays, listening: `closest`
 * are the ids it found, `tried` whom the Rust one dialled on the way, and at which address.
 */
export class Stock {
  #process

  /** One that asked for the peers closest to `key`, and stays. */
  static ask(kind, address, key) {
    return Stock.#start(kind, address, key)
  }

  /** One that hands over the records in `file` to whoever asks for their keys. */
  static hold(address, file) {
    return Stock.#start('holder', address, file)
  }

  static async #start(kind, ...words) {
    const stock = new Stock()
    const [command, ...rest] = COMMANDS[kind]
    stock.#process = spawn(command, [...rest, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
    leftover(() => stock.#process.kill('SIGKILL'))
    await stock.#answer()
    return stock
  }

  #answer() {
    this.closest = []
    this.handed = []
    this.tried = []
    this.unidentified = false
    let complaint = ''
    this.#process.stderr.setEncoding('utf8').on('data', text => (complaint += text))
    return new Promise((resolve, reject) => {
      this.#process.once('exit', code => reject(new Error(`ended with ${code}: ${complaint.slice(-2_000)}`)))
      createInterface({ input: this.#process.stdout }).on('line', line => {
        const [word, id, address] = line.split(' ')
        if (word === 'listening') this.id = id
        if (word === 'closest') this.closest.push(id)
        if (word === 'handed') this.handed.push(id)
        if (word === 'tried') this.tried.push({ id, address })
        if (word === 'unidentified') this.unidentified = true
        if (word === 'done') resolve()
      })
    })
  }

  leave() {
    this.#process.stdin.end()
  }
}
