// How long nodetool is waited for.

/** It starts a JVM in a pod that may have half a core; milliseconds. */
export const NODETOOL_MS = 60_000
