// Many nameless seeds in one browser, that come and go as an integer decides.
import { Profile, profileFolder } from './chromium.mjs'
import { sleep } from './patience.mjs'
import { Tab } from './tab.mjs'

/** How many come or go at the same time: as many as two cores can start. */
const HANDS = 3
const PAUSE_MS = 1_000
/** How many of those who come or go come, as long as not everybody is there: so that in time they
 * are nearly all there at once, and still everybody leaves again and again. */
const COMES = 3 / 4

/** Random numbers below 1 that an integer decides (mulberry32). */
export function dice(integer) {
  let state = integer >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seeds: each has storage of its own and comes back to it. */
export class Crowd {
  #seats = []
  #profile
  #dice
  #stage
  #pod

  /** How often each way of coming and going was taken. */
  figures = { joined: 0, left_in_order: 0, closed: 0, navigated_away: 0, most_present: 0, join_ms: [] }
  /** What went wrong in any of them. */
  faults = []

  /** `stage` is what every tab is opened with. */
  static async gather(count, { integer, pod, stage }) {
    const crowd = new Crowd()
    crowd.#dice = dice(integer)
    crowd.#stage = stage
    crowd.#pod = pod
    crowd.#profile = await Profile.open(profileFolder('crowd'))
    for (let each = 0; each < count; each += 1) {
      crowd.#seats.push({ context: await crowd.#profile.browser.newContext(), busy: false })
    }
    return crowd
  }

  get present() {
    return this.#seats.filter(({ there }) => there).length
  }

  /** Lets them come and go for so many milliseconds. */
  async stir(lasts_ms) {
    const end = Date.now() + lasts_ms
    const hand = async () => {
      while (Date.now() < end) {
        await this.#turn()
        await sleep(this.#dice() * PAUSE_MS)
      }
    }
    await Promise.all(Array.from({ length: HANDS }, hand))
  }

  /** Everybody goes, in good order: who goes without a word is missed only half a minute later. */
  async scatter() {
    const hand = async () => {
      for (;;) {
        const seat = this.#seats.find(each => each.tab && !each.busy)
        if (!seat) return
        await this.#use(seat, () => this.#leave(seat, 0))
      }
    }
    await Promise.all(Array.from({ length: HANDS }, hand))
  }

  end() {
    return this.#profile.kill()
  }

  async #use(seat, what) {
    seat.busy = true
    try {
      await what()
    } finally {
      seat.busy = false
    }
  }

  async #turn() {
    const comes = this.#dice() < COMES
    const free = this.#seats.filter(({ busy }) => !busy)
    const wanted = free.filter(({ tab }) => comes === !tab)
    const among = wanted.length > 0 ? wanted : free
    const seat = among[Math.floor(this.#dice() * among.length)]
    await this.#use(seat, () => (seat.tab ? this.#leave(seat) : this.#join(seat)))
    this.figures.most_present = Math.max(this.figures.most_present, this.present)
  }

  async #join(seat) {
    const since = Date.now()
    const open = () => seat.tab.open({ pod: this.#pod.url, nameless: true })
    if (seat.away) {
      seat.tab = seat.away
      seat.away = undefined
      await seat.tab.load()
    } else {
      seat.tab = await Tab.open(seat.context, { ...this.#stage, name: 'a seed' })
    }
    await open()
    seat.there = true
    this.figures.joined += 1
    this.figures.join_ms.push(Date.now() - since)
  }

  async #leave(seat, chance = this.#dice()) {
    const { tab } = seat
    seat.there = false
    if (chance < 1 / 3) {
      await tab.call('close')
      await tab.page.close()
      this.figures.left_in_order += 1
    } else if (chance < 2 / 3) {
      await tab.page.close()
      this.figures.closed += 1
    } else {
      await tab.page.goto('about:blank')
      seat.away = tab
      this.figures.navigated_away += 1
    }
    this.faults.push(...tab.faults.splice(0))
    seat.tab = undefined
  }
}
