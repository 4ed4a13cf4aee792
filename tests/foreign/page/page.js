// The page's calls, reduced like those of the bare page to what a test can make: every call answers
// `{ value }` or `{ code, message }`, and only plain data leaves the page.
import * as bare from './bare.js'
import * as mallory from './mallory.js'
import * as peer from './peer.js'

const calls = { ...peer, ...mallory, ...bare }

globalThis.foreign = async (name, ...given) => {
  try {
    return { value: JSON.parse(JSON.stringify((await calls[name](...given)) ?? null)) }
  } catch (failure) {
    return { code: String(failure.code || failure.name), message: String(failure.message ?? failure) }
  }
}
