// Runs in a network namespace: calls the functions of one module as it is asked to, and ends, with
// everything it started, when whoever asks is gone.
//
//   node inside.mjs behind.mjs
import { Refusal } from '../harness/browser/tab.mjs'

const module = await import(new URL(process.argv[2], import.meta.url))

/** Tells whoever asks what `who` printed. */
const hear = (who, text) => process.connected && process.send({ line: { who, text } })

process.once('disconnect', () => process.exit())
process.on('message', async ({ number, name, given }) => {
  try {
    answer({ number, value: await module[name]({ hear }, ...given) })
  } catch (failure) {
    const code = failure instanceof Refusal ? failure.code : undefined
    answer({ number, failure: { code, message: failure.message } })
  }
})

function answer(said) {
  if (process.connected) process.send(said)
}
