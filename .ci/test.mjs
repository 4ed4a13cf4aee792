// Every test of Muttr, phase by phase. Each phase tells how long it took; the last line is the sum
// of what all runners counted. A phase that fails without having counted a failure counts as one.
import { spawn } from 'node:child_process'

const CI_MINUTES = 85

// `tests`: the phase runs tests, and having counted none is a failure, unless each was skipped.
// `needs`: phases without which this one cannot tell anything; it waits for them.
// `background`: it waits more than it works, or works on one core; it is begun in its turn, the
// others go on, and what it printed follows theirs.
// The stock peers and what meddles with a pod's database are built for the browser tests.
const TESTED = '--features muttr-tests/foreign,muttr-tests/meddle'
// Ahead of a command that compiles: clippy reads along, and nothing is written down for a next time.
const LINTED = 'CARGO_INCREMENTAL=0 RUSTC_WORKSPACE_WRAPPER="$PWD/.ci/linted"'

const phases = [
  { name: 'set-up', run: '.ci/setup test' },
  { name: 'format', run: 'cargo fmt --all --check' },
  { name: 'wasm package', needs: ['set-up'], run: `${LINTED} npm run --silent build -w muttr && npm run --silent check -w muttr` },
  { name: 'page', needs: ['wasm package'], run: 'npm run --silent typecheck -w www && npm run --silent build -w www' },
  { name: 'native build', run: `${LINTED} cargo build --all-targets ${TESTED}` },
  { name: 'test build', background: true, needs: ['wasm package'], run: `${LINTED} npm run --silent build -w muttr -- --test` },
  { name: 'native tests', tests: true, needs: ['native build'], run: `${LINTED} cargo test --no-fail-fast ${TESTED}` },
  { name: 'hidden tab', tests: true, background: true, needs: ['native build', 'test build'], run: 'node --test --test-reporter=spec tests/browser/hidden.spec.mjs' },
  { name: 'direct connections', tests: true, background: true, needs: ['native build', 'page', 'test build'], run: 'node --test --test-concurrency=1 --test-reporter=spec tests/browser/@(webrtc|mallory).spec.mjs' },
  { name: 'browser tests', tests: true, needs: ['native build', 'page', 'test build'], run: 'node --test --test-concurrency=2 --test-reporter=spec tests/browser/!(hidden|webrtc|mallory|firefox|soak).spec.mjs' },
  // By itself: two engines at once are much for a small machine, and one of them is slow to start.
  { name: 'another engine', tests: true, needs: ['native build', 'page', 'test build'], run: 'node --test --test-concurrency=1 --test-reporter=spec tests/browser/firefox.spec.mjs' },
  { name: 'nat tests', tests: true, background: true, needs: ['native build', 'test build'], run: 'node --test --test-reporter=spec tests/nat/*.spec.mjs' },
  { name: 'soak', tests: true, needs: ['native build', 'test build'], run: 'node --test --test-reporter=spec tests/browser/soak.spec.mjs' },
  { name: 'package tests', tests: true, needs: ['native build', 'wasm package', 'test build'], run: 'node --test --test-reporter=spec tests/package/*.spec.mjs' },
  { name: 'licences', run: '.ci/setup deny && .ci/deny' },
]

const COUNTS = [
  /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed/,
  /^(?:#|ℹ) pass (?<passed>\d+)$/,
  /^(?:#|ℹ) (?:fail|cancelled) (?<failed>\d+)$/,
  /^(?:#|ℹ) skipped (?<skipped>\d+)$/,
]

const started = Date.now()
const total = { passed: 0, failed: 0 }
// Why tests were left out, each reason once.
const skipped = new Set()
const broken = new Set()
const running = new Map()
/** What phases in the background printed. */
const kept = []

function count(line, sum) {
  const plain = line.replace(/\x1b\[[0-9;]*m/g, '')
  for (const { groups } of COUNTS.map(pattern => pattern.exec(plain)).filter(Boolean)) {
    sum.passed += Number(groups.passed ?? 0)
    sum.failed += Number(groups.failed ?? 0)
    sum.skipped += Number(groups.skipped ?? 0)
  }
  if (plain.startsWith('skipped: ')) skipped.add(plain)
}

function follow(stream, print, sum) {
  let rest = ''
  stream.setEncoding('utf8').on('data', text => {
    print(text)
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) count(line, sum)
  })
}

/** Runs one phase in a process group of its own, so that all of it can be stopped. */
function play(phase, print, sum) {
  return new Promise(resolve => {
    const child = spawn('bash', ['-O', 'extglob', '-euo', 'pipefail', '-c', phase.run], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.set(phase.name, () => process.kill(-child.pid, 'SIGKILL'))
    follow(child.stdout, print, sum)
    follow(child.stderr, print, sum)
    child.on('close', code => {
      running.delete(phase.name)
      resolve(code === 0)
    })
  })
}

const seconds = since => ((Date.now() - since) / 1000).toFixed(1)

async function phase(each, print = text => process.stdout.write(text)) {
  const lacking = (each.needs ?? []).find(name => broken.has(name))
  if (lacking) {
    broken.add(each.name)
    total.failed += 1
    print(`\n== ${each.name}: not run, because "${lacking}" failed\n`)
    return
  }
  print(`\n== ${each.name}\n`)
  const since = Date.now()
  const sum = { passed: 0, failed: 0, skipped: 0 }
  let well = (await play(each, print, sum)) && sum.failed === 0
  if (well && each.tests && sum.passed + sum.skipped === 0) {
    print('no test was run\n')
    well = false
  }
  if (!well) {
    broken.add(each.name)
    sum.failed = Math.max(sum.failed, 1)
  }
  total.passed += sum.passed
  total.failed += sum.failed
  print(`== ${each.name}: ${well ? 'well' : 'FAILED'} after ${seconds(since)} s\n`)
}

function finish(sentence) {
  console.log(`${kept.join('')}\n${[sentence, ...skipped].join('\n')}`)
  console.log(`${total.passed} passed, ${total.failed} failed`)
  process.exit(total.failed > 0 ? 1 : 0)
}

function giveUp(why) {
  const names = [...running.keys()].join('", "') || 'nothing'
  for (const stop of running.values()) stop()
  total.failed += 1
  finish(`${why} in "${names}" after ${seconds(started)} s`)
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => giveUp(`stopped by ${signal}`))
if (process.env.CI) setTimeout(() => giveUp(`out of time (${CI_MINUTES} minutes)`), CI_MINUTES * 60_000).unref()

/** Of each phase that was begun: settled once it is over. */
const ends = new Map()
for (const each of phases) {
  await Promise.all((each.needs ?? []).map(name => ends.get(name)))
  if (each.background) console.log(`\n== ${each.name}: in the background`)
  const end = each.background ? phase(each, text => kept.push(text)) : phase(each)
  ends.set(each.name, end)
  if (!each.background) await end
}
await Promise.all(ends.values())
finish(broken.size ? `failed: ${[...broken].join(', ')}` : `all phases went well in ${seconds(started)} s`)
