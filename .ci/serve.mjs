// Starts a pod and prints two links that open two seeds side by side. Ctrl+C or SIGTERM stops it.
//
//   MUTTR_LISTEN     address and port to listen on; port 0 takes a free one (127.0.0.1:8080)
//   MUTTR_STUN       where it answers STUN, or off (3478 at the same address)
//   MUTTR_DATA_DIR   where the pod keeps what it is trusted with (target/run)
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'

const listen = process.env.MUTTR_LISTEN || '127.0.0.1:8080'
const dataDir = process.env.MUTTR_DATA_DIR || 'target/run'
mkdirSync(dataDir, { recursive: true })

const pod = spawn('target/debug/muttr-pod', ['serve', '--listen', listen, '--data-dir', dataDir], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
pod.on('error', failure => {
  console.error(`The pod could not be started: ${failure.message}`)
  process.exit(1)
})
pod.on('close', (code, signal) => process.exit(signal ? 1 : code))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => pod.kill('SIGTERM'))

let first = true
createInterface({ input: pod.stdout }).on('line', line => {
  console.log(line)
  const port = first && /^listening on http:\/\/.*:(\d+)\/?$/.exec(line)?.[1]
  first = false
  if (!port) return
  // By this name, because a browser keeps its keys and its storage only for secure origins.
  for (const person of ['alice', 'bob']) console.log(`  http://localhost:${port}/#as=${person}`)
})
