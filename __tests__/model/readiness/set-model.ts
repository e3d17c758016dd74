// A StatefulSet controller, kubelets and a scheduler in a few lines, one second a step, with faults
// on order: what the readiness verdict is run against.
// The controller follows pkg/controller/statefulset: ascending creation (one at a time under
// OrderedReady), then the roll from the highest ordinal down to the partition.

import type { EnsembleView, EventView } from '../../../src/view/surroundings.ts'
import type { ContainerView, PodView, SetView } from '../../../src/view/workload.ts'

export const START = Date.UTC(2026, 10, 22, 17, 0, 0)

export type Fault = 'none' | 'image' | 'config' | 'crash' | 'unschedulable' | 'quota'

/**
 * Faults that sit in a revision (`image`, `config`, `crash`) or in the surroundings of one ordinal,
 * and when they heal.
 */
export interface Trouble {
  readonly fault: Fault
  readonly revision: string
  readonly ordinal: number
  /** Seconds after which it is gone; Infinity: never. */
  readonly heals: number
}

type Stage = 'pending' | 'creating' | 'running' | 'dead'

interface Body {
  readonly ordinal: number
  readonly revision: string
  readonly uid: string
  readonly created: number
  stage: Stage
  since: number
  readySince: number | undefined
  unreadySince: number
  deletingUntil: number | undefined
  restarts: number
  diedAt: number | undefined
  failed: boolean
}

export interface Shape {
  readonly replicas: number
  readonly start: number
  readonly partition: number
  readonly podManagement: 'OrderedReady' | 'Parallel'
  readonly minReadySeconds: number
}

export class SetModel {
  readonly shape: Shape
  readonly troubles: Trouble[] = []
  second = 0
  replicas: number
  current = 'zk-a'
  update = 'zk-a'
  generation = 1
  observed = 1
  bodies: Body[] = []
  refusals = 0
  #uids = 0
  readonly #random: () => number

  constructor(shape: Shape, random: () => number) {
    this.shape = shape
    this.replicas = shape.replicas
    this.#random = random
  }

  get now(): number {
    return START + this.second * 1000
  }

  apply(change: { readonly revision?: string; readonly replicas?: number }): void {
    if (change.revision !== undefined) this.update = change.revision
    if (change.replicas !== undefined) this.replicas = change.replicas
    this.generation++
  }

  /**
   * A person or an eviction removes a pod; with `failed` the kubelet leaves a Failed one behind.
   */
  strike(ordinal: number, how: 'delete' | 'failed' | 'unready'): void {
    const body = this.#at(ordinal)
    if (body === undefined || body.deletingUntil !== undefined) return
    if (how === 'delete') body.deletingUntil = this.second + 2
    else if (how === 'failed') body.failed = true
    else if (body.readySince !== undefined) this.#unready(body)
  }

  step(): void {
    this.second++
    for (const body of this.bodies) this.#kubelet(body)
    this.bodies = this.bodies.filter(
      (body) => body.deletingUntil === undefined || this.second < body.deletingUntil,
    )
    // The controller lags a second behind a change of the spec.
    if (this.observed < this.generation && this.#random() < 0.7) this.observed = this.generation
    if (this.observed === this.generation) this.#control()
  }

  /** What is so, from the model's own bodies: the verdict must say the same. */
  trulyDone(): boolean {
    const wanted = this.#wanted()
    return (
      this.observed === this.generation &&
      this.bodies.length === wanted.length &&
      wanted.every((ordinal) => {
        const body = this.#at(ordinal)
        if (
          body === undefined ||
          body.deletingUntil !== undefined ||
          body.failed ||
          body.readySince === undefined
        )
          return false
        const settled = body.restarts === 0 || this.second - body.since >= 10
        const mayStay =
          body.revision === this.update ||
          (ordinal < this.shape.start + this.shape.partition && body.revision === this.current)
        return mayStay && settled && this.second - body.readySince >= this.shape.minReadySeconds
      })
    )
  }

  view(): EnsembleView {
    const { shape } = this
    const set: SetView = {
      name: 'zk',
      namespace: 'prod',
      uid: 'set',
      generation: this.generation,
      observedGeneration: this.observed,
      replicas: this.replicas,
      start: shape.start,
      strategy: { type: 'RollingUpdate', partition: shape.partition },
      podManagement: shape.podManagement,
      minReadySeconds: shape.minReadySeconds,
      selector: { matchLabels: {}, matchExpressions: [] },
      claimTemplates: [],
      // Until it has observed the generation, the controller names the revisions that it knew
      // before.
      status: {
        currentRevision: this.current,
        updateRevision: this.observed === this.generation ? this.update : this.current,
      },
      retention: { whenScaled: 'Retain', whenDeleted: 'Retain' },
      deleting: false,
    }
    return {
      set,
      pods: this.bodies.map((body) => this.#podView(body)),
      claims: [],
      events: this.#events(),
    }
  }

  #wanted(): readonly number[] {
    return Array.from({ length: this.replicas }, (_, index) => this.shape.start + index)
  }

  #at(ordinal: number): Body | undefined {
    return this.bodies.find((body) => body.ordinal === ordinal)
  }

