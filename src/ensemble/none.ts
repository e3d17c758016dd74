// For a StatefulSet of which nothing more can be asked than what Kubernetes knows: pods that are
// Ready count as up.

import { byPod } from './by-pod.ts'
import type { Profile } from './profile.ts'

export function noProfile(): Profile {
  const states: Profile['look'] = (members) => Promise.resolve(members.map(byPod))
  return {
    name: 'none',
    onlyReady: true,
    look: states,
    verify: async (members, _level, context) => ({
      members: await states(members, context),
      checks: [
        {
          name: 'data',
          outcome: 'skipped',
          detail: 'nothing was checked beyond the pods: profile none',
          findings: [],
          ms: 0,
        },
      ],
      matrix: undefined,
      pairs: undefined,
      findings: [],
    }),
  }
}
