// A page of stock js-libp2p, bundled as any site would bundle it, and what it can be asked to do.
import { join } from 'node:path'
import { repository } from './repository.mjs'
import { Refusal } from './tab.mjs'

const BUILT = 'target/foreign/'

/** Bundles the page with Vite; answers the path to serve it under, for `origin`. */
export async function bundled() {
  const { build } = await import('vite')
  await build({
    root: join(repository, 'tests/foreign/page'),
    configFile: false,
    logLevel: 'error',
    build: {
      target: 'es2022',
      outDir: join(repository, BUILT),
      emptyOutDir: true,
      chunkSizeWarningLimit: 2_000,
      rollupOptions: { input: 'page.js', output: { entryFileNames: 'page.js' } },
    },
  })
  return { '/foreign/': BUILT }
}

/** One page in which js-libp2p peers live. */
export class Foreign {
  /** Opens the page in a browser context. */
  static async open(context, origin) {
    const foreign = new Foreign()
    foreign.page = await context.newPage()
    foreign.faults = []
    foreign.page.on('pageerror', failure => foreign.faults.push(`uncaught: ${failure.stack ?? failure}`))
    foreign.page.on('crash', () => foreign.faults.push('the page crashed'))
    await foreign.page.goto(`${origin}/foreign.html`)
    await foreign.page.waitForFunction(() => globalThis.foreign !== undefined)
    return foreign
  }

  /** Calls into the page; throws a `Refusal` where it rejects. */
  async call(name, ...given) {
    const answer = await this.page.evaluate(([call, rest]) => globalThis.foreign(call, ...rest), [name, given])
    if (answer.code) throw new Refusal(name, answer)
    return answer.value
  }

  /** Waits until a peer of this page is reserved at the pod; answers `{ id, address }`. */
  start(name, options) {
    return this.call('start', name, options)
  }
}
