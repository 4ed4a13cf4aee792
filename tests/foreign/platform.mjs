// What js-libp2p expects of its platform and Node 20 does not have yet.
import { WebSocket } from 'ws'

globalThis.WebSocket ??= WebSocket
Promise.withResolvers ??= function withResolvers() {
  let resolve
  let reject
  const promise = new this((well, badly) => {
    resolve = well
    reject = badly
  })
  return { promise, resolve, reject }
}
