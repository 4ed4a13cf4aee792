// Two ends of a bare RTCPeerConnection in one page, with nothing of libp2p on them: what is possible.
const MESSAGE_BYTES = 16 * 1024
const BUFFERED_BYTES_MAX = 2 * 1024 * 1024

let pair

/** Connects two ends; answers the milliseconds until a channel was open. */
export async function bareDial() {
  const began = performance.now()
  const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()]
  near.onicecandidate = ({ candidate }) => candidate && far.addIceCandidate(candidate)
  far.onicecandidate = ({ candidate }) => candidate && near.addIceCandidate(candidate)
  far.ondatachannel = ({ channel }) => counting(channel)
  pair = { near, far }
  const first = opened(near)
  await near.setLocalDescription()
  await far.setRemoteDescription(near.localDescription)
  await far.setLocalDescription()
  await near.setRemoteDescription(far.localDescription)
  const channel = await first
  const ms = performance.now() - began
  channel.close()
  return ms
}

const opened = connection =>
  new Promise(resolve => {
    const channel = connection.createDataChannel('')
    channel.binaryType = 'arraybuffer'
    channel.onopen = () => resolve(channel)
  })

/** Counts what comes; a text ends it, and the count is the answer. */
function counting(channel) {
  let count = 0
  channel.binaryType = 'arraybuffer'
  channel.onmessage = ({ data }) => {
    if (typeof data === 'string') channel.send(String(count))
    else count += data.byteLength
  }
}

/** Sends so many bytes one way; answers the milliseconds until they were confirmed. */
export async function barePour(bytes) {
  const channel = await opened(pair.near)
  const began = performance.now()
  const confirmed = new Promise(resolve => (channel.onmessage = ({ data }) => resolve(Number(data))))
  channel.bufferedAmountLowThreshold = BUFFERED_BYTES_MAX / 2
  const zeros = new Uint8Array(MESSAGE_BYTES)
  for (let sent = 0; sent < bytes; sent += MESSAGE_BYTES) {
    if (channel.bufferedAmount > BUFFERED_BYTES_MAX) await new Promise(resolve => (channel.onbufferedamountlow = resolve))
    channel.send(zeros)
  }
  channel.send('end')
  const count = await confirmed
  channel.close()
  if (count !== bytes) throw new Error(`${count} of ${bytes} bytes arrived`)
  return performance.now() - began
}

/** Ends both. */
export function bareHangUp() {
  pair?.near.close()
  pair?.far.close()
}
