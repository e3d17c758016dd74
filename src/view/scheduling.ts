// What the scheduler looks at when it seeks a node: a pod's demands, and the cluster that they
// meet. Compact, so that large clusters fit.

import type { NodePod } from './node-pod.ts'
import type { NodeView } from './surroundings.ts'
import type { LabelSelector } from './workload.ts'

/** A pod with everything that the scheduler's filters ask about. */
export interface PlacedPod extends NodePod {
  /** One object for all pods of a template. */
  readonly demands: PodDemands
  /** Generic ephemeral volumes: their claims are recreated with the pod. */
  readonly ephemeral: readonly EphemeralVolume[]
}

export interface EphemeralVolume {
  readonly name: string
  /** Undefined: the cluster's default class. */
  readonly storageClass: string | undefined
}

export interface PodDemands {
  /**
   * What the scheduler counts: init containers, sidecars, overhead and pod-level requests are in
   * it. cpu in thousandths of a core, the rest in base units, whole numbers; none that is zero.
   */
  readonly requests: Readonly<Record<string, number>>
  readonly nodeSelector: Readonly<Record<string, string>>
  /** Required node affinity, terms ORed; undefined: none is required. */
  readonly nodeAffinity: readonly NodeTerm[] | undefined
  readonly tolerations: readonly Toleration[]
  /** Required pod affinity: each term must hold. */
  readonly affinity: readonly PodTerm[]
  /** Required pod anti-affinity. */
  readonly antiAffinity: readonly PodTerm[]
  /** Constraints of `whenUnsatisfiable: DoNotSchedule` alone. */
  readonly spread: readonly SpreadConstraint[]
  readonly ports: readonly HostPort[]
  readonly scheduler: string
  /** Names of scheduling gates that nobody has lifted. */
  readonly gates: readonly string[]
  /** Names of its claims of dynamic resource allocation. */
  readonly resourceClaims: readonly string[]
  readonly priority: number
  /** False with `preemptionPolicy: Never`. */
  readonly preempts: boolean
}

export interface Toleration {
  /** Undefined with operator Exists: every key. */
  readonly key: string | undefined
  readonly operator: 'Exists' | 'Equal' | 'Lt' | 'Gt'
  readonly value: string
  /** Undefined: every effect. */
  readonly effect: string | undefined
}

export interface Requirement {
  readonly key: string
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
  readonly values: readonly string[]
}

/** All of it must hold; one that asks nothing holds nowhere. */
export interface NodeTerm {
  readonly expressions: readonly Requirement[]
  /** On `metadata.name`. */
  readonly fields: readonly Requirement[]
}

export interface PodTerm {
  /**
   * Undefined selects no pod. `matchLabelKeys` are part of it: the server merges them when the pod
   * is made.
   */
  readonly selector: LabelSelector | undefined
  /** Both empty: the namespace of the pod that has the term. */
  readonly namespaces: readonly string[]
  readonly namespaceSelector: LabelSelector | undefined
  readonly topologyKey: string
}

export interface SpreadConstraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  /** Undefined selects no pod. */
  readonly selector: LabelSelector | undefined
  /** The selector is narrowed to the pod's own values of these labels. */
  readonly matchLabelKeys: readonly string[]
  readonly nodeAffinityPolicy: 'Honor' | 'Ignore'
  readonly nodeTaintsPolicy: 'Honor' | 'Ignore'
}

export interface HostPort {
  readonly ip: string
  readonly protocol: string
  readonly port: number
}

/** A PersistentVolume. */
export interface VolumeView {
  readonly name: string
  readonly phase: string
  /** `namespace/name` of the claim that it is bound to or kept for. */
  readonly claim: string | undefined
  readonly labels: Readonly<Record<string, string>>
  /** Terms ORed; undefined: every node reaches it. */
  readonly nodeAffinity: readonly NodeTerm[] | undefined
  readonly csi: { readonly driver: string; readonly handle: string } | undefined
}

/** A PersistentVolume, as far as it decides which claim it can be bound to. */
export interface OfferedVolume extends VolumeView {
  /** Empty: none. */
  readonly storageClass: string
  /** Bytes. */
  readonly capacity: number
  readonly accessModes: readonly string[]
  readonly volumeMode: 'Filesystem' | 'Block'
  readonly deleting: boolean
  /** `claim` is one that is, or was, there; else the volume is kept by name for one that comes. */
  readonly taken: boolean
}

/** A claim as far as it decides where its pod can run. */
export interface PlacedClaim {
  readonly name: string
  readonly namespace: string
  readonly phase: 'Pending' | 'Bound' | 'Lost'
  readonly storageClass: string | undefined
  readonly volume: string | undefined
  readonly accessModes: readonly string[]
  readonly deleting: boolean
}

export interface PlacedClass {
  readonly name: string
  readonly provisioner: string
  readonly isDefault: boolean
  readonly bindingMode: 'Immediate' | 'WaitForFirstConsumer'
  readonly created: number
  /** Terms ORed; undefined: everywhere. */
  readonly allowedTopologies: readonly NodeTerm[] | undefined
}

/** How many volumes a driver attaches to one node. */
export interface AttachLimit {
  readonly node: string
  readonly driver: string
  readonly count: number
}

export interface AttachmentView {
  readonly node: string
  /** The driver. */
  readonly attacher: string
  /** Name of the PersistentVolume. */
  readonly volume: string | undefined
}

export type ClusterPart =
  | 'nodes'
  | 'pods'
  | 'namespaces'
  | 'claims'
  | 'volumes'
  | 'classes'
  | 'limits'
  | 'attachments'

/** What is read once to judge where pods can go. */
export interface ClusterView {
  readonly nodes: readonly NodeView[]
  /** All pods, the finished and the waiting ones too. */
  readonly pods: readonly PlacedPod[]
  /** Labels by name. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly claims: readonly PlacedClaim[]
  readonly volumes: readonly VolumeView[]
  readonly classes: readonly PlacedClass[]
  readonly limits: readonly AttachLimit[]
  readonly attachments: readonly AttachmentView[]
  /** Parts that could not be read (they are empty), and why. */
  readonly unread: Readonly<Partial<Record<ClusterPart, string>>>
}
