// What WebRTC a page really has, seen from beneath it: peer connections, data channels, frames.

/** Installed before anything of the page runs. */
function watch() {
  const FLAGS = ['FIN', 'STOP_SENDING', 'RESET', 'FIN_ACK']
  const RECORDS_MAX = 10_000
  const connections = new Set()
  /** Channels that are not closed, and what went over each. */
  const channels = new Map()
  let records = []
  let most = 0
  let mostConnections = 0
  let largest = 0

  const number = (bytes, at) => {
    let value = 0
    for (let place = 0; ; place += 1) {
      const byte = bytes[at + place]
      if (byte === undefined) return undefined
      value += (byte & 127) * 128 ** place
      if (byte < 128) return { value, next: at + place + 1 }
    }
  }

  /** Reads what goes one way over a channel. A frame may come in several messages. */
  class Reader {
    #rest = new Uint8Array()
    #record
    #way

    constructor(record, way) {
      this.#record = record
      this.#way = way
    }

    read(bytes) {
      let all = bytes
      if (this.#rest.length > 0) {
        all = new Uint8Array(this.#rest.length + bytes.length)
        all.set(this.#rest)
        all.set(bytes, this.#rest.length)
      }
      let at = 0
      for (;;) {
        const length = number(all, at)
        if (!length || all.length < length.next + length.value) break
        this.#frame(all.subarray(length.next, length.next + length.value))
        at = length.next + length.value
      }
      this.#rest = all.slice(at)
    }

    #frame(body) {
      for (let at = 0; at < body.length; ) {
        const given = number(body, at + 1)
        if (!given) return
        const isData = body[at] === 18
        if (isData) this.#name(body.subarray(given.next, given.next + given.value))
        else this.#flag(FLAGS[given.value] ?? 'unknown')
        at = isData ? given.next + given.value : given.next
      }
    }

    #flag(name) {
      const counts = this.#record[this.#way]
      counts[name] = (counts[name] ?? 0) + 1
    }

    /** The protocol that multistream-select agreed on is the last one named before the data. */
    #name(data) {
      if (data.length > 200) return
      const named = new TextDecoder().decode(data).match(/\/[\w./-]+(?=\n)/g)?.filter(each => !each.startsWith('/multistream/'))
      if (named?.length > 0) this.#record.protocol = named.at(-1)
    }
  }

  const bytesOf = data => {
    if (data instanceof ArrayBuffer) return new Uint8Array(data)
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return undefined
  }

  function follow(channel, connection) {
    const record = { protocol: '', label: channel.label, sent: {}, received: {} }
    if (records.length < RECORDS_MAX) records.push(record)
    channels.set(channel, { connection, sent: new Reader(record, 'sent') })
    most = Math.max(most, living().length)
    const received = new Reader(record, 'received')
    channel.addEventListener('message', ({ data }) => {
      const bytes = bytesOf(data)
      if (bytes) received.read(bytes)
    })
    channel.addEventListener('close', () => channels.delete(channel))
  }

  const over = connection => connection.connectionState === 'closed'
  const standing = () => {
    for (const each of connections) if (over(each)) connections.delete(each)
    return [...connections]
  }
  const living = () => {
    for (const [channel, { connection }] of channels) if (over(connection)) channels.delete(channel)
    return [...channels.keys()].filter(({ readyState }) => readyState !== 'closed')
  }

  const send = RTCDataChannel.prototype.send
  RTCDataChannel.prototype.send = function (data) {
    const bytes = bytesOf(data)
    largest = Math.max(largest, bytes?.length ?? 0)
    if (bytes) channels.get(this)?.sent.read(bytes)
    return send.call(this, data)
  }

  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given)
      connections.add(this)
      mostConnections = Math.max(mostConnections, standing().length)
      this.servers = (given[0]?.iceServers ?? []).flatMap(({ urls }) => urls)
      this.addEventListener('datachannel', ({ channel }) => follow(channel, this))
    }

    createDataChannel(...given) {
      const channel = super.createDataChannel(...given)
      follow(channel, this)
      return channel
    }
  }

  globalThis.witness = {
    counts() {
      const states = standing().map(({ connectionState }) => connectionState)
      return { connections: states.length, states, mostConnections, channels: living().length, most }
    },
    servers: () => [...connections].flatMap(({ servers }) => servers),
    frames: () => ({ streams: records, largest }),
    forget() {
      records = []
      most = 0
      mostConnections = 0
      largest = 0
    },
  }
}

/** Makes a page, or all pages of a context, tell about its WebRTC from the next load on. */
export const witness = pageOrContext => pageOrContext.addInitScript(watch)

/**
 * `{ connections, states, channels }` that are not closed now, and `{ mostConnections, most }`: the
 * most connections and channels at once since `forget`.
 */
export const counts = page => page.evaluate(() => globalThis.witness.counts())

/**
 * `{ streams: { protocol, label, sent, received }[], largest }`: the streams opened since `forget`,
 * how often each flag went and came on them, and the bytes of the largest message sent.
 */
export const frames = page => page.evaluate(() => globalThis.witness.frames())

/** Begins to note streams anew. */
export const forget = page => page.evaluate(() => globalThis.witness.forget())

/** The ICE servers of the connections that are not closed. */
export const servers = page => page.evaluate(() => globalThis.witness.servers())
