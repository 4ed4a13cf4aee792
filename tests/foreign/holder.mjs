// A holder that looks at nothing: whoever asks for the key of one of its records gets the bytes.
//
// `node holder.mjs MULTIADDR FILE`: reads records from FILE, one a line as `KEY BYTES` in
// hexadecimal, joins the network at MULTIADDR, prints `listening ID` and `done`, and a line
// `handed KEY` whenever it handed one over; stays until its input is closed.
import { readFileSync } from 'node:fs'
import { joined, stay } from './peer.mjs'

const STORE = '/muttr/store/1.0.0'
const [address, file] = process.argv.slice(2)
const records = readFileSync(file, 'utf8').trim().split('\n').map(line => line.split(' '))

/** `Record(bytes)` of the store protocol: `{ "record": bytes }` in canonical CBOR (RFC 8949). */
function answer(record) {
  const bytes = Buffer.from(record, 'hex')
  const head = [0xa1, 0x66, ...Buffer.from('record'), 0x59, bytes.length >> 8, bytes.length & 0xff]
  return Buffer.concat([Buffer.from(head), bytes])
}

/** The message behind its length as an unsigned varint, as far as it is there. */
function framed(message) {
  const length = []
  for (let rest = message.length; ; rest >>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest)
    if (rest <= 0x7f) return Buffer.concat([Buffer.from(length), message])
  }
}

/** Answers one question: a `Get` has the key in it, and what has none is not answered. */
async function serve(stream) {
  let asked = Buffer.alloc(0)
  for await (const chunk of stream) {
    asked = Buffer.concat([asked, chunk.subarray()])
    const wanted = records.find(([key]) => asked.includes(Buffer.from(key, 'hex')))
    if (!wanted || !asked.includes('get')) continue
    stream.send(framed(answer(wanted[1])))
    await stream.close()
    console.log(`handed ${wanted[0]}`)
    return
  }
}

await joined(address, peer => peer.handle(STORE, stream => serve(stream).catch(failure => stream.abort(failure))))
console.log('done')
stay()
