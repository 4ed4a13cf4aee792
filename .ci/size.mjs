// What a tab downloads before it is a seed: the wasm as it ships, under brotli.
import { readFile } from 'node:fs/promises'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const CEILING_BYTES = 1_000_000

const path = 'muttr-wasm/dist/muttr_bg.wasm'
const wasm = await readFile(path)
const brotli = brotliCompressSync(wasm, {
  params: {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
    [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length,
  },
}).length
const bytes = count => count.toLocaleString('en')

console.log(
  `${path}: ${bytes(wasm.length)} bytes, gzip ${bytes(gzipSync(wasm, { level: 9 }).length)}, ` +
    `brotli ${bytes(brotli)} of at most ${bytes(CEILING_BYTES)}`,
)
if (brotli > CEILING_BYTES) process.exitCode = 1