  #fault(body: { readonly ordinal: number; readonly revision: string }): Fault {
    return (
      this.troubles.find(
        (trouble) =>
          this.second < trouble.heals &&
          trouble.revision === body.revision &&
          trouble.ordinal === body.ordinal,
      )?.fault ?? 'none'
    )
  }

  #control(): void {
    const wanted = this.#wanted()
    const ordered = this.shape.podManagement === 'OrderedReady'
    for (const ordinal of wanted) {
      const body = this.#at(ordinal)
      if (body?.failed === true) this.bodies = this.bodies.filter((other) => other !== body)
      else if (body === undefined) this.#create(ordinal)
      if (ordered && !this.#healthy(this.#at(ordinal))) return
    }
    const condemned = this.bodies
      .filter((body) => !wanted.includes(body.ordinal))
      .toSorted((a, b) => b.ordinal - a.ordinal)[0]
    if (condemned !== undefined) condemned.deletingUntil ??= this.second + 2
    for (const ordinal of wanted.toReversed()) {
      if (ordinal < this.shape.start + this.shape.partition) break
      const body = this.#at(ordinal)
      if (body === undefined || body.deletingUntil !== undefined) return
      if (body.revision !== this.update) {
        body.deletingUntil = this.second + 2
        return
      }
      if (!this.#healthy(body)) return
    }
    if (this.shape.partition === 0) this.current = this.update
  }

  #create(ordinal: number): void {
    const revision = ordinal < this.shape.start + this.shape.partition ? this.current : this.update
    if (this.#fault({ ordinal, revision }) === 'quota') {
      this.refusals++
      return
    }
    this.#uids++
    this.bodies.push({
      ordinal,
      revision,
      uid: `uid-${this.#uids}`,
      created: this.second,
      stage: 'pending',
      since: this.second,
      readySince: undefined,
      unreadySince: this.second,
      deletingUntil: undefined,
      restarts: 0,
      diedAt: undefined,
      failed: false,
    })
  }

  #healthy(body: Body | undefined): boolean {
    return (
      body !== undefined &&
      body.deletingUntil === undefined &&
      !body.failed &&
      body.readySince !== undefined &&
      this.second - body.readySince >= this.shape.minReadySeconds
    )
  }

  #kubelet(body: Body): void {
    const fault = this.#fault(body)
    const soon = this.#random() < 0.5
    switch (body.stage) {
      case 'pending':
        if (fault !== 'unschedulable' && soon) this.#go(body, 'creating')
        return
      case 'creating':
        if (fault !== 'image' && fault !== 'config' && soon) this.#go(body, 'running')
        return
      case 'running':
        if (fault === 'crash' && this.second - body.since >= 2) {
          this.#unready(body)
          body.diedAt = this.second
          this.#go(body, 'dead')
        } else if (
          fault !== 'crash' &&
          body.readySince === undefined &&
          this.second - Math.max(body.since, body.unreadySince) >= 3
        )
          body.readySince = this.second
        return
      case 'dead':
        if (this.second - body.since >= backOff(body.restarts)) {
          body.restarts++
          this.#go(body, 'running')
        }
        return
    }
  }

  #go(body: Body, stage: Stage): void {
    body.stage = stage
    body.since = this.second
  }

  #unready(body: Body): void {
    body.readySince = undefined
    body.unreadySince = this.second
  }

  #podView(body: Body): PodView {
    const fault = this.#fault(body)
    const scheduled = body.stage !== 'pending'
    const last =
      body.diedAt === undefined
        ? undefined
        : ({
            kind: 'terminated',
            reason: 'Error',
            message: '',
            exitCode: 1,
            finished: START + body.diedAt * 1000,
          } as const)
    const container: ContainerView = {
      name: 'zk',
      image: `zk:${body.revision}`,
      ready: body.readySince !== undefined,
      restarts: body.restarts,
      ports: [],
      state: this.#state(body, fault),
      last: body.stage === 'dead' && body.restarts === 0 ? undefined : last,
    }
    return {
      name: `zk-${body.ordinal}`,
      namespace: 'prod',
      uid: body.uid,
      ordinal: body.ordinal,
      revision: body.revision,
      owner: { kind: 'StatefulSet', name: 'zk', uid: 'set' },
      labels: {},
      node: scheduled ? `node-${body.ordinal}` : undefined,
      ip: undefined,
      phase: body.failed
        ? 'Failed'
        : body.stage === 'running' || body.stage === 'dead'
          ? 'Running'
          : 'Pending',
      reason: body.failed ? 'Evicted' : undefined,
      message: undefined,
      created: START + body.created * 1000,
      deleting: body.deletingUntil === undefined ? undefined : START + body.deletingUntil * 1000,
      ready: body.readySince !== undefined && !body.failed,
      readySince: START + (body.readySince ?? body.unreadySince) * 1000,
      unscheduled:
        scheduled || fault !== 'unschedulable'
          ? undefined
          : {
              reason: 'Unschedulable',
              message: '0/4 nodes are available: 4 Insufficient cpu.',
              since: START + body.created * 1000,
            },
      openGates: [],
      initContainers: [],
      containers: [container],
      claims: [],
      storage: 'claims',
      finalizers: [],
      preStop: [],
    }
  }

  #state(body: Body, fault: Fault): ContainerView['state'] {
    switch (body.stage) {
      case 'pending':
        return { kind: 'none' }
      case 'creating':
        if (fault === 'image')
          return {
            kind: 'waiting',
            reason: this.second % 7 < 3 ? 'ErrImagePull' : 'ImagePullBackOff',
            message: `Back-off pulling image "zk:${body.revision}": ErrImagePull: docker.io/library/zk:${body.revision}: not found`,
          }
        return fault === 'config'
          ? {
              kind: 'waiting',
              reason: 'CreateContainerConfigError',
              message: 'configmap "zk" not found',
            }
          : { kind: 'waiting', reason: 'ContainerCreating', message: '' }
      case 'running':
        return { kind: 'running', since: START + body.since * 1000 }
      case 'dead':
        if (body.restarts === 0)
          return {
            kind: 'terminated',
            reason: 'Error',
            message: '',
            exitCode: 1,
            finished: START + (body.diedAt ?? body.since) * 1000,
          }
        return {
          kind: 'waiting',
          reason: 'CrashLoopBackOff',
          message: `back-off ${spell(backOff(body.restarts))} restarting failed container=zk pod=zk-${body.ordinal}_prod(${body.uid})`,
        }
    }
  }

  #events(): readonly EventView[] {
    const refused = this.#wanted().filter(
      (ordinal) =>
        this.#at(ordinal) === undefined &&
        this.#fault({
          ordinal,
          revision: ordinal < this.shape.start + this.shape.partition ? this.current : this.update,
        }) === 'quota',
    )
    return refused.map((ordinal) => ({
      uid: `refused-${ordinal}`,
      type: 'Warning',
      reason: 'FailedCreate',
      message: `Create Pod zk-${ordinal} in StatefulSet zk failed error: pods "zk-${ordinal}" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0`,
      object: { kind: 'StatefulSet', name: 'zk', uid: 'set', fieldPath: undefined },
      last: this.now,
      count: this.refusals,
    }))
  }
}

/** Seconds before the n-th restart, as the kubelet waits. */
function backOff(restarts: number): number {
  return restarts === 0 ? 1 : Math.min(300, 10 * 2 ** (restarts - 1))
}

function spell(seconds: number): string {
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
