// The package as npm would publish it: packed, installed elsewhere, and used there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, after, test } from 'node:test'
import { promisify } from 'node:util'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Pod } from '../harness/browser/pod.mjs'
import { repository } from '../harness/browser/repository.mjs'

const OPTIONS = { timeout: 300_000 }
const SOCKETS = import.meta.resolve('ws')
const run = promisify(execFile)
const project = mkdtempSync(join(tmpdir(), 'muttr-package-'))
const installed = join(project, 'node_modules/muttr')
const bin = name => join(repository, 'node_modules/.bin', name)
const inProject = (command, ...args) => run(command, args, { cwd: project })

function files(folder, below = '') {
  return readdirSync(join(folder, below), { withFileTypes: true }).flatMap(each => {
    const path = join(below, each.name)
    return each.isDirectory() ? files(folder, path) : [path]
  })
}

before(async () => {
  // What is packed is what `make pkg` left; packing shall not build it once more.
  const packing = ['pack', '--silent', '--ignore-scripts', '--pack-destination', project]
  const { stdout } = await run('npm', packing, { cwd: join(repository, 'muttr-wasm') })
  const tarball = stdout.trim().split('\n').at(-1)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'elsewhere', private: true, type: 'module' }))
  await inProject('npm', 'install', '--offline', '--no-audit', '--no-fund', `./${tarball}`)
}, OPTIONS)

after(() => rmSync(project, { recursive: true, force: true }))

test('the package holds what is needed, once, and nothing else', OPTIONS, () => {
  const all = files(installed)
  const wanted = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE-(MIT|APACHE)|dist\/[^.][^/]*\.(js|d\.ts|wasm))$/
  assert.deepEqual(all.filter(path => !wanted.test(path)), [])
  assert.equal(all.filter(path => path.endsWith('.wasm')).length, 1)
  assert.deepEqual(readdirSync(join(project, 'node_modules')).filter(name => !name.startsWith('.')), ['muttr'])
  const bytes = all.reduce((sum, path) => sum + statSync(join(installed, path)).size, 0)
  console.log(`installed: ${all.length} files, ${bytes.toLocaleString('en')} bytes`)
})

test('nothing that tests reach in by is in it', OPTIONS, () => {
  const wasm = folder => readFileSync(join(folder, 'muttr_bg.wasm'), 'latin1')
  const shipped = wasm(join(installed, 'dist'))
  const tested = wasm(join(repository, 'target/test-build'))
  for (const word of ['muttr/test-trap', 'muttrHaste', '/muttr-test/echo']) {
    assert.ok(tested.includes(word), `the test build has no "${word}": look for another word`)
    assert.ok(!shipped.includes(word), `"${word}" would be shipped`)
  }
})

for (const resolution of ['bundler', 'nodenext']) {
  test(`its declarations compile strictly, resolved as by ${resolution}`, OPTIONS, async () => {
    copyFileSync(join(repository, 'tests/package/consumer.ts'), join(project, 'consumer.ts'))
    const module = resolution === 'bundler' ? 'esnext' : 'nodenext'
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--lib', 'es2023,esnext.disposable,dom,dom.asynciterable']
    await inProject(bin('tsc'), ...options, '--module', module, '--moduleResolution', resolution, 'consumer.ts').catch(failure =>
      assert.fail(failure.stdout),
    )
  })
}

test('two people in Node write to each other', OPTIONS, async () => {
  const oak = new Pod('oak')
  try {
    await oak.start()
    copyFileSync(join(repository, 'tests/package/node.mjs'), join(project, 'node.mjs'))
    const { stdout } = await inProject(process.execPath, 'node.mjs', oak.url, SOCKETS)
    assert.equal(stdout.trim(), 'read')
  } finally {
    await oak.stop()
  }
})

const APP = `import { Identity } from 'muttr'
const identity = await Identity.create()
document.title = identity.fingerprint
`

async function seen(url) {
  const profile = await Profile.open(profileFolder('vite'))
  try {
    const page = await profile.context.newPage()
    const faults = []
    page.on('console', line => line.type() === 'error' && faults.push(line.text()))
    page.on('pageerror', failure => faults.push(String(failure)))
    await page.goto(url)
    await page
      .waitForFunction(() => /^[0-9a-f]{64}$/i.test(document.title), undefined, { timeout: 60_000 })
      .catch(late => faults.push(String(late)))
    assert.deepEqual(faults, [])
  } finally {
    await profile.kill()
  }
}

test('Vite serves it in development, and builds it, without a plugin', OPTIONS, async () => {
  writeFileSync(join(project, 'index.html'), '<!doctype html><link rel="icon" href="data:,"><title>-</title><script type="module" src="/app.js"></script>')
  writeFileSync(join(project, 'app.js'), APP)
  const vite = await import('vite')
  const options = { root: project, configFile: false, logLevel: 'error', build: { target: 'es2022' } }
  const developing = await vite.createServer({ ...options, server: { host: '127.0.0.1', port: 0 } })
  await developing.listen()
  await seen(`http://localhost:${developing.httpServer.address().port}/`).finally(() => developing.close())
  await vite.build(options)
  const built = await vite.preview({ ...options, preview: { host: '127.0.0.1', port: 0 } })
  await seen(`http://localhost:${built.httpServer.address().port}/`).finally(() => built.close())
})
