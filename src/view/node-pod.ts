// A pod as node maintenance looks at it: what decides whether it is evicted, skipped or in the
// way. Times are milliseconds since the epoch.

export interface NodePod {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  /** Undefined while it waits for one. */
  readonly node: string | undefined
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'
  readonly ready: boolean
  readonly deleting: number | undefined
  /** What controls it. */
  readonly owner: { readonly kind: string; readonly name: string; readonly uid: string } | undefined
  /** Made by the kubelet from a file on the node (annotation `kubernetes.io/config.mirror`). */
  readonly mirror: boolean
  /** Names of its emptyDir volumes. */
  readonly emptyDirs: readonly string[]
  /** Names of the claims that it mounts. */
  readonly claims: readonly string[]
}
