// What a drain does with each pod of a node: as `kubectl drain` does, in its words, but every
// reason is kept and names the input that changes it.

import type { NodePod } from '../../view/node-pod.ts'

export interface DrainFlags {
  readonly ignoreDaemonsets: boolean
  readonly deleteEmptydirData: boolean
  readonly evictUnmanaged: boolean
}

export interface LeftAlone {
  readonly pod: NodePod
  readonly why: string
}

export interface NotDrainable extends LeftAlone {
  readonly fix: string
}

export interface SortedPods {
  readonly evict: readonly NodePod[]
  readonly leave: readonly LeftAlone[]
  /** With one of these nothing on the node is evicted. */
  readonly refused: readonly NotDrainable[]
  /** What is lost with the evicted ones. */
  readonly warnings: readonly string[]
}

/**
 * Members of the built-in ensemble keep their data in claims; what they have in emptyDir is written
 * again at each start.
 */
const OURS = 'zk-ensemble-action'

type Sorting =
  | { readonly kind: 'evict'; readonly warnings: readonly string[] }
  | { readonly kind: 'leave'; readonly why: string }
  | { readonly kind: 'refuse'; readonly why: string; readonly fix: string }

/**
 * `daemonSets`: `namespace/name` of those that there are; undefined where they may not be read,
 * then every owner is believed.
 */
export function sortPods(
  pods: readonly NodePod[],
  flags: DrainFlags,
  daemonSets: ReadonlySet<string> | undefined,
): SortedPods {
  const evict: NodePod[] = []
  const leave: LeftAlone[] = []
  const refused: NotDrainable[] = []
  const warnings: string[] = []
  for (const pod of pods) {
    const sorting = sort(pod, flags, daemonSets)
    switch (sorting.kind) {
      case 'evict':
        evict.push(pod)
        warnings.push(
          ...sorting.warnings.map((warning) => `${pod.namespace}/${pod.name}: ${warning}`),
        )
        break
      case 'leave':
        leave.push({ pod, why: sorting.why })
        break
      case 'refuse':
        refused.push({ pod, why: sorting.why, fix: sorting.fix })
        break
    }
  }
  return { evict, leave, refused, warnings }
}

/** In the order of kubectl's filters: static pods, DaemonSets, ended pods, then what would be lost. */
function sort(
  pod: NodePod,
  flags: DrainFlags,
  daemonSets: ReadonlySet<string> | undefined,
): Sorting {
  if (pod.mirror)
    return { kind: 'leave', why: 'static pod: the kubelet runs it from a file on the node' }
  const finished = pod.phase === 'Succeeded' || pod.phase === 'Failed'
  const orphaned = isOrphaned(pod, daemonSets)
  if (pod.owner?.kind === 'DaemonSet' && !finished && !orphaned) {
    if (flags.ignoreDaemonsets)
      return { kind: 'leave', why: 'DaemonSet-managed: it would come back at once' }
    return {
      kind: 'refuse',
      why: 'DaemonSet-managed Pods (use ignore-daemonsets to ignore)',
      fix: 'Set ignore-daemonsets: true.',
    }
  }
  if (finished) return { kind: 'evict', warnings: [] }
  const losses = lossesOf(pod, orphaned)
  const faults = losses.filter(({ flag }) => !flags[flag])
  return faults.length === 0
    ? { kind: 'evict', warnings: losses.map(({ warning }) => warning) }
    : {
        kind: 'refuse',
        why: faults.map(({ why }) => why).join('; '),
        fix: faults.map(({ fix }) => fix).join(' '),
      }
}

/** Whether its DaemonSet is gone; false where DaemonSets can't be read. */
function isOrphaned(
  { owner, namespace }: NodePod,
  there: ReadonlySet<string> | undefined,
): boolean {
  return (
    owner?.kind === 'DaemonSet' && there !== undefined && !there.has(`${namespace}/${owner.name}`)
  )
}

/** What an eviction loses for good, unless its flag allows it. */
interface Loss {
  readonly flag: 'evictUnmanaged' | 'deleteEmptydirData'
  readonly warning: string
  readonly why: string
  readonly fix: string
}

function lossesOf(pod: NodePod, orphaned: boolean): readonly Loss[] {
  const losses: Loss[] = []
  const volumes = pod.emptyDirs.join(', ')
  if (orphaned)
    losses.push({
      flag: 'evictUnmanaged',
      warning: `its DaemonSet ${pod.owner?.name ?? ''} is gone: no controller recreates it`,
      why: `its DaemonSet ${pod.owner?.name ?? ''} is gone (use evict-unmanaged to override)`,
      fix: 'Set evict-unmanaged: true; no controller recreates it.',
    })
  if (pod.emptyDirs.length > 0 && pod.labels['app.kubernetes.io/managed-by'] !== OURS)
    losses.push({
      flag: 'deleteEmptydirData',
      warning: `the data of its emptyDir ${volumes} is deleted`,
      why: 'Pods with local storage (use delete-emptydir-data to override)',
      fix: `Set delete-emptydir-data: true; the data of its emptyDir ${volumes} is lost.`,
    })
  if (pod.owner === undefined)
    losses.push({
      flag: 'evictUnmanaged',
      warning: 'declares no controller: no controller recreates it',
      why: 'Pods that declare no controller (use evict-unmanaged to override)',
      fix: 'Set evict-unmanaged: true; no controller recreates it.',
    })
  return losses
}
