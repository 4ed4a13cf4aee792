// What is said on a stream in the tests. Echo: whatever comes is sent back until the far end closes.
// Sink: what comes is counted, and the count is the answer: eight bytes, the biggest first.
export const ECHO = '/muttr-test/echo/1.0.0'
export const SINK = '/muttr-test/sink/1.0.0'

const CHUNK_BYTES = 64 * 1024
const COUNT_BYTES = 8

async function write(stream, chunk) {
  if (!stream.send(chunk)) await stream.onDrain()
}

/** Sends back what comes. */
export async function answerEcho(stream) {
  for await (const chunk of stream) await write(stream, chunk)
  await stream.close()
}

/** Counts what comes. */
export async function answerSink(stream) {
  let count = 0n
  for await (const chunk of stream) count += BigInt(chunk.byteLength)
  const answer = new Uint8Array(COUNT_BYTES)
  new DataView(answer.buffer).setBigUint64(0, count)
  stream.send(answer)
  await stream.close()
}

/** The byte at this place of what is echoed: no two neighbouring 64 KiB are the same. */
const at = place => (place ^ (place >> 8) ^ (place >> 16)) & 0xff

/** Writes so many bytes, closes this side and reads to the end; at most 1 MiB is under way. */
export async function echo(stream, bytes, signal) {
  let came = 0
  let same = true
  const reading = (async () => {
    for await (const chunk of stream) {
      for (const byte of chunk.subarray()) same &&= byte === at(came++)
    }
  })()
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
    const chunk = Uint8Array.from({ length: Math.min(CHUNK_BYTES, bytes - sent) }, (_, place) => at(sent + place))
    await write(stream, chunk)
  }
  await stream.close({ signal })
  await reading
  return { came, same: same && came === bytes }
}

/** Writes so many zeros and waits for the count; answers the milliseconds. */
export async function pour(stream, bytes) {
  const began = performance.now()
  const confirmed = (async () => {
    const parts = []
    for await (const chunk of stream) parts.push(...chunk.subarray())
    return Number(new DataView(Uint8Array.from(parts).buffer).getBigUint64(0))
  })()
  const zeros = new Uint8Array(CHUNK_BYTES)
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
    await write(stream, bytes - sent < CHUNK_BYTES ? zeros.subarray(0, bytes - sent) : zeros)
  }
  await stream.close()
  const count = await confirmed
  if (count !== bytes) throw new Error(`${count} of ${bytes} bytes arrived`)
  return performance.now() - began
}
