// What decisions are made on: plain, parsed snapshots of a StatefulSet and its pods. Times are
// milliseconds since the epoch.

export interface SetView {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly generation: number
  readonly observedGeneration: number
  /** Wanted members (`spec.replicas`, default 1). */
  readonly replicas: number
  /** First ordinal (`spec.ordinals.start`, default 0). */
  readonly start: number
  readonly strategy:
    | { readonly type: 'RollingUpdate'; readonly partition: number }
    | { readonly type: 'OnDelete' }
  readonly podManagement: 'OrderedReady' | 'Parallel'
  readonly minReadySeconds: number
  readonly selector: LabelSelector
  readonly claimTemplates: readonly ClaimTemplate[]
  /**
   * What becomes of claims (`persistentVolumeClaimRetentionPolicy`) when the set makes fewer
   * members, and when it is deleted.
   */
  readonly retention: { readonly whenScaled: Retention; readonly whenDeleted: Retention }
  readonly status: {
    readonly currentRevision: string
    readonly updateRevision: string
  }
  readonly deleting: boolean
}

export type Retention = 'Retain' | 'Delete'

export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>
  readonly matchExpressions: readonly {
    readonly key: string
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
    readonly values: readonly string[]
  }[]
}

export interface ClaimTemplate {
  readonly name: string
  readonly storageClass: string | undefined
  /** Bytes; undefined when the template asks for none. */
  readonly size: number | undefined
  readonly accessModes: readonly string[]
  readonly volumeMode: 'Filesystem' | 'Block'
  /** Labels that a volume must have. */
  readonly selector: LabelSelector | undefined
  /** Name of the one volume that it asks for. */
  readonly volume: string | undefined
}

export interface PodView {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  /** From the name's last number; undefined for a pod that isn't a member's. */
  readonly ordinal: number | undefined
  /** Label `controller-revision-hash`. */
  readonly revision: string | undefined
  readonly owner: { readonly kind: string; readonly name: string; readonly uid: string } | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly node: string | undefined
  readonly ip: string | undefined
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
  /** Status reason of a failed pod, such as Evicted. */
  readonly reason: string | undefined
  readonly message: string | undefined
  readonly created: number
  readonly deleting: number | undefined
  readonly ready: boolean
  /** Since when `ready` has been what it is. */
  readonly readySince: number | undefined
  /** Condition PodScheduled when it is False. */
  readonly unscheduled:
    | { readonly reason: string; readonly message: string; readonly since: number }
    | undefined
  /** Names of readiness gates that aren't True. */
  readonly openGates: readonly string[]
  readonly initContainers: readonly ContainerView[]
  readonly containers: readonly ContainerView[]
  /** Names of the claims that the pod mounts. */
  readonly claims: readonly string[]
  /**
   * Where its data can be: in claims; in the pod alone (emptyDir, generic ephemeral volumes, or no
   * volume at all); or in volumes of another kind, which may outlive it.
   */
  readonly storage: 'claims' | 'pod' | 'elsewhere'
  /** It stays after its end until whoever set these has removed them. */
  readonly finalizers: readonly string[]
  /** Names of its containers with a preStop hook. */
  readonly preStop: readonly string[]
}

export interface ContainerView {
  readonly name: string
  readonly image: string
  readonly ready: boolean
  readonly restarts: number
  /** `resources.limits.memory` in bytes; absent when there is none. */
  readonly memoryLimit?: number | undefined
  /** `securityContext.runAsUser`, of the container or else of its pod. */
  readonly runAsUser?: number | undefined
  readonly ports: readonly { readonly name: string | undefined; readonly port: number }[]
  readonly state: ContainerState
  /** How the previous life ended. */
  readonly last: Terminated | undefined
}

export type ContainerState =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'running'; readonly since: number }
  | Terminated

export interface Terminated {
  readonly kind: 'terminated'
  readonly reason: string
  readonly message: string
  readonly exitCode: number
  readonly finished: number
}
