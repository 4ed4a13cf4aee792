// A stock js-libp2p Kademlia peer that knows nothing of Muttr but the protocol's name.
//
// `node kad.mjs MULTIADDR KEY`: listens on a loopback WebSocket, asks the one peer at MULTIADDR for
// the peers closest to the peer id KEY, prints `listening ID`, `closest ID` for each, `done`, and
// stays until its input is closed. The Rust one beside it does the same.
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
const { peerIdFromString } = await import('@libp2p/peer-id')

const ASKS_MS = 30_000
const [address, key] = process.argv.slice(2)

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
console.log(`listening ${peer.peerId}`)

await peer.dial(multiaddr(address), { signal: AbortSignal.timeout(ASKS_MS) })
// Who was dialled takes part in a lookup only once identify told that it speaks the protocol.
while (peer.services.kad.routingTable.size === 0) await new Promise(resolve => setTimeout(resolve, 50))
const found = new Set()
const wanted = peerIdFromString(key)
for await (const each of peer.services.kad.getClosestPeers(wanted.toMultihash().bytes, { signal: AbortSignal.timeout(ASKS_MS) })) {
  if (each.name === 'PEER_RESPONSE') for (const { id } of each.closer) found.add(id.toString())
  if (each.name === 'FINAL_PEER') found.add(each.peer.id.toString())
}
for (const id of found) console.log(`closest ${id}`)
console.log('done')

process.stdin.on('close', () => process.exit(0)).resume()
