// The signalling stream by hand: what a peer can say there that stock js-libp2p never would.
import { multiaddr } from '@multiformats/multiaddr'
import { peer } from './peer.js'

const SIGNALING = '/webrtc-signaling/0.0.1'
const DIALS_MS = 30_000
export const OFFER = 0
export const ANSWER = 1
export const CANDIDATE = 2

const bytes = text => new TextEncoder().encode(text)

/** Unsigned LEB128. */
export function varint(number) {
  const out = []
  let rest = number
  while (rest > 127) {
    out.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return [...out, rest]
}

const prefixed = body => Uint8Array.from([...varint(body.length), ...body])

/** One message: `{ type = 1: enum, data = 2: string }` behind its length. */
export function message(type, text) {
  const data = bytes(text)
  return prefixed([8, ...varint(type), 18, ...varint(data.length), ...data])
}

/** A frame of a data channel: `{ flag = 1: enum, message = 2: bytes }` behind its length. */
export function frame({ flag, data }) {
  return prefixed([...(flag === undefined ? [] : [8, flag]), ...(data ? [18, ...varint(data.length), ...data] : [])])
}

/** A line of multistream-select: its length, the text and a line feed. */
export const line = text => prefixed(bytes(`${text}\n`))

/** A signalling stream over a fresh circuit to the tab with this `/webrtc` address. */
export async function signalling(name, address) {
  const signal = AbortSignal.timeout(DIALS_MS)
  const circuit = multiaddr(address.replace('/webrtc', ''))
  const connection = await peer(name).dial(circuit, { signal, force: true })
  const stream = await connection.newStream(SIGNALING, { signal, runOnLimitedConnection: true })
  const received = []
  stream.addEventListener('message', ({ data }) => received.push(...data.subarray()))
  return { connection, stream, received, ended: ending(stream) }
}

function ending(stream) {
  return new Promise(resolve => {
    stream.addEventListener('remoteCloseWrite', () => resolve('closed'))
    stream.addEventListener('close', () => resolve(stream.status))
  })
}

function number(from, at) {
  let value = 0
  for (let place = 0; ; place += 1) {
    const byte = from[at + place]
    if (byte === undefined) return undefined
    value += (byte & 127) * 128 ** place
    if (byte < 128) return { value, next: at + place + 1 }
  }
}

/** Takes the next whole message out of what was received. */
export function taken(received) {
  const length = number(received, 0)
  if (!length || received.length < length.next + length.value) return undefined
  const body = received.splice(0, length.next + length.value).slice(length.next)
  const found = { type: 0, data: '' }
  for (let at = 0; at < body.length; ) {
    const key = body[at]
    const given = number(body, at + 1)
    if (key === 8) found.type = given.value
    at = given.next
    if (key !== 18) continue
    found.data = new TextDecoder().decode(Uint8Array.from(body.slice(at, at + given.value)))
    at += given.value
  }
  return found
}
