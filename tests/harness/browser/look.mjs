// How a page looks and whether everybody can use it: pictures and axe's findings.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { repository } from './repository.mjs'

const SCREENS = join(repository, 'target/report/screens')
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** A phone and a desk. */
export const SIZES = [
  { name: '390x844', width: 390, height: 844 },
  { name: '1280x800', width: 1280, height: 800 },
]

/** Light and dark. */
export const SCHEMES = ['light', 'dark']

/** What axe calls serious or critical, one line each; empty is as it should be. */
export async function hurdles(page) {
  await page.evaluate(AXE)
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(node => node.target.join(' ')).join(', ')}`)
}

/** Wider than the window: something is cut off or the page scrolls sideways. */
async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

/** Takes a picture of what is shown in every size and scheme, and tells what is wrong with it. */
export async function look(page, name) {
  mkdirSync(SCREENS, { recursive: true })
  const wrong = []
  for (const { name: size, width, height } of SIZES) {
    await page.setViewportSize({ width, height })
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const said = [...(await hurdles(page))]
      const over = await overflow(page)
      if (over > 0) said.push(`${over} px wider than the window`)
      wrong.push(...said.map(each => `${name}, ${size}, ${colorScheme}: ${each}`))
      await page.screenshot({ path: join(SCREENS, `${name}-${size}-${colorScheme}.png`) })
    }
  }
  return wrong
}
