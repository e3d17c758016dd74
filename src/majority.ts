// How many of them are a majority: ZooKeeper's quorum, and what a budget, a gate and a check count by.

/** Of `voters` members that vote. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}

/**
 * Whether `serving` voters are a quorum. `listed`: how many the list of the member that leads names,
 * where it is known: after a scale that was cut off the members have lists of their own, and
 * whoever leads does so by its own (QuorumMaj.containsQuorum).
 */
export function isQuorum(serving: number, voters: number, listed: number | undefined): boolean {
  return serving >= majority(voters) || (listed !== undefined && serving >= majority(listed))
}
