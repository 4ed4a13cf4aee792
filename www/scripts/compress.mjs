// Writes a .br and a .gz beside every built file that gets smaller by it, so that the pod
// never compresses while it serves. Prints one line per kind of file.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';

const root = new URL('../dist', import.meta.url).pathname;
const packed = new Set(['.br', '.gz']);
const bytesMin = 512;

function* files(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

const totals = new Map();
for (const path of [...files(root)]) {
  const kind = extname(path);
  if (packed.has(kind)) {
    rmSync(path);
    continue;
  }
  if (statSync(path).size < bytesMin) continue;
  const bytes = readFileSync(path);
  const small = { '.br': brotli(bytes), '.gz': gzipSync(bytes, { level: 9 }) };
  for (const [ending, content] of Object.entries(small)) {
    if (content.length < bytes.length) writeFileSync(path + ending, content);
  }
  const total = totals.get(kind) ?? { raw: 0, br: 0, gz: 0 };
  total.raw += bytes.length;
  total.br += Math.min(bytes.length, small['.br'].length);
  total.gz += Math.min(bytes.length, small['.gz'].length);
  totals.set(kind, total);
}
for (const [kind, { raw, br, gz }] of totals) {
  console.log(`${kind.slice(1).padEnd(5)} ${raw} bytes, ${gz} gzip, ${br} brotli`);
}
