// Figures as files: what was measured, on what, and when.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { repository } from './repository.mjs'

const FOLDER = join(repository, 'target/report')

/** The middle one; of an even number, the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

function commit() {
  const git = (...args) => execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim()
  const changed = git('status', '--porcelain') === '' ? '' : '+'
  return git('rev-parse', '--short=12', 'HEAD') + changed
}

/** Writes `target/report/NAME.json`; `figures` name their units. */
export function report(name, runs, figures) {
  const about = { schema: `muttr/${name}/1`, commit: commit(), cores: availableParallelism(), runs, date: new Date().toISOString() }
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify({ ...about, ...figures }, null, 2)}\n`)
  console.log(`target/report/${name}.json`)
}
