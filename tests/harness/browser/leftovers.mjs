// What has to be gone when a test process ends, however it ends.
const leftovers = new Set()

process.on('exit', () => {
  for (const end of [...leftovers].reverse()) end()
})

/** Runs `end` when the process ends, at the latest: what it returns does so now. */
export function leftover(end) {
  leftovers.add(end)
  return () => {
    leftovers.delete(end)
    end()
  }
}
