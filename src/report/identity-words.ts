// Who a member says it is, in words: for its line of the log and its row of the summary.

import { plainLine } from './escape.ts'
import type { MemberRow } from './run-report.ts'

export const NOT_LOOKED_AT = 'not looked at'

/** `1000`, `0 (root)`, `1000 by the pod’s spec`. */
export function userOf(user: NonNullable<MemberRow['identity']>['user']): string {
  if (user === undefined) return NOT_LOOKED_AT
  const who = user.uid === 0 ? '0 (root)' : String(user.uid)
  return user.from === 'spec' ? `${who} by the pod’s spec` : who
}

/**
 * `zk-0: id 1, name zk-0.zk-hs.shop.svc.cluster.local, listed as server.1=zk-0.zk-hs:2888:3888;
 * runs as user 1000, data drwxr-sr-x 1000:1000`, for each that was asked.
 */
export function identityLines({
  members,
}: {
  readonly members: readonly Pick<MemberRow, 'pod' | 'id' | 'identity'>[]
}): readonly string[] {
  return members.flatMap(({ pod, id, identity }) => {
    if (identity === undefined) return []
    const { name, listed, user, data } = identity
    const who = `id ${id ?? NOT_LOOKED_AT}, name ${name ?? NOT_LOOKED_AT}, listed as ${listed ?? NOT_LOOKED_AT}`
    return [
      plainLine(`${pod}: ${who}; runs as user ${userOf(user)}, data ${data ?? NOT_LOOKED_AT}`),
    ]
  })
}
