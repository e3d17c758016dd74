// ConfigMaps that were changed while members ran on: a server reads them when it starts, so a fault
// in them shows only then. Who has not read them yet is not verified with them.

import type { KubeObject } from '../../kube/kube.ts'
import { parseSet } from '../../manifests/shapes.ts'
import type { EnsembleView } from '../../view/surroundings.ts'
import type { PodView } from '../../view/workload.ts'
import { ownPods } from '../members/members.ts'

const REFERENCES: ReadonlySet<string> = new Set(['configMap', 'configMapRef', 'configMapKeyRef'])

/** Whether the pod template of the set names it: in a volume, in `env` or in `envFrom`. */
export function readsConfigMap(set: KubeObject, name: string): boolean {
  return names(parseSet(set)?.spec.template.spec, name)
}

function names(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(
    ([key, inner]: [string, unknown]) =>
      (REFERENCES.has(key) && isNamed(inner, name)) || names(inner, name),
  )
}

function isNamed(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && 'name' in value && value.name === name
}

/**
 * One life of each member whose servers run: the UID of its pod and how often they were restarted.
 * Who waits to be started reads what is there then.
 */
export function livesOf(view: EnsembleView): readonly string[] {
  return ownPods(view).filter(isRunning).map(lifeOf)
}

/** Names of the members that still live one of these lives, in the view's order. */
export function stillLiving(lives: readonly string[], view: EnsembleView): readonly string[] {
  return ownPods(view)
    .filter((pod) => lives.includes(lifeOf(pod)))
    .map((pod) => pod.name)
}

function isRunning(pod: PodView): boolean {
  return pod.containers.some((container) => container.state.kind === 'running')
}

function lifeOf(pod: PodView): string {
  return `${pod.uid}/${pod.containers.reduce((sum, container) => sum + container.restarts, 0)}`
}
