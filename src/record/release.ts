// How long giving back may take.

/**
 * Giving the lock back, and taking away what the checks wrote, must not wait for a cluster that
 * doesn't answer: a lock expires, and leftovers are swept by a later run; milliseconds.
 */
export const RELEASE_MS = 3_000
