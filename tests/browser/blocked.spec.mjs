// A mailbox cannot be blocked: not by sixty-four messages that nobody can fetch any more, and not by
// one that traps whoever opens it. The trap is in a build made for this test (feature `test-trap`).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { origin } from '../harness/browser/origin.mjs'
import { sleep, until } from '../harness/browser/patience.mjs'
import { Play } from '../harness/browser/player.mjs'
import { Refusal } from '../harness/browser/tab.mjs'

const OPTIONS = { timeout: 300_000 }
const LOST = 64
const DIES_MS = 30_000

/** Whether opening the mailbox ended the instance within the time it usually takes. */
async function dies(play) {
  const end = Date.now() + DIES_MS
  while (Date.now() < end) {
    const died = await play.state('bob').then(
      ({ state }) => state === 'closed',
      failure => failure instanceof Refusal && failure.code === 'INSTANCE_DEAD',
    )
    if (died) return true
    await sleep(100)
  }
  return false
}

test('the message after sixty-four lost ones and a trap is read', OPTIONS, async () => {
  const trapped = await origin({ '/muttr/': 'target/test-build/' })
  // Nobody may write so much so fast; here they do.
  const env = { MUTTR_NOTIFY_BURST: '1000' }
  const play = new Play({ origin: trapped, env, tolerated: /unreachable|INSTANCE_DEAD/ })
  try {
    await play.pod_starts('oak')
    await play.seeds_join(3, 'oak')
    for (const name of ['alice', 'bob']) {
      await play.join(name, 'oak')
      await play.register(name, name)
    }
    await play.leave('bob')
    await play.write_many('alice', 'bob@oak', LOST)
    await play.all_forget()
    await play.write('alice', 'bob@oak', { content: 'a trap', contentType: 'muttr/test-trap' })
    await play.write('alice', 'bob@oak', 'the sixty-sixth')

    await play.join('bob', 'oak').catch(failure => assert.equal(failure.code, 'INSTANCE_DEAD'))
    for (let restarts = 0; restarts < 2; restarts += 1) {
      assert.ok(await dies(play), 'the trap was not met')
      await play.reload('bob').catch(failure => assert.equal(failure.code, 'INSTANCE_DEAD'))
    }
    await play.read('bob', 'the sixty-sixth', 'alice@oak')
    await until(async () => ((await play.state('bob')).state === 'online' ? undefined : 'Bob is not online'))
  } finally {
    await play.end()
  }
})
