// What a page's renderer takes of the machine's memory.
import { readFileSync } from 'node:fs'
import { sleep } from './patience.mjs'

const SETTLES_MS = 3_000
const KIB = 1024

/** Bytes that only this process has. */
function own(pid) {
  const told = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const sums = [...told.matchAll(/^Private_(?:Clean|Dirty|Hugetlb):\s+(\d+) kB$/gm)]
  return sums.reduce((sum, [, kib]) => sum + Number(kib) * KIB, 0)
}

/** Bytes of all renderers of the browser that shows this page, once its garbage is collected. */
export async function rendererBytes(page) {
  await sleep(SETTLES_MS)
  const devtools = await page.context().newCDPSession(page)
  // Twice: what was waiting to be finalised is garbage only then.
  for (let time = 0; time < 2; time += 1) await devtools.send('HeapProfiler.collectGarbage')
  await devtools.detach()
  const whole = await page.context().browser().newBrowserCDPSession()
  const { processInfo } = await whole.send('SystemInfo.getProcessInfo')
  await whole.detach()
  return processInfo.filter(({ type }) => type === 'renderer').reduce((sum, { id }) => sum + own(id), 0)
}
