// A stock js-libp2p Kademlia peer that knows nothing of Muttr but the protocol's name.
//
// `node kad.mjs MULTIADDR KEY`: listens on a loopback WebSocket, asks the one peer at MULTIADDR for
// the peers closest to the peer id KEY, prints `listening ID`, `closest ID` for each, `done`, and
// stays until its input is closed. The Rust one beside it does the same.
import { ASKS_MS, joined, stay } from './peer.mjs'

const { peerIdFromString } = await import('@libp2p/peer-id')

const [address, key] = process.argv.slice(2)
const peer = await joined(address)
const found = new Set()
const wanted = peerIdFromString(key)
for await (const each of peer.services.kad.getClosestPeers(wanted.toMultihash().bytes, { signal: AbortSignal.timeout(ASKS_MS) })) {
  if (each.name === 'PEER_RESPONSE') for (const { id } of each.closer) found.add(id.toString())
  if (each.name === 'FINAL_PEER') found.add(each.peer.id.toString())
}
for (const id of found) console.log(`closest ${id}`)
console.log('done')
stay()
