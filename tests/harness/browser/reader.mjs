// A person at the page: they find things by what they are called, never by how they are made.

const ARRIVES_MS = 30_000

/** One tab showing the page that a pod serves. */
export class Reader {
  #page

  /** Opens the page; `as` picks one of the separate seeds of this profile. */
  static async open(context, { url, as, rumours, name = as ?? 'reader' }) {
    const reader = new Reader()
    const page = await context.newPage()
    reader.#page = page
    reader.faults = []
    page.setDefaultTimeout(ARRIVES_MS)
    page.on('console', line => rumours?.hear(`${name}'s console`, line.text()))
    page.on('pageerror', failure => reader.faults.push(`uncaught: ${failure}`))
    page.on('crash', () => reader.faults.push('the page crashed'))
    await page.goto(as === undefined ? `${url}/` : `${url}/#as=${as}`)
    return reader
  }

  get page() {
    return this.#page
  }

  button(name) {
    return this.#page.getByRole('button', { name, exact: true })
  }

  field(name) {
    return this.#page.getByLabel(name, { exact: true })
  }

  /** Answers the one question of the first minute. */
  async answer(name = 'Yes, join') {
    await this.button(name).click()
  }

  /** Takes an alias in the first minute. */
  async takeAlias(label) {
    await this.field('Alias').fill(label)
    await this.#page.locator('[data-finding="free"]').waitFor()
    await this.button('Take this alias').click()
    await this.room('Conversations')
  }

  /** From a new page to the rooms, under this alias. */
  async settle(label) {
    await this.answer()
    await this.takeAlias(label)
    await this.online()
  }

  async online() {
    await this.link('online')
  }

  /** Hides from other seeds in the room Network, or shows up again, and waits until that is so. */
  async hide(on) {
    await this.#page.getByRole('switch', { name: 'Hide my address from other seeds (pods only)' }).setChecked(on)
    const keeping = this.#page.getByRole('switch', { name: 'Keep sealed messages for others' })
    await keeping.and(this.#page.locator(on ? ':disabled' : ':enabled')).waitFor()
    if (on) await this.#page.locator('[data-figure="links"][data-value="0"]').waitFor()
    await this.online()
  }

  /** Waits until the page says that its link to the pod is so. */
  async link(state) {
    await this.#page.locator(`header [data-link="${state}"]`).waitFor()
  }

  /** Goes to a room. */
  async room(name) {
    const rooms = this.#page.getByRole('navigation', { name: 'Rooms' })
    await rooms.getByRole('link', { name }).click()
    await this.#page.getByRole('heading', { level: 1, name }).waitFor({ state: 'attached' })
  }

  /** Begins a message to an address there is no conversation with yet. */
  async address(address) {
    await this.room('Conversations')
    await this.#page.getByRole('link', { name: 'New message' }).click()
    await this.field('Address').fill(address)
  }

  /** Writes the first message to somebody. */
  async writeFirst(address, text) {
    await this.address(address)
    await this.#page.locator('[data-finding="found"]').waitFor()
    await this.write(text)
    await this.#page.locator(`[data-with="${address}"]`).waitFor()
  }

  /** Writes into the box that is open and sends. */
  async write(text) {
    await this.field('Message').fill(text)
    await this.button('Send').click()
  }

  /** Opens a conversation from the list. */
  async open(address) {
    await this.room('Conversations')
    await this.#page.locator(`a[data-address="${address}"]`).first().click()
    await this.#page.locator(`[data-with="${address}"]`).waitFor()
  }

  /** Opens a stranger's first messages and takes them in. */
  async accept(address) {
    await this.#page.getByRole('list', { name: 'Requests' }).locator(`a[data-address="${address}"]`).click()
    await this.button('Accept').click()
    await this.field('Message').waitFor()
  }

  /** The messages shown in the open conversation that say this. */
  messages(text) {
    return this.#page.locator('article[data-message-id]').filter({ hasText: text })
  }

  /** Waits until the open conversation shows this once, and answers the message. */
  async reads(text) {
    const found = this.messages(text)
    await found.first().waitFor()
    return found
  }

  /** Waits until one's own message has come this far, or further. */
  async status(text, statuses) {
    const any = statuses.map(status => `[data-status="${status}"]`).join(',')
    await this.messages(text).and(this.#page.locator(any)).waitFor()
  }

  /** The code behind the sentence about what went wrong. */
  async failure() {
    return this.#page.locator('[data-code]:not([data-link])').first().getAttribute('data-code')
  }
}
