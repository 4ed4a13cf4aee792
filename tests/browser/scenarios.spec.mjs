// The scenarios of `tests/scenarios/` with a real pod and real Chromium profiles.
import { before, test } from 'node:test'
import { origin } from '../harness/browser/origin.mjs'
import { Play } from '../harness/browser/player.mjs'
import { scenarios } from '../harness/browser/scenario.mjs'

const PLAY_MS = 300_000

let served
before(async () => {
  served = await origin()
})

for (const each of scenarios('browser')) {
  test(`${each.name}: ${each.title}`, { timeout: PLAY_MS }, async () => {
    const play = new Play({ origin: served })
    try {
      await play.perform(each)
    } finally {
      await play.end()
    }
  })
}
