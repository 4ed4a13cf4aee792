// Builds the package into dist/: cargo, wasm-bindgen, wasm-opt, tsc. Steps whose input did not
// change are left out. Prints what a tab downloads, and fails when that is too much.
//
//   node build.mjs            what is shipped
//   node build.mjs --quick    the same without link-time optimisation, wasm-opt and ceiling
//   node build.mjs --test     without wasm-opt, into target/test-build/, with what tests reach into
//                             it by (features `test-trap`, `test-haste`, `test-handles`); never
//                             shipped
//   node build.mjs --bench    the same into target/bench-build/, but made like what is shipped: for
//                             what is measured
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

import { wasmBindgen } from '../.ci/tools.mjs';
import { codesModule } from './codes.mjs';

const BROTLI_BYTES_MAX = 1_000_000;
const TARGET = 'wasm32-unknown-unknown';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const here = join(root, 'muttr-wasm');
const flag = { type: 'boolean', default: false };
const given = parseArgs({ options: { quick: flag, test: flag, bench: flag } }).values;
const test = given.test || given.bench;
const { quick } = given;
const small = !quick && !given.test;
const tried = given.bench ? 'target/bench-build' : 'target/test-build';
const out = test ? join(root, tried) : join(here, 'dist');

await mkdir(out, { recursive: true });
await writeCodes();
const wasm = compile();
await bind(wasm);
const project = join(here, test ? 'tsconfig.test.json' : 'tsconfig.json');
run('npx', ['--no-install', 'tsc', '--project', project, '--outDir', out], root);
if (test) await appendFile(join(out, 'index.js'), "import './handles.js';\n");
// tsc copies no declarations, and some of what it writes mentions these.
await copyFile(join(here, 'js/muttr.d.ts'), join(out, 'muttr.d.ts'));
await report();

/** js/codes.ts is generated and committed, so that it can be read where nothing was built. */
async function writeCodes() {
  const path = join(here, 'js/codes.ts');
  const codes = await codesModule();
  if ((await read(path))?.toString() !== codes) await writeFile(path, codes);
}

/** Has cargo compile; returns where the wasm is. */
function compile() {
  const features = test ? ['--features', 'test-trap,test-haste,test-handles'] : [];
  const settings = quick
    ? ['--config', 'profile.web.lto=false', '--config', 'profile.web.codegen-units=16']
    : [];
  const options = ['--profile', 'web', '--target', TARGET, ...features, ...settings];
  // The folder of the whole workspace, so that nobody compiles anything twice.
  run('cargo', ['build', '--quiet', '--package', 'muttr-wasm', ...options], root);
  return join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), TARGET, 'web/muttr_wasm.wasm');
}

/** Makes muttr.js and muttr_bg.wasm of it, unless they are made of the same. */
async function bind(wasm) {
  const made = createHash('sha256').update(await readFile(wasm)).update(`opt ${small}, 3`).digest('hex');
  const stamp = join(out, '.made-of');
  if ((await read(stamp))?.toString() === made) return;
  await rm(stamp, { force: true });
  run(wasmBindgen(), [
    ...['--target', 'no-modules', '--out-dir', out, '--out-name', 'muttr', '--no-typescript'],
    ...['--omit-default-module-path', '--remove-name-section', '--remove-producers-section'],
    wasm,
  ]);
  // The glue keeps its instance in variables of its own. As the body of a function it can be had
  // once more, which is how a dead instance is replaced.
  const glue = await readFile(join(out, 'muttr.js'), 'utf8');
  await writeFile(join(out, 'muttr.js'), `export default function () {\n${glue}\nreturn wasm_bindgen;\n}\n`);
  const bound = join(out, 'muttr_bg.wasm');
  if (small) {
    const features = ['bulk-memory', 'mutable-globals', 'nontrapping-float-to-int', 'reference-types', 'sign-ext'];
    const enabled = [...features, 'multivalue'].map((feature) => `--enable-${feature}`);
    run('npx', ['--no-install', 'wasm-opt', '-Oz', ...enabled, bound, '-o', bound], root);
  }
  await writeFile(stamp, made);
}

/** What a tab downloads. Compressing takes seconds, so the figures of the same wasm are kept. */
async function report() {
  const wasm = await readFile(join(out, 'muttr_bg.wasm'));
  const known = join(out, '.size.json');
  const hash = createHash('sha256').update(wasm).digest('hex');
  let size = JSON.parse((await read(known))?.toString() ?? '{}');
  if (size.hash !== hash) {
    const params = {
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length,
    };
    const brotli = brotliCompressSync(wasm, { params });
    const gzip = gzipSync(wasm, { level: 9 });
    size = { hash, raw: wasm.length, gzip: gzip.length, brotli: brotli.length };
    await writeFile(known, JSON.stringify(size));
  }
  const bytes = (count) => count.toLocaleString('en');
  console.log(`muttr_bg.wasm: ${bytes(size.raw)} bytes, gzip ${bytes(size.gzip)}, brotli ${bytes(size.brotli)}`);
  if (small && !test && size.brotli > BROTLI_BYTES_MAX) {
    console.error(`A tab may download at most ${bytes(BROTLI_BYTES_MAX)} bytes of wasm.`);
    process.exitCode = 1;
  }
}

function run(command, args, cwd = root) {
  try {
    execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (failure) {
    console.error(`${command}: ${failure.code === 'ENOENT' ? 'not found; `.ci/setup build` installs it' : 'failed'}`);
    process.exit(1);
  }
}

function read(path) {
  return readFile(path).catch(() => undefined);
}
