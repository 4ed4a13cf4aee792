// A js-libp2p peer on a loopback WebSocket that takes part in routing.
import './platform.mjs'

const [{ createLibp2p }, { kadDHT, passthroughMapper }, { webSockets }, { noise }, { yamux }, { identify }, { ping }] =
  await Promise.all([
    import('libp2p'),
    import('@libp2p/kad-dht'),
    import('@libp2p/websockets'),
    import('@libp2p/noise'),
    import('@libp2p/yamux'),
    import('@libp2p/identify'),
    import('@libp2p/ping'),
  ])
const { multiaddr } = await import('@multiformats/multiaddr')

export const ASKS_MS = 30_000

/** A peer that listens, is made ready by `prepare`, and knows the one at `address`. */
export async function joined(address, prepare = async () => {}) {
  const peer = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // Loopback is where this whole network lives.
    connectionGater: { denyDialMultiaddr: () => false },
    services: {
      identify: identify(),
      ping: ping(),
      kad: kadDHT({
        protocol: '/muttr/kad/1.0.0',
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
      }),
    },
  })
  await prepare(peer)
  console.log(`listening ${peer.peerId}`)
  await peer.dial(multiaddr(address), { signal: AbortSignal.timeout(ASKS_MS) })
  // Who was dialled takes part in a lookup only once identify told that it speaks the protocol.
  while (peer.services.kad.routingTable.size === 0) await new Promise(resolve => setTimeout(resolve, 50))
  return peer
}

/** Ends the process when its input is closed. */
export function stay() {
  process.stdin.on('close', () => process.exit(0)).resume()
}
