// Mallory, who reaches a tab as any peer does and then breaks the rules of `/webrtc`.
import { peer } from './peer.js'
import { ANSWER, CANDIDATE, frame, line, message, OFFER, signalling, taken } from './signal.js'
import { ECHO } from './streams.js'

const HANDSHAKE_MS = 60_000
const LINGERS_MS = 5_000
const MANY = 10_000
/** Fewer than a tab takes of one connection, more than it listens to at the same time. */
const TOO_MANY = 150
const FIN = 0
const STOP_SENDING = 1
const RESET = 2
const FIN_ACK = 3

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const random = count => crypto.getRandomValues(new Uint8Array(count))
const elsewhere = sdp =>
  sdp.replace(/^(a=fingerprint:sha-256 ).*$/m, `$1${Array.from(random(32), byte => byte.toString(16).padStart(2, '0')).join(':').toUpperCase()}`)
const fingerprint = /^a=fingerprint:.*\r\n/m
const candidate = place =>
  message(CANDIDATE, JSON.stringify({ candidate: `candidate:${place} 1 udp 1 192.0.2.1 ${1024 + place} typ host`, sdpMid: '0', sdpMLineIndex: 0 }))

/** What is said instead of a handshake; `offer` is an honest one. */
const speeches = {
  'nothing at all': () => [],
  'an offer and no candidates': offer => [message(OFFER, offer)],
  'noise': () => [random(1_000)],
  'a length without an end': () => [new Uint8Array(20).fill(255)],
  'a length of a gigabyte': () => [Uint8Array.from([128, 128, 128, 128, 4]), random(1_000)],
  'an answer first': offer => [message(ANSWER, offer)],
  'a candidate first': () => [candidate(1)],
  'a type nobody knows': offer => [message(77, offer)],
  'an offer of prose': () => [message(OFFER, 'shall we?')],
  'an empty offer': () => [message(OFFER, '')],
  'an offer of 64 KiB': offer => [message(OFFER, offer + 'a=x-long:y\r\n'.repeat(5_500))],
  'an offer without a fingerprint': offer => [message(OFFER, offer.replace(fingerprint, ''))],
  'an offer with two fingerprints': offer => [message(OFFER, offer.replace(fingerprint, line_ => line_ + elsewhere(line_)))],
  'a fingerprint of SHA-1': offer => [message(OFFER, offer.replace(fingerprint, `a=fingerprint:sha-1 ${'AB:'.repeat(19)}AB\r\n`))],
  'a second offer': offer => [message(OFFER, offer), message(OFFER, offer)],
  'candidates of prose': offer => [message(OFFER, offer), message(CANDIDATE, '{]'), message(CANDIDATE, '{"candidate":5}'), message(CANDIDATE, '[]')],
  'ten thousand candidates': offer => [message(OFFER, offer), ...Array.from({ length: MANY }, (_, place) => candidate(place))],
}

/** The names of all speeches. */
export const speechNames = () => Object.keys(speeches)

/** Says all of it, unless the stream ends under it. */
async function says(stream, parts, ended) {
  try {
    for (const part of parts) {
      if (stream.status !== 'open') return
      if (!stream.send(part)) await Promise.race([stream.onDrain(), ended])
    }
  } catch (failure) {
    if (stream.status === 'open') throw failure
  }
}

/** Makes one of the speeches; answers how the tab ended the stream, and when. */
export async function speech(name, address, which) {
  const peerConnection = new RTCPeerConnection()
  peerConnection.createDataChannel('init')
  const { sdp } = await peerConnection.createOffer()
  const { connection, stream, ended } = await signalling(name, address)
  const began = performance.now()
  try {
    await says(stream, speeches[which](sdp), ended)
    const how = await Promise.race([ended, sleep(HANDSHAKE_MS).then(() => 'open')])
    return { how, ms: performance.now() - began }
  } finally {
    peerConnection.close()
    stream.abort(new Error('enough'))
    await connection.close().catch(() => {})
  }
}

/** Shakes hands by hand, the way a stock peer would; `wrong` gives the fingerprint of somebody else. */
async function shaken(name, address, wrong) {
  const made = new RTCPeerConnection()
  const init = made.createDataChannel('init')
  const { connection, stream, received, ended } = await signalling(name, address)
  made.onicecandidate = ({ candidate: found }) => {
    if (found?.candidate && stream.status === 'open') stream.send(message(CANDIDATE, JSON.stringify(found.toJSON())))
  }
  const offer = await made.createOffer()
  stream.send(message(OFFER, wrong ? elsewhere(offer.sdp) : offer.sdp))
  await made.setLocalDescription(offer)
  let late = performance.now() + HANDSHAKE_MS
  // Its end of the stream says nothing about the connection, which may still be on its way.
  ended.then(() => (late = Math.min(late, performance.now() + LINGERS_MS)))
  while (!['connected', 'failed'].includes(made.connectionState) && performance.now() < late) {
    const next = taken(received)
    if (!next) await sleep(5)
    else if (next.type === ANSWER) await made.setRemoteDescription({ type: 'answer', sdp: next.data })
    else await made.addIceCandidate(JSON.parse(next.data))
  }
  return { made, init, connection, stream, state: made.connectionState }
}

