// The tests that lie beside the Rust code of the tab (`#[wasm_bindgen_test]`), in a real Chromium.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { chromium } from 'playwright-core'
import { wasmBindgen } from '../../.ci/tools.mjs'
import { executable } from '../harness/browser/chromium.mjs'
import { repository } from '../harness/browser/repository.mjs'

const ENDS_MS = 60_000
const endings = []
after(() => Promise.all(endings.map(end => end())))

/** Has cargo compile them as it compiles what is shipped; answers where they are. */
function compiled() {
  const options = ['--package', 'muttr-wasm', '--lib', '--target', 'wasm32-unknown-unknown', '--profile', 'web']
  const { stdout } = spawnSync('cargo', ['test', '--quiet', '--no-run', '--message-format=json', ...options], {
    cwd: repository,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const built = stdout.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line))
  return built.find(each => each.executable && each.profile?.test && each.target.name === 'muttr_wasm')?.executable
}

/** Serves them until the test is over; answers where. */
async function served(wasm) {
  const runner = spawn(wasmBindgen('wasm-bindgen-test-runner'), [wasm], {
    env: { ...process.env, NO_HEADLESS: '1', WASM_BINDGEN_TEST_ADDRESS: '127.0.0.1:0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  endings.push(() => runner.kill())
  for await (const line of createInterface({ input: runner.stdout })) {
    const found = /available at (http:\S+)/.exec(line)
    if (found) return found[1]
  }
  throw new Error('nothing is served')
}

test('what the tab stores, and how it upgrades an old database', async () => {
  const wasm = compiled()
  assert.ok(wasm, 'the tests compile')
  const browser = await chromium.launch({ executablePath: executable(), args: ['--no-sandbox', '--disable-gpu'] })
  endings.push(() => browser.close())
  const page = await browser.newPage()
  await page.goto(await served(wasm))
  const told = () => document.querySelector('#output')?.textContent ?? ''
  await page
    .waitForFunction(() => /test result: /.test(document.querySelector('#output')?.textContent ?? ''), undefined, {
      timeout: ENDS_MS,
    })
    .catch(() => {})
  const said = await page.evaluate(told)
  assert.match(said, /test result: ok/, said)
  assert.match(said, /version_1_keeps_its_rows/)
})
