// How many of them are a majority: ZooKeeper's quorum, and what a budget, a gate and a check count by.

/** Of `voters` members that vote. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1
}
