// Where the commands are that `.ci/setup` compiled.
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const LOCK = new URL('../Cargo.lock', import.meta.url)
const FIREFOX = new URL('install/firefox', import.meta.url)

function tool(name, version) {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const tools = process.env.MUTTR_TOOLS || join(cache, 'muttr/tools')
  return join(tools, `${name}-${version}/bin`)
}

/** A command of wasm-bindgen's, in exactly the version of the library that Cargo.lock names. */
export function wasmBindgen(command = 'wasm-bindgen') {
  const version = /^name = "wasm-bindgen"\r?\nversion = "([^"]+)"/m.exec(readFileSync(LOCK, 'utf8'))[1]
  return join(tool('wasm-bindgen', version), command)
}

/** What drives Firefox. It is there only where Firefox could be installed. */
export function geckodriver() {
  const version = /^version=(\S+)$/m.exec(readFileSync(FIREFOX, 'utf8'))[1]
  return join(tool('geckodriver', version), 'geckodriver')
}
