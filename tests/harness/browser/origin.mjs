// A web origin of its own, as any site that embeds the npm package would be: it serves the bare
// page of `stage/` and the package as built, and knows nothing of pods.
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize } from 'node:path'
import { repository } from './repository.mjs'

const PACKAGE = 'muttr-wasm/dist/'
const STAGE = 'tests/harness/browser/stage/'
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
}

async function answer(path, roots) {
  const [prefix, root] = Object.entries(roots).find(([each]) => path.startsWith(each))
  const inside = normalize(`/${path.slice(prefix.length)}`)
  return { body: await readFile(join(repository, root, inside)), type: TYPES[extname(inside)] }
}

/** Serves until the process ends. `roots` maps further paths to folders of the repository. */
export async function origin(roots = {}) {
  const all = { '/muttr/': PACKAGE, ...roots, '/': STAGE }
  const listener = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    try {
      const { body, type } = await answer(pathname === '/' ? '/stage.html' : pathname, all)
      response.writeHead(200, { 'content-type': type ?? 'application/octet-stream' }).end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve))
  listener.unref()
  return `http://localhost:${listener.address().port}`
}
