// The last log lines of members, also of those that are well: what a person would read with
// `kubectl logs --tail` after the checks.

import { hasRun } from '../../decide/diagnosis/proof.ts'
import type { Kube } from '../../kube/kube.ts'
import { withoutNoise } from '../../report/evidence.ts'
import { withoutSecretValues } from '../../report/hidden-values.ts'
import type { MemberLog } from '../../report/run-report.ts'
import type { PodView } from '../../view/workload.ts'
import { readLog } from './evidence.ts'

/** Probes leave several lines for each that says something; they are read and left out. */
const READ_FOR_ONE = 10

/** `lines` for each member, of its server's container. */
export async function readMemberLogs(
  kube: Pick<Kube, 'logs'>,
  pods: readonly PodView[],
  container: string,
  lines: number,
  signal: AbortSignal,
): Promise<readonly MemberLog[]> {
  const running = pods.filter((pod) =>
    pod.containers.some((one) => one.name === container && hasRun(one)),
  )
  return Promise.all(
    running.map(async (pod) => {
      const text = await readLog(
        kube,
        pod,
        { container, lines: lines * READ_FOR_ONE, previous: false },
        signal,
      )
      const quiet = withoutNoise(withoutSecretValues(text).split('\n'))
      return { pod: pod.name, container, lines: quiet.lines.slice(-lines), noise: quiet.noise }
    }),
  )
}
