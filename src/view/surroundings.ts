// Snapshots of what lies around a set: claims, events, storage classes, nodes, budgets. Times are
// milliseconds since the epoch.

import type { LabelSelector, PodView, SetView } from './workload.ts'

export interface ClaimView {
  readonly name: string
  readonly uid: string
  readonly phase: 'Pending' | 'Bound' | 'Lost'
  readonly storageClass: string | undefined
  /** Bytes asked for. */
  readonly size: number | undefined
  /** Bytes there are, once bound. */
  readonly capacity: number | undefined
  readonly volume: string | undefined
  readonly deleting: boolean
  readonly created: number
  /** Once all of these are gone it is deleted. */
  readonly owners: readonly { readonly kind: string; readonly name: string; readonly uid: string }[]
}

/** A PersistentVolume, as far as it says whether the data on it stays. */
export interface KeptVolume {
  readonly name: string
  readonly phase: string
  readonly deleting: boolean
  /** What becomes of it once its claim is gone: `Delete`, `Retain`. */
  readonly reclaimPolicy: string
}

export interface EventView {
  readonly uid: string
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly object: {
    readonly kind: string
    readonly name: string
    readonly uid: string | undefined
    readonly fieldPath: string | undefined
  }
  readonly last: number
  readonly count: number
}

export interface StorageClassView {
  readonly name: string
  readonly provisioner: string
  readonly isDefault: boolean
  readonly bindingMode: 'Immediate' | 'WaitForFirstConsumer'
  readonly created: number
}

export interface NodeView {
  readonly name: string
  readonly uid: string
  readonly ready: boolean
  readonly unschedulable: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly taints: readonly {
    readonly key: string
    readonly value: string
    readonly effect: string
  }[]
  readonly bootId: string | undefined
  readonly allocatable: Readonly<Record<string, number>>
}

export interface BudgetView {
  readonly name: string
  readonly uid: string
  readonly selector: LabelSelector | undefined
  readonly minAvailable: string | number | undefined
  readonly maxUnavailable: string | number | undefined
  readonly generation: number
  readonly observedGeneration: number
  readonly healthy: number
  readonly desired: number
  readonly allowed: number
  readonly expected: number
}

/** Everything that a readiness verdict is made on, read at one moment. */
export interface EnsembleView {
  readonly set: SetView | undefined
  readonly pods: readonly PodView[]
  readonly claims: readonly ClaimView[]
  readonly events: readonly EventView[]
  /**
   * How the nodes of pods that are on their way out stand, by name; one that isn't in it is not
   * known.
   */
  readonly nodes?: ReadonlyMap<string, 'ready' | 'not ready' | 'gone' | undefined>
}
