// What a run was asked to do: the typed record that every operation reads instead of the
// environment.

import type { Finding } from '../errors.ts'
import type { ProfileName, VerifyLevel } from '../view/profile-name.ts'

export const OPERATIONS = [
  'deploy',
  'verify',
  'plan',
  'status',
  'history',
  'undo',
  'restart',
  'scale',
  'drain',
  'uncordon',
  'cleanup',
] as const

export type Operation = (typeof OPERATIONS)[number]

/** The built-in ensemble's own inputs; with given manifests only `image` may be set. */
export const ENSEMBLE_INPUTS = [
  'replicas',
  'image',
  'storage',
  'storage-class',
  'cpu',
  'memory',
  'heap',
] as const

export interface Inputs {
  readonly operation: Operation
  /**
   * One source each: file, directory, glob, kustomization directory, or `https://…#sha256=<hex>`.
   * Empty: the built-in ensemble.
   */
  readonly manifests: readonly string[]
  readonly name: string | undefined
  readonly namespace: string | undefined
  readonly createNamespace: boolean
  readonly ttlMs: number | undefined
  readonly profile: 'auto' | ProfileName
  readonly replicas: number | undefined
  readonly image: string | undefined
  /** Kubernetes quantity, such as `10Gi`. */
  readonly storage: string | undefined
  readonly storageClass: string | undefined
  /** Kubernetes quantity, such as `500m`. */
  readonly cpu: string | undefined
  /** Kubernetes quantity, such as `1Gi`. */
  readonly memory: string | undefined
  /** MiB. */
  readonly heap: number | undefined
  readonly timeoutMs: number
  readonly memberTimeoutMs: number
  readonly verify: VerifyLevel | 'off'
  readonly pace: 'quorum' | 'controller'
  readonly onFailure: 'undo' | 'keep'
  /** A revision number or a ControllerRevision's name. */
  readonly toRevision: string | undefined
  readonly wait: boolean
  readonly nodes: readonly string[]
  readonly nodeSelector: string | undefined
  readonly members: readonly string[]
  readonly placement: 'elsewhere' | 'in-place' | 'auto'
  readonly maintenanceCommand: string | undefined
  readonly maintenanceTimeoutMs: number
  readonly uncordon: 'auto' | 'after' | 'on-failure' | 'never'
  readonly ignoreDaemonsets: boolean
  readonly deleteEmptydirData: boolean
  readonly evictUnmanaged: boolean
  /** Undefined: each pod's own. */
  readonly gracePeriodSeconds: number | undefined
  readonly podSelector: string | undefined
  readonly anyCordon: boolean
  readonly deleteClaims: boolean
  readonly sweep: boolean
  readonly forceConflicts: boolean
  readonly dryRun: boolean
  readonly writeCommand: string | undefined
  readonly readCommand: string | undefined
  readonly servesCommand: string | undefined
  /** `user:password`, a secret, or `secret/NAME`. */
  readonly zookeeperAuth: string | undefined
  readonly checkPath: string
  /** `user:password`, a secret, or `secret/NAME`. */
  readonly cassandraAuth: string | undefined
  /** `warn`: errors of the lint are warnings, but for findings that are `always` errors. */
  readonly lint: 'error' | 'warn'
  /** Path or content, as given: may be a secret. */
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly logLines: number
  /** Of the page of the run. */
  readonly summary: 'full' | 'short' | 'off'
  /** Ids of the inputs that were set to something other than nothing and the default. */
  readonly given: ReadonlySet<string>
  /** What is odd but not wrong about the inputs. */
  readonly warnings: readonly Finding[]
}
