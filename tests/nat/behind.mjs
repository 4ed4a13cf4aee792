// A person behind a NAT: the bare page in a Chromium that sees only its own small network.
import { origin } from '../harness/browser/origin.mjs'
import { Profile, profileFolder } from '../harness/browser/chromium.mjs'
import { Rumours } from '../harness/browser/rumours.mjs'
import { Tab } from '../harness/browser/tab.mjs'
import { control, paths, watch } from './peers.mjs'

let profile
let tab

/** Opens the bare page of the test build from this place's own loopback, a secure context. */
export async function open({ hear }, { name, pin }) {
  const flags = [`--ignore-certificate-errors-spki-list=${pin}`]
  profile = await Profile.open(profileFolder(name), { flags })
  await profile.context.addInitScript(watch)
  const served = await origin({ '/muttr/': 'target/test-build/' })
  const rumours = new Rumours()
  rumours.hear = hear
  tab = await Tab.open(profile.context, { origin: served, name, rumours })
}

/** Opens the seed, and waits until it is online. */
export function join(_, options) {
  return tab.open(options)
}

/** Calls into the bare page. */
export function call(_, name, ...given) {
  return tab.call(name, ...given)
}

/** How the page's peer connections stand, and over which candidates. */
export function connections() {
  return tab.page.evaluate(paths)
}

/** One step of the bare data channel; see `peers.mjs`. */
export function bare(_, step, ...given) {
  return tab.page.evaluate(control, [step, ...given])
}

/** What the tab did that no tab may do. */
export function faults() {
  return tab.faults
}

/** Ends the browser. */
export function close() {
  return profile.kill()
}
