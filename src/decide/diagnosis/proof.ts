// What of a failure is shown as its proof: which objects, which of their events, and the logs of
// which containers.

import type { EnsembleView, EventView } from '../../view/surroundings.ts'
import type { ContainerView, PodView } from '../../view/workload.ts'
import type { Diagnosis } from './diagnose.ts'

/** More members than this tell no new story. */
const MOST_OBJECTS = 5
const MOST_EVENTS = 8

/** The objects at fault, as `pod/zk-1`; where none is known, the pods that are not Ready. */
export function objectsToProve(
  { pods }: EnsembleView,
  diagnoses: readonly Diagnosis[],
): readonly string[] {
  const blamed = [...new Set(diagnoses.map(({ object }) => object))]
  const unready = pods.filter(({ ready }) => !ready).map(({ name }) => `pod/${name}`)
  return (blamed.length > 0 ? blamed : unready).slice(0, MOST_OBJECTS)
}

/** Undefined for what is no pod, and for a pod that was never made. */
export function podOf({ pods }: EnsembleView, object: string): PodView | undefined {
  return pods.find(({ name }) => object === `pod/${name}`)
}

/** The last events about an object, oldest first. */
export function eventsAbout(view: EnsembleView, object: string): readonly EventView[] {
  const [kind = '', name = ''] = object.split('/')
  const pod = podOf(view, object)
  return view.events
    .filter((event) =>
      pod === undefined && kind === 'pod'
        ? isRefusalOf(event, view, name)
        : isOf(event, kind, name, pod),
    )
    .toSorted((a, b) => a.last - b.last)
    .slice(-MOST_EVENTS)
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

/** One log of a container: of the life before where `previous`. */
export interface LogToRead {
  readonly container: string
  readonly previous: boolean
}

/**
 * A container that never started has no log to ask for; one that is Ready may be at fault all the
 * same, when its member does not serve.
 */
export function logsToRead(
  { initContainers, containers }: PodView,
  atFault: string | undefined,
): readonly LogToRead[] {
  return [...initContainers, ...containers]
    .filter(
      (container) =>
        (!container.ready || container.name === atFault) &&
        (hasRun(container) || container.restarts > 0),
    )
    .map(({ name, state, restarts }) => ({
      container: name,
      // While it waits to be started again, the log without `previous` is that of the life that
      // just ended; the one before may be gone from the node.
      previous: state.kind === 'running' && restarts > 0,
    }))
}

export function hasRun({ state, last }: ContainerView): boolean {
  return state.kind === 'running' || state.kind === 'terminated' || last !== undefined
}
