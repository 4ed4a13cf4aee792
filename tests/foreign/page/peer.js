// A stock js-libp2p peer in a page: nothing of Muttr's but the names of its protocols.
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { webRTC } from '@libp2p/webrtc'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { answerEcho, answerSink, ECHO, echo, pour, SINK } from './streams.js'

const PATIENCE_MS = 30_000
const soon = () => AbortSignal.timeout(PATIENCE_MS)

const peers = new Map()

/** The peer that was started under this name. */
export function peer(name) {
  const found = peers.get(name)
  if (!found) throw new Error(`no peer is called ${name}`)
  return found
}

const kad = () =>
  kadDHT({ protocol: '/muttr/kad/1.0.0', clientMode: false, peerInfoMapper: passthroughMapper })

/** Starts a peer; `listen` makes it reserve a place at the pod and wait until it has its address. */
export async function start(name, { pod, listen = true, routes = false }) {
  const started = await createLibp2p({
    addresses: { listen: listen ? [`${pod}/p2p-circuit`, '/webrtc'] : [] },
    transports: [webSockets(), circuitRelayTransport(), webRTC({ rtcConfiguration: { iceServers: [] } })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // Loopback is where this whole network lives.
    connectionGater: { denyDialMultiaddr: () => false },
    services: { identify: identify(), ping: ping(), ...(routes ? { kad: kad() } : {}) },
  })
  peers.set(name, started)
  const open = { maxInboundStreams: 512 }
  await started.handle(ECHO, answerEcho, open)
  await started.handle(SINK, answerSink, open)
  const address = listen ? await reserved(started) : undefined
  return { id: started.peerId.toString(), address }
}

const direct = started =>
  started.getMultiaddrs().map(String).find(each => each.includes('/p2p-circuit/webrtc/p2p/'))

function reserved(started) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no reservation')), PATIENCE_MS)
    const look = () => {
      const address = direct(started)
      if (!address) return
      clearTimeout(late)
      started.removeEventListener('self:peer:update', look)
      resolve(address)
    }
    started.addEventListener('self:peer:update', look)
    look()
  })
}

/** The id of the peer that was started under this name. */
export const idOf = name => peer(name).peerId.toString()

/** Ends a peer and everything it had open. */
export async function stop(name) {
  await peer(name).stop()
  peers.delete(name)
}

/** The connections a peer has, as plain data. */
export const connections = name =>
  peer(name).getConnections().map(each => ({
    peer: each.remotePeer.toString(),
    address: each.remoteAddr.toString(),
    direction: each.direction,
    direct: each.limits === undefined,
    encryption: each.encryption ?? null,
    muxer: each.multiplexer ?? null,
    streams: each.streams.length,
  }))

/** Dials; answers how many milliseconds it took. */
export async function dial(name, address) {
  const began = performance.now()
  await peer(name).dial(multiaddr(address), { signal: soon() })
  return performance.now() - began
}

/** Closes every connection to a peer, direct or not. */
export const hangUp = (name, id) => peer(name).hangUp(peerIdFromString(id), { signal: soon() })

/** Milliseconds of one round trip. */
export const pinged = (name, address) => peer(name).services.ping.ping(multiaddr(address), { signal: soon() })

/** Opens a stream on the direct connection to an address, which is dialled where there is none. */
async function open(name, address, protocol) {
  const connection = await peer(name).dial(multiaddr(address), { signal: soon() })
  if (connection.limits !== undefined) throw new Error('not a direct connection')
  return connection.newStream(protocol, { signal: soon() })
}

/** Has so many bytes sent back; answers how many came and whether they were the same. */
export const echoed = async (name, address, bytes) => echo(await open(name, address, ECHO), bytes, soon())

/** Opens so many streams at once, each for a few bytes, so many times; answers how many did well. */
export async function echoedOften(name, address, times, together) {
  let well = 0
  for (let done = 0; done < times; done += together) {
    const all = Array.from({ length: Math.min(together, times - done) }, () => echoed(name, address, 100))
    well += (await Promise.all(all)).filter(({ same }) => same).length
  }
  return well
}

/** Sends so many bytes one way; how long opening took, and sending until they were confirmed. */
export async function poured(name, address, bytes) {
  const began = performance.now()
  const stream = await open(name, address, SINK)
  const openMs = performance.now() - began
  return { openMs, pourMs: await pour(stream, bytes) }
}

/** The ids that a lookup for `id` finds when it begins with the peer at `address`. */
export async function closest(name, address, id) {
  const { services } = peer(name)
  const asked = await peer(name).dial(multiaddr(address), { signal: soon() })
  // Who was dialled takes part in a lookup only once identify told that it speaks the protocol.
  while (!(await services.kad.routingTable.find(asked.remotePeer))) await new Promise(resolve => setTimeout(resolve, 50))
  const found = { fromAsked: [], all: new Set() }
  const key = peerIdFromString(id).toMultihash().bytes
  for await (const each of services.kad.getClosestPeers(key, { signal: soon() })) {
    if (each.name !== 'PEER_RESPONSE') continue
    const closer = each.closer.map(({ id: near }) => near.toString())
    for (const near of closer) found.all.add(near)
    if (each.from.equals(asked.remotePeer)) found.fromAsked.push(...closer)
  }
  return { fromAsked: found.fromAsked, all: [...found.all] }
}

/** What happens to a stream for `protocol` on a plain circuit: the name of the refusal, or `open`. */
export async function overCircuit(name, address, protocol) {
  const connection = await peer(name).dial(multiaddr(address), { signal: soon(), force: true })
  try {
    const stream = await connection.newStream(protocol, { signal: soon(), runOnLimitedConnection: true })
    stream.abort(new Error('seen enough'))
    return 'open'
  } catch (refusal) {
    return refusal.name
  } finally {
    await connection.close({ signal: soon() })
  }
}
