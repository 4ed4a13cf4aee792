// Counts what a page has of WebRTC, from beneath it: peer connections, data channels, and the
// handlers on both. It holds none of them, so that whatever nobody else holds is gone from the count
// once garbage is collected, and whatever stays is a leak.

/** Installed before anything of the page runs. */
function take() {
  const kinds = {
    connections: { type: RTCPeerConnection, all: [], made: 0 },
    channels: { type: RTCDataChannel, all: [], made: 0 },
  }
  // An object's handlers: `on open` and the like set by property, and listeners by their event.
  const handlers = new WeakMap()

  const kindOf = object => Object.values(kinds).find(({ type }) => object instanceof type)

  function meet(object) {
    if (handlers.has(object)) return handlers.get(object)
    const kind = kindOf(object)
    kind.made += 1
    kind.all.push(new WeakRef(object))
    const own = new Map()
    handlers.set(object, own)
    return own
  }

  const memories = []
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const original = WebAssembly[name]
    WebAssembly[name] = async (...given) => {
      const made = await original.apply(WebAssembly, given)
      const { memory } = (made.instance ?? made).exports
      if (memory) memories.push(new WeakRef(memory))
      return made
    }
  }

  for (const { type } of Object.values(kinds)) {
    for (const [name, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(type.prototype))) {
      if (!name.startsWith('on') || !set) continue
      Object.defineProperty(type.prototype, name, {
        get,
        set(handler) {
          set.call(this, handler)
          const own = meet(this)
          if (get.call(this)) own.set(name, 1)
          else own.delete(name)
        },
        configurable: true,
        enumerable: true,
      })
    }
  }

  // Which listener is on which event how: the platform adds the same one once only.
  const numbers = new WeakMap()
  let last = 0
  const numberOf = listener => {
    if (!numbers.has(listener)) numbers.set(listener, (last += 1))
    return numbers.get(listener)
  }
  const word = (event, listener, options) => {
    const capture = typeof options === 'object' ? options?.capture : options
    return `${event} ${numberOf(listener)} ${Boolean(capture)}`
  }
  const { addEventListener, removeEventListener } = EventTarget.prototype
  EventTarget.prototype.addEventListener = function (event, listener, options) {
    addEventListener.call(this, event, listener, options)
    if (!listener || !kindOf(this)) return
    const own = meet(this)
    const key = word(event, listener, options)
    own.set(key, 1)
    if (options?.once) addEventListener.call(this, event, () => own.delete(key), { once: true })
    options?.signal?.addEventListener('abort', () => own.delete(key), { once: true })
  }
  EventTarget.prototype.removeEventListener = function (event, listener, options) {
    removeEventListener.call(this, event, listener, options)
    if (listener) handlers.get(this)?.delete(word(event, listener, options))
  }

  const Connection = RTCPeerConnection
  globalThis.RTCPeerConnection = class RTCPeerConnection extends Connection {
    constructor(...given) {
      super(...given)
      meet(this)
      // Ours, and not counted: it holds nothing, and goes with the connection.
      addEventListener.call(this, 'datachannel', ({ channel }) => meet(channel))
    }

    createDataChannel(...given) {
      const channel = super.createDataChannel(...given)
      meet(channel)
      return channel
    }
  }

  function count({ all }, isOver) {
    const there = all.map(each => each.deref()).filter(Boolean)
    all.splice(0, all.length, ...there.map(each => new WeakRef(each)))
    const over = there.filter(isOver)
    const on = objects => objects.reduce((sum, each) => sum + handlers.get(each).size, 0)
    return { kept: there.length, living: there.length - over.length, handlers: on(there), handlersOnClosed: on(over) }
  }

  globalThis.census = () => ({
    connections: { made: kinds.connections.made, ...count(kinds.connections, each => each.signalingState === 'closed') },
    channels: { made: kinds.channels.made, ...count(kinds.channels, each => each.readyState === 'closed') },
    wasmBytes: memories.reduce((sum, each) => sum + (each.deref()?.buffer.byteLength ?? 0), 0),
  })
}

/** Has a page, or all pages of a context, count from their next load on. */
export const census = pageOrContext => pageOrContext.addInitScript(take)

/**
 * `{ connections, channels, wasmBytes }`. Of each kind: how many were `made` since the page was loaded,
 * how many are `living` (not closed) and `kept` (somebody can still reach them), and the `handlers` on
 * all of those and `handlersOnClosed`.
 */
export const counts = page => page.evaluate(() => globalThis.census())