/** Offers with somebody else's fingerprint; answers the state of the connection at the end. */
export async function impostor(name, address) {
  const { made, connection, stream, state } = await shaken(name, address, true)
  made.close()
  stream.abort(new Error('enough'))
  await connection.close().catch(() => {})
  return state
}

const opened = (made, label = '', options = {}) =>
  new Promise((resolve, reject) => {
    const channel = made.createDataChannel(label, options)
    channel.binaryType = 'arraybuffer'
    channel.onopen = () => resolve(channel)
    channel.onerror = ({ error }) => reject(error)
    channel.onclose = () => reject(new Error('closed'))
  })

/** Sends as long as the channel takes it. */
async function sends(channel, parts) {
  for (const part of parts) {
    while (channel.bufferedAmount > 1 << 20 && channel.readyState === 'open') await sleep(1)
    if (channel.readyState !== 'open') return
    channel.send(part)
  }
}

const repeated = (count, part) => Array.from({ length: count }, () => part)
const data = frame({ data: new Uint8Array(16_000) })
const talk = [frame({ data: line('/multistream/1.0.0') }), frame({ data: line(ECHO) })]

/** What is done on a connection that stands. */
const tricks = {
  'a flood before any protocol': async made => sends(await opened(made), repeated(2_000, data)),
  'a flood of a protocol that reads': async made => sends(await opened(made), [...talk, ...repeated(2_000, data)]),
  'a flood behind a protocol that does not': async made =>
    sends(await opened(made), [talk[0], frame({ data: line('/ipfs/id/1.0.0') }), ...repeated(2_000, data)]),
  // More than the tab begins to hear at once: the last one waits, and talks on.
  'a flood nobody takes up': async made => {
    let last
    for (let each = 0; each < TOO_MANY; each += 1) last = await opened(made)
    await sends(last, repeated(500, data))
  },
  'a frame of 256 KiB': async made => sends(await opened(made), [frame({ data: new Uint8Array(250_000) })]),
  'a frame that never ends': async made => sends(await opened(made), [new Uint8Array(16_000).fill(255)]),
  'noise in frames': async made => sends(await opened(made), Array.from({ length: 200 }, () => random(1_000))),
  'text': async made => sends(await opened(made), ['hello', 'multistream']),
  'ten thousand empty messages': async made => sends(await opened(made), repeated(MANY, new Uint8Array())),
  'ten thousand empty frames': async made => sends(await opened(made), repeated(MANY, frame({}))),
  'every flag, in no order': async made => {
    for (const flags of [[FIN_ACK, FIN_ACK], [FIN, FIN, FIN], [RESET, FIN, RESET], [STOP_SENDING, STOP_SENDING, FIN]]) {
      await sends(await opened(made), flags.map(flag => frame({ flag })))
    }
  },
  'words after the end': async made => sends(await opened(made), [...talk, frame({ flag: FIN }), data, data]),
  'a flag nobody knows': async made => sends(await opened(made), [frame({ flag: 9 })]),
  'init once more': async made => {
    for (let each = 0; each < 5; each += 1) await sends(await opened(made, 'init'), [data])
  },
  'a label of 60 KB': async made => sends(await opened(made, 'x'.repeat(60_000)), talk),
  'a label that says something': async made => sends(await opened(made, `FIN\r\n\0${ECHO}`), talk),
  'unordered and unreliable': async made => sends(await opened(made, '', { ordered: false, maxRetransmits: 0 }), [...talk, ...repeated(100, data)]),
  'a channel nobody announced': async made => sends(await opened(made, '', { negotiated: true, id: 700 }), [...talk, data]),
  'a thousand channels': async made => {
    const all = Array.from({ length: 1_000 }, () => made.createDataChannel(''))
    await sleep(3_000)
    for (const each of all) each.close()
  },
}

/** The names of all tricks. */
export const trickNames = () => Object.keys(tricks)

/**
 * Connects by hand, plays one trick and leaves, once the tab has closed something or after so long;
 * answers whether it came to be connected.
 */
export async function trick(name, address, which, lingersMs) {
  const { made, init, connection, stream, state } = await shaken(name, address, false)
  try {
    if (state !== 'connected') return state
    init.close()
    await stream.close()
    const channels = []
    const create = made.createDataChannel.bind(made)
    made.createDataChannel = (...how) => channels[channels.push(create(...how)) - 1]
    // What the tab does against it is closing the channel, or everything: then it is over.
    await Promise.race([tricks[which](made).catch(() => {}), sleep(HANDSHAKE_MS)])
    await sleep(500)
    const late = performance.now() + lingersMs
    const stands = () => made.connectionState === 'connected' && channels.every(each => each.readyState !== 'closed')
    while (stands() && performance.now() < late) await sleep(20)
    return state
  } finally {
    made.close()
    await connection.close().catch(() => {})
  }
}

/** From now on this peer takes offers and never answers one. */
export async function fallSilent(name) {
  const started = peer(name)
  const streams = []
  await started.unhandle('/webrtc-signaling/0.0.1')
  await started.handle('/webrtc-signaling/0.0.1', stream => void streams.push(stream), { runOnLimitedConnection: true })
}
