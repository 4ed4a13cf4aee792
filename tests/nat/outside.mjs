// The pod on the internet, as an operator would have it: on its own machine's loopback, behind a
// proxy that speaks TLS, with STUN on the public address.
import { execFileSync } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { connect } from 'node:net'
import { createServer } from 'node:tls'
import { Pod } from '../harness/browser/pod.mjs'
import { INET } from './topology.mjs'

const STUN = 3478
let pod
let proxy

/** A key and a certificate for this one run. */
function throwaway() {
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  const named = ['-subj', `/CN=${INET}`, '-addext', `subjectAltName=IP:${INET}`, '-keyout', '-', '-out', '-']
  const pem = execFileSync('openssl', [...words, ...named], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
  return { pem, pin: createHash('sha256').update(key).digest('base64') }
}

/** Starts the pod on new data; answers where it is, and the hash of the key that its proxy shows. */
export async function start({ hear }) {
  const { pem, pin } = throwaway()
  proxy = createServer({ key: pem, cert: pem }, outer => {
    const inner = connect(pod.port, '127.0.0.1')
    outer.pipe(inner).pipe(outer)
    for (const [one, other] of [[outer, inner], [inner, outer]]) {
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
    }
  })
  await new Promise(resolve => proxy.listen(0, INET, resolve))
  const host = `${INET}:${proxy.address().port}`
  const stun = `${INET}:${STUN}`
  pod = new Pod('oak', { heard: line => hear('pod oak', line), env: { MUTTR_HOST: host }, stun })
  await pod.start()
  return { host, url: `https://${host}`, stun: `stun:${stun}`, pin }
}

/** Stops the pod in good order; answers its exit code. */
export function stop() {
  return pod.stop()
}
