// Somebody without an identity who has only sockets: what they send must change nothing.

const PATIENCE_MS = 1_500

/** Runs inside a page: opens a WebSocket, sends these frames, and waits for the other side's no. */
async function say([url, frames, patience]) {
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const ended = new Promise(resolve => socket.addEventListener('close', resolve))
  await new Promise(resolve => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', resolve)
  })
  for (const frame of frames) {
    if (socket.readyState !== WebSocket.OPEN) break
    socket.send(Uint8Array.from(atob(frame), letter => letter.charCodeAt(0)))
  }
  await Promise.race([ended, new Promise(resolve => setTimeout(resolve, patience))])
  socket.close()
}

const bytes = (length, step) => Buffer.from(Array.from({ length }, (_, at) => (at * step + 7) % 256)).toString('base64')

/** Truncated and senseless bytes on every door of the pod. */
export async function garbage(page, pod) {
  const said = [[''], [bytes(1, 3)], [bytes(31, 5)], [bytes(32, 11), bytes(600, 13)], [bytes(70_000, 17)]]
  for (const path of ['/channel', '/']) {
    for (const frames of said) {
      await page.evaluate(say, [`ws://${pod.host}${path}`, frames, PATIENCE_MS])
    }
  }
  for (const path of ['/channel', '/.well-known/muttr', '/api/v1/aliases/%00', '/%2e%2e/%2e%2e/etc/passwd']) {
    for (const method of ['GET', 'POST', 'PUT']) {
      const body = method === 'GET' ? undefined : Buffer.from(bytes(4_000, 19), 'base64')
      const answer = await fetch(pod.url.replace('localhost', '127.0.0.1') + path, { method, body }).catch(() => undefined)
      await answer?.arrayBuffer()
    }
  }
}

/** Plays what somebody said on their channel into a channel of one's own. */
export async function repeat(page, pod, frames) {
  if (frames.length === 0) throw new Error('nothing was overheard')
  await page.evaluate(say, [`ws://${pod.host}/channel`, frames, PATIENCE_MS])
}
