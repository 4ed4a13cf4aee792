// What a page weighs once its garbage is collected.
import { readFileSync } from 'node:fs'
import { counts } from './census.mjs'

const KIB = 1024

/** Bytes that only this process has, where the system tells. */
function own(pid) {
  const told = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const parts = [...told.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)]
  return parts.reduce((sum, [, kib]) => sum + Number(kib) * KIB, 0)
}

/**
 * `{ js_heap_bytes, wasm_bytes, renderer_bytes, listeners, peer_connections }` of a page that is alone
 * in its browser. The last two are the engine's own counts, of everything in the page.
 */
export async function weigh(page) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Performance.enable')
  // Again and again: what a finaliser lets go of is garbage only in the next round.
  for (let round = 0; round < 3; round += 1) await devtools.send('HeapProfiler.collectGarbage')
  const { metrics } = await devtools.send('Performance.getMetrics')
  await devtools.detach()
  const metric = name => metrics.find(each => each.name === name)?.value
  const whole = await page.context().browser().newBrowserCDPSession()
  const { processInfo } = await whole.send('SystemInfo.getProcessInfo')
  await whole.detach()
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  return {
    js_heap_bytes: metric('JSHeapUsedSize'),
    wasm_bytes: (await counts(page)).wasmBytes,
    renderer_bytes: renderers.reduce((sum, { id }) => sum + own(id), 0),
    listeners: metric('JSEventListeners'),
    peer_connections: metric('RTCPeerConnections'),
  }
}
