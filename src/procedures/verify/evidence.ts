// Gathers the proof of a failure before anything is undone: the cause, the pod's last events, and
// the last log lines of its containers.

import type { Diagnosis } from '../../decide/diagnosis/diagnose.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube } from '../../kube/kube.ts'
import type { Evidence } from '../../report/run-report.ts'
import type { EnsembleView, EventView } from '../../view/surroundings.ts'
import type { ContainerView, PodView } from '../../view/workload.ts'

/** More members than this tell no new story. */
const MOST_OBJECTS = 5
const MOST_EVENTS = 8

export async function collectEvidence(
  kube: Pick<Kube, 'logs'>,
  view: EnsembleView,
  diagnoses: readonly Diagnosis[],
  lines: number,
  signal: AbortSignal,
): Promise<readonly Evidence[]> {
  const objects = [...new Set(diagnoses.map((diagnosis) => diagnosis.object))].slice(
    0,
    MOST_OBJECTS,
  )
  const unready = view.pods
    .filter((pod) => !pod.ready && !objects.includes(`pod/${pod.name}`))
    .map((pod) => `pod/${pod.name}`)
  const all = objects.length > 0 ? objects : unready.slice(0, MOST_OBJECTS)
  return Promise.all(
    all.map((object) =>
      evidenceOf(
        kube,
        view,
        object,
        diagnoses.find((diagnosis) => diagnosis.object === object),
        lines,
        signal,
      ),
    ),
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

async function evidenceOf(
  kube: Pick<Kube, 'logs'>,
  view: EnsembleView,
  object: string,
  diagnosis: Diagnosis | undefined,
  lines: number,
  signal: AbortSignal,
): Promise<Evidence> {
  const [kind = '', name = ''] = object.split('/')
  const pod = view.pods.find((candidate) => kind === 'pod' && candidate.name === name)
  const container = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].find(
    (candidate) => candidate.name === diagnosis?.container,
  )
  const ended = container?.state.kind === 'terminated' ? container.state : container?.last
  return {
    object,
    container: diagnosis?.container,
    reason: diagnosis?.reason ?? 'NotReady',
    message: diagnosis?.message ?? `${object} is not ready`,
    exitCode: ended?.exitCode,
    restarts: container?.restarts,
    events: view.events
      .filter((event) =>
        pod === undefined && kind === 'pod'
          ? isRefusalOf(event, view, name)
          : isOf(event, kind, name, pod),
      )
      .toSorted((a, b) => a.last - b.last)
      .slice(-MOST_EVENTS)
      .map(({ reason, message, count, last }) => ({ reason, message, count, last })),
    logs: pod === undefined ? [] : await logsOf(kube, pod, diagnosis?.container, lines, signal),
  }
}

function isOf(event: EventView, kind: string, name: string, pod: PodView | undefined): boolean {
  return (
    event.object.kind.toLowerCase() === kind &&
    event.object.name === name &&
    (pod === undefined || event.object.uid === undefined || event.object.uid === pod.uid)
  )
}

/**
 * A pod that was never made has no events of its own: the StatefulSet's name it (`create Pod zk-0
 * in StatefulSet zk failed …`).
 */
function isRefusalOf(event: EventView, view: EnsembleView, pod: string): boolean {
  return (
    event.object.kind === 'StatefulSet' &&
    event.object.name === view.set?.name &&
    event.message.includes(` Pod ${pod} `)
  )
}

async function logsOf(
  kube: Pick<Kube, 'logs'>,
  pod: PodView,
  atFault: string | undefined,
  lines: number,
  signal: AbortSignal,
): Promise<Evidence['logs']> {
  // A container that never started has no log to ask for; one that is Ready may be at fault all the
  // same, when its member does not serve.
  const failing = [...pod.initContainers, ...pod.containers].filter(
    (container) =>
      lines > 0 &&
      (!container.ready || container.name === atFault) &&
      (hasRun(container) || container.restarts > 0),
  )
  const logs = await Promise.all(
    failing.map(async (container) => {
      // While it waits to be started again, the log without `previous` is that of the life that
      // just ended; the one before may be gone from the node.
      const previous = container.state.kind === 'running' && container.restarts > 0
      const text = await readLog(kube, pod, container.name, lines, previous, signal)
      return {
        container: container.name,
        previous,
        lines: text.split('\n').filter((line) => line !== ''),
      }
    }),
  )
  return logs.filter((log) => log.lines.length > 0)
}

export function hasRun(container: ContainerView): boolean {
  return (
    container.state.kind === 'running' ||
    container.state.kind === 'terminated' ||
    container.last !== undefined
  )
}

export async function readLog(
  kube: Pick<Kube, 'logs'>,
  pod: PodView,
  container: string,
  lines: number,
  previous: boolean,
  signal: AbortSignal,
): Promise<string> {
  try {
    const text = await kube.logs(pod, container, { lines, previous }, signal)
    // The kubelet answers 200 with this sentence when it has removed the container.
    return text.startsWith('unable to retrieve container logs') && previous
      ? await readLog(kube, pod, container, lines, false, signal)
      : text
  } catch (error) {
    if (!(error instanceof KubeFailure)) throw error
    // A log that can't be read must not hide the failure itself.
    if (previous && error.status === 400) return readLog(kube, pod, container, lines, false, signal)
    return error.status === 403
      ? '(the log may not be read: the rule get pods/log is missing)'
      : `(the log could not be read: ${error.reason})`
  }
}
