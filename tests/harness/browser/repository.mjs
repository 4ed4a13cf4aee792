// Where things are in the repository.
import { fileURLToPath } from 'node:url'

/** The top of the repository, without a slash at the end. */
export const repository = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
