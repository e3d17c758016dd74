// Gathers the proof of a failure before anything is undone: the cause, the pod's last events, and
// the last log lines of its containers.

import type { Diagnosis } from '../../decide/diagnosis/diagnose.ts'
import {
  eventsAbout,
  logsToRead,
  objectsToProve,
  podOf,
  type LogToRead,
} from '../../decide/diagnosis/proof.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import type { Evidence } from '../../report/run-report.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'

export async function collectEvidence(
  kube: Pick<Kube, 'logs'>,
  view: EnsembleView,
  diagnoses: readonly Diagnosis[],
  lines: number,
  signal: AbortSignal,
): Promise<readonly Evidence[]> {
  return Promise.all(
    objectsToProve(view, diagnoses).map(async (object) => {
      const diagnosis = diagnoses.find((one) => one.object === object)
      const pod = podOf(view, object)
      return {
        ...evidenceOf(view, object, diagnosis),
        logs:
          pod === undefined || lines === 0
            ? []
            : await readLogs(kube, pod, logsToRead(pod, diagnosis?.container), lines, signal),
      }
    }),
  )
}

/** The log lines of the container at fault; empty where none were read. */
export function logOf(
  evidence: readonly Evidence[],
  { object, container }: Diagnosis,
): readonly string[] {
  return (
    evidence.find((one) => one.object === object)?.logs.find((log) => log.container === container)
      ?.lines ?? []
  )
}

/** What the view itself proves. */
function evidenceOf(
  view: EnsembleView,
  object: string,
  diagnosis: Diagnosis | undefined,
): Omit<Evidence, 'logs'> {
  const pod = podOf(view, object)
  const container = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].find(
    ({ name }) => name === diagnosis?.container,
  )
  const ended = container?.state.kind === 'terminated' ? container.state : container?.last
  return {
    object,
    container: diagnosis?.container,
    reason: diagnosis?.reason ?? 'NotReady',
    message: diagnosis?.message ?? `${object} is not ready`,
    exitCode: ended?.exitCode,
    restarts: container?.restarts,
    events: eventsAbout(view, object).map(({ type, reason, message, count, last }) => ({
      warning: type === 'Warning',
      reason,
      message,
      count,
      last,
    })),
  }
}

async function readLogs(
  kube: Pick<Kube, 'logs'>,
  pod: PodView,
  asked: readonly LogToRead[],
  lines: number,
  signal: AbortSignal,
): Promise<Evidence['logs']> {
  const logs = await Promise.all(
    asked.map(async (log) => {
      const text = await readLog(kube, pod, { ...log, lines }, signal)
      return { ...log, lines: text.split('\n').filter((line) => line !== '') }
    }),
  )
  return logs.filter((log) => log.lines.length > 0)
}

export async function readLog(
  kube: Pick<Kube, 'logs'>,
  pod: PodView,
  log: LogToRead & { readonly lines: number },
  signal: AbortSignal,
): Promise<string> {
  const { container, ...options } = log
  const current = (): Promise<string> => readLog(kube, pod, { ...log, previous: false }, signal)
  try {
    const text = await kube.logs(pod, container, options, signal)
    // The kubelet answers 200 with this sentence when it has removed the container.
    return log.previous && text.startsWith('unable to retrieve container logs')
      ? await current()
      : text
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    // A log that can't be read must not hide the failure itself.
    if (log.previous && error.status === 400) return current()
    return error.status === 403
      ? '(the log may not be read: the rule get pods/log is missing)'
      : `(the log could not be read: ${error.reason})`
  }
}
