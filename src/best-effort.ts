// What is tried for the sake of what comes after, and ends nothing when it fails: the debug log
// says that it did, and why.

/** Undefined where it failed; `without`: what the run continues without, for the log. */
export async function bestEffort<T>(
  journal: { debug(line: string): void },
  without: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    journal.debug(`${without}: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}
