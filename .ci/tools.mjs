// Where the commands are that `.ci/setup` compiled.
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const LOCK = new URL('../Cargo.lock', import.meta.url)

/** A command of wasm-bindgen's, in exactly the version of the library that Cargo.lock names. */
export function wasmBindgen(command = 'wasm-bindgen') {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const tools = process.env.MUTTR_TOOLS || join(cache, 'muttr/tools')
  const version = /^name = "wasm-bindgen"\r?\nversion = "([^"]+)"/m.exec(readFileSync(LOCK, 'utf8'))[1]
  return join(tools, `wasm-bindgen-${version}/bin`, command)
}
