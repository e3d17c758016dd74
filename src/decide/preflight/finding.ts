// What the preflight's rules are given, and what each of them finds.

import type { Finding } from '../../errors.ts'
import type { ClaimView, NodeView, StorageClassView } from '../../view/surroundings.ts'
import type { OfferedVolume } from '../../view/scheduling.ts'
import type { ClaimTemplate, SetView } from '../../view/workload.ts'
import type { LeftPods } from './left-pods.ts'

/** An object of the manifests as it is in the cluster. */
export interface OwnedObject {
  /** `statefulset/zk`. */
  readonly object: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly owners: readonly {
    readonly kind: string
    readonly name: string
    readonly controller: boolean
  }[]
  readonly managers: readonly {
    readonly manager: string
    readonly operation: string
    readonly subresource: string | undefined
  }[]
  /**
   * Of the built-in ensemble: nobody has written it down, so nobody can have meant an object that
   * is there under its name.
   */
  readonly builtIn?: boolean
}

/**
 * `listed`: a member list says who they are. `ring`: a member joins and leaves by itself, one at a
 * time. `closed`: who the members are is known to the ensemble alone, so that their
 * number is not changed at all. `pods`: pods without a membership.
 */
export type Membership = 'listed' | 'ring' | 'closed' | 'pods'

export interface Toleration {
  /** Undefined with operator Exists: all taints. */
  readonly key: string | undefined
  readonly operator: 'Exists' | 'Equal'
  readonly value: string | undefined
  /** Undefined: all effects. */
  readonly effect: string | undefined
}

/** What the pod template asks of nodes. */
export interface Placing {
  readonly nodeSelector: Readonly<Record<string, string>>
  readonly tolerations: readonly Toleration[]
  /** Topology keys of required anti-affinity of the members against each other. */
  readonly apart: readonly string[]
}

/** What the manifest wants of the set. */
export interface WantedSet {
  readonly name: string
  readonly namespace: string
  readonly replicas: number
  readonly start: number
  readonly claimTemplates: readonly ClaimTemplate[]
  /** What becomes of the claims of members that go, once it is applied. */
  readonly retention: SetView['retention']
  readonly placing: Placing
  /** `spec` as the manifest has it. */
  readonly spec: unknown
}

export interface LiveSet {
  readonly view: SetView
  /** `spec` as the server has it. */
  readonly spec: unknown
}

/** All that was read; `undefined` lists could not be read and are left out of the judgement. */
export interface PreflightInput {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** When the run ends at the latest. */
  readonly deadline: number
  readonly credentialsEnd: number | undefined
  readonly wanted: WantedSet
  readonly live: LiveSet | undefined
  readonly namespace: 'present' | 'missing' | 'terminating' | 'unknown'
  /** The input create-namespace, or a Namespace among the manifests. */
  readonly makesNamespace: boolean
  readonly membership: Membership
  /** How many members the list in the cluster names; undefined where that isn't known. */
  readonly listed?: number | undefined
  /** Why members can't be added, and the way by hand; undefined where they can. */
  readonly growth?: { readonly refused: string; readonly manual: string } | undefined
  /** A change of the number of members that was begun and has not ended; absent where there is none. */
  readonly scaling?:
    | {
        readonly words: string
        /** What ends it. */
        readonly end: string
        readonly to: number | undefined
      }
    | undefined
  readonly classes: readonly StorageClassView[] | undefined
  /** Classes that the manifests bring themselves. */
  readonly ownClasses: readonly StorageClassView[]
  /**
   * PersistentVolumes of the cluster, read where no class makes them: a claim binds to one without
   * a class object or a provisioner.
   */
  readonly volumes: readonly OfferedVolume[] | undefined
  /** Those that the manifests bring themselves. */
  readonly ownVolumes: readonly OfferedVolume[]
  /** Names of the CSIDriver objects. */
  readonly drivers: readonly string[] | undefined
  readonly claims: readonly ClaimView[] | undefined
  /**
   * Names of claims that pods of the namespace use: also of a set that was deleted and left its
   * pods. Undefined where that was not read, since none could be left over.
   */
  readonly claimsInUse: ReadonlySet<string> | undefined
  /** Pods with members' names while no StatefulSet is there; absent where there are none. */
  readonly left?: LeftPods | undefined
  readonly nodes: readonly NodeView[] | undefined
  /** Those of the manifests' objects that are in the cluster already. */
  readonly objects: readonly OwnedObject[]
}

/** A finding with the field of the StatefulSet's manifest that it is about, for its line. */
export interface PreflightFinding extends Finding {
  readonly path?: readonly (string | number)[]
}

/** What is wrong with a claim, its class or its volume; the rule that asked says whose it is. */
export type StorageFinding = Pick<PreflightFinding, 'severity' | 'message' | 'fix'>
