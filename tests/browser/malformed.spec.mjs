// What no honest pod takes in and no honest seed hands over reaches a tab all the same: a pod tells
// of records that a holder keeps who looks at nothing. Each is a record by its header, its size and
// its key; what is wrong is the OpenPGP container inside, and the OpenPGP library would panic at the
// first one if it saw it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { leftover } from '../harness/browser/leftovers.mjs'
import { origin } from '../harness/browser/origin.mjs'
import { until } from '../harness/browser/patience.mjs'
import { Play } from '../harness/browser/player.mjs'
import { Stock } from '../harness/browser/stock.mjs'

const OPTIONS = { timeout: 300_000 }
const HEADER_BYTES = 42
const CLASS_AT = 5

/** Where the body of the encrypted container begins: behind one key packet and its own header. */
function encryptedAt(record) {
  let at = HEADER_BYTES
  for (const tag of [1, 18]) {
    assert.equal(record[at], 0xc0 | tag)
    // Lengths of RFC 9580, section 4.2.1.
    const [first, second] = record.subarray(at + 1)
    const [size, length] =
      first < 192 ? [1, first] : first < 224 ? [2, (first - 192) * 256 + second + 192] : [5, record.readUInt32BE(at + 2)]
    at += 1 + size
    if (tag === 1) at += length
  }
  return at
}

const BENT = {
  'with an unknown AEAD id': record => {
    record[encryptedAt(record) + 2] = 100
    return record
  },
  'cut short': record => {
    const cut = record.subarray(0, 2048)
    cut[CLASS_AT] = 0
    return cut
  },
  'encrypted as of version 1': record => {
    record[encryptedAt(record)] = 1
    return record
  },
}

const keyOf = record => createHash('sha256').update('muttr/rec/1\0').update(record).digest('hex')

/** Bends what mallory wrote, in the pod's notifications too; answers the file of a careless holder. */
async function bend(play) {
  const lines = []
  for (const [text, change] of Object.entries(BENT)) {
    const { recordKey } = await play.person('mallory').delivery(text)
    const bent = change(Buffer.from(await play.pod('oak').meddle('show', recordKey), 'hex'))
    await play.pod('oak').meddle('rename', recordKey, keyOf(bent))
    lines.push(`${keyOf(bent)} ${bent.toString('hex')}`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'muttr-holder-'))
  leftover(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'records'), `${lines.join('\n')}\n`)
  return { file: join(folder, 'records'), keys: lines.map(line => line.split(' ')[0]) }
}

/** The pod, as one writes its libp2p address. */
async function way(pod) {
  const { seed } = await (await fetch(`http://127.0.0.1:${pod.port}/.well-known/muttr`)).json()
  return `/ip4/127.0.0.1/tcp/${pod.port}/ws/p2p/${seed}`
}

test('a container that is none reaches a tab, and the next message is read', OPTIONS, async () => {
  const play = new Play({ origin: await origin() })
  let holder
  try {
    await play.pod_starts('oak')
    for (const name of ['alice', 'bob', 'mallory']) {
      await play.join(name, 'oak')
      await play.register(name, name)
    }
    await play.leave('bob')
    for (const text of Object.keys(BENT)) await play.write('mallory', 'bob@oak', text)
    for (const text of Object.keys(BENT)) await play.status('mallory', text, 'notified')
    await play.pod_killed('oak')
    const { file, keys } = await bend(play)
    await play.pod_starts('oak')
    await play.online('alice')
    holder = await Stock.hold(await way(play.pod('oak')), file)
    await play.write('alice', 'bob@oak', 'an honest one')

    await play.join('bob', 'oak')
    await play.read('bob', 'an honest one', 'alice@oak')
    await play.put_aside('bob', keys.length)
    assert.deepEqual(play.person('bob').faults, keys.map(() => 'UNREADABLE'))
    // They came from where they were planted, not from anybody's check.
    assert.deepEqual(new Set(holder.handed), new Set(keys))
    // Acknowledged like any other, and told to nobody: not played again, no status moves.
    await play.reload('bob')
    await play.read_no_more('bob')
    await play.put_aside('bob', keys.length)
    for (const text of Object.keys(BENT)) {
      assert.equal((await play.person('mallory').delivery(text)).status, 'notified')
    }
    await play.write('mallory', 'bob@oak', 'honest for once')
    await play.read('bob', 'honest for once', 'mallory@oak')
    assert.equal((await play.state('bob')).state, 'online')
    await play.perform({ name: 'malformed', sentences: [] })
  } finally {
    holder?.leave()
    await play.end()
  }
})
