// Waiting for what a test claims.
import assert from 'node:assert/strict'

const CLAIM_MS = 60_000
const LOOK_AGAIN_MS = 100

/** Resolves after so many milliseconds. */
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until `look` finds nothing missing; `look` answers what is missing, or nothing. */
export async function until(look, patience = CLAIM_MS) {
  const end = Date.now() + patience
  for (;;) {
    const missing = await look()
    if (!missing) return
    if (Date.now() > end) assert.fail(missing)
    await sleep(LOOK_AGAIN_MS)
  }
}
