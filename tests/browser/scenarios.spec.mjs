// The scenarios of `tests/scenarios/` with a real pod and real Chromium profiles.
import { before, describe, test } from 'node:test'
import { origin } from '../harness/browser/origin.mjs'
import { Play } from '../harness/browser/player.mjs'
import { scenario, scenarios } from '../harness/browser/scenario.mjs'

const PLAY_MS = 300_000
/** Plays have nothing in common, and wait more than they work. */
const TOGETHER = { concurrency: 2 }

let served
before(async () => {
  served = await origin()
})

async function perform(each) {
  const play = new Play({ origin: served })
  try {
    await play.perform(each)
  } finally {
    await play.end()
  }
}

describe('scenarios', TOGETHER, () => {
  for (const each of scenarios('browser')) {
    test(`${each.name}: ${each.title}`, { timeout: PLAY_MS }, () => perform(each))
  }
})

/** The same play with a power cut of every pod after every sentence, waiting only for tabs to be back. */
function withPowerCuts({ name, sentences }) {
  const [there, pods] = [new Set(), new Set()]
  const cut = sentences.flatMap(sentence => {
    const [who] = sentence.values
    if (sentence.name === 'join') there.add(who)
    if (sentence.name === 'leave') there.delete(who)
    if (sentence.name === 'pod_starts') pods.add(who)
    const text = `${sentence.text}, and the power was cut`
    const added = [...pods].map(pod => ({ name: 'pod_restarts', values: [pod] }))
    for (const person of there) added.push({ name: 'online', values: [person] })
    return [sentence, ...added.map(each => ({ ...each, number: sentence.number, text }))]
  })
  return { name, sentences: cut }
}

describe('power cuts', TOGETHER, () => {
  for (const name of ['twelve_steps', 'offline', 'two_pods']) {
    test(`${name}, with a power cut of every pod after every sentence`, { timeout: 2 * PLAY_MS }, () =>
      perform(withPowerCuts(scenario(name))),
    )
  }
})
