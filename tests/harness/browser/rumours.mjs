// What pods and tabs print, and what must never be in it: no secret, no message, no person.

/** Everything that was printed, and everything that is to stay private. */
export class Rumours {
  #lines = []
  #private = new Map()

  /** A line that `who` printed. */
  hear(who, line) {
    this.#lines.push({ who, line })
  }

  /** From now on, and before, `text` must not have been printed by anyone. */
  keepPrivate(kind, text) {
    if (text.length >= 4) this.#private.set(text.toLowerCase(), kind)
  }

  /** Each line that tells something private, by kind; the private text itself is left out. */
  leaks() {
    const found = []
    for (const { who, line } of this.#lines) {
      const low = line.toLowerCase()
      for (const [text, kind] of this.#private) {
        if (low.includes(text)) found.push(`${who} printed ${kind}: ${line.slice(0, 200)}`)
      }
    }
    return found
  }

  /** The last lines, for a test that failed. */
  last(count) {
    return this.#lines.slice(-count).map(({ who, line }) => `${who}: ${line}`)
  }
}
