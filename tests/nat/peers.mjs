// What runs inside the page, beside the package: it looks at peer connections, and makes a bare one.

/** Before anything else is loaded: whatever peer connection the page makes is watched. */
export function watch() {
  const Bare = globalThis.RTCPeerConnection
  globalThis.UnwatchedPeerConnection = Bare
  globalThis.watched = []
  globalThis.RTCPeerConnection = class extends Bare {
    constructor(...given) {
      super(...given)
      const seen = { connection: this, own: new Set(), connected: false }
      globalThis.watched.push(seen)
      this.addEventListener('icecandidate', ({ candidate }) => candidate?.type && seen.own.add(candidate.type))
      this.addEventListener('connectionstatechange', () => (seen.connected ||= this.connectionState === 'connected'))
    }
  }
}

/**
 * Each peer connection that the package ever made: whom it may ask for its address, what kinds of
 * candidates it found for itself, whether it was ever connected and still is, and over what pair.
 */
export async function paths() {
  const found = []
  for (const { connection, own, connected } of globalThis.watched) {
    const stats = [...(await connection.getStats()).values()]
    const by = id => stats.find(each => each.id === id)
    const pair = by(stats.find(each => each.type === 'transport')?.selectedCandidatePairId)
    found.push({
      asks: (connection.getConfiguration().iceServers ?? []).flatMap(each => each.urls),
      own: [...own].sort(),
      connected,
      open: connection.connectionState === 'connected',
      pair: pair && [by(pair.localCandidateId).candidateType, by(pair.remoteCandidateId).candidateType],
    })
  }
  return found
}

/**
 * A data channel without the package, a step at a time: `offer STUN`, `answer OFFER STUN`,
 * `accept ANSWER`, and `opens MS`, whether it opened within that time.
 */
export async function control([step, ...given]) {
  const make = stun => {
    const connection = new UnwatchedPeerConnection({ iceServers: [{ urls: [stun] }] })
    globalThis.bare = { connection, opened: new Promise(resolve => (globalThis.bareOpened = resolve)) }
    return connection
  }
  const described = async connection => {
    await connection.setLocalDescription()
    if (connection.iceGatheringState !== 'complete') {
      await new Promise(resolve => {
        connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve()
        setTimeout(resolve, 5_000)
      })
    }
    return connection.localDescription.sdp
  }
  const attend = channel => {
    channel.onopen = () => globalThis.bareOpened(true)
    if (channel.readyState === 'open') globalThis.bareOpened(true)
  }
  const steps = {
    async offer(stun) {
      const connection = make(stun)
      attend(connection.createDataChannel('bare'))
      return described(connection)
    },
    async answer(sdp, stun) {
      const connection = make(stun)
      connection.ondatachannel = ({ channel }) => attend(channel)
      await connection.setRemoteDescription({ type: 'offer', sdp })
      return described(connection)
    },
    accept: sdp => globalThis.bare.connection.setRemoteDescription({ type: 'answer', sdp }),
    async opens(ms) {
      const late = new Promise(resolve => setTimeout(resolve, ms, false))
      const opened = await Promise.race([globalThis.bare.opened, late])
      globalThis.bare.connection.close()
      return opened
    },
  }
  return (await steps[step](...given)) ?? null
}
