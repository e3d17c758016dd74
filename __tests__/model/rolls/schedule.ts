// A seed's schedule of what goes wrong while operations run at a simulated ensemble: the same seed
// plans the same, so that a failure can be looked at again.

import type { Clock } from '../../../src/clock.ts'
import type { SimulatedCluster } from '../../support/cluster/cluster.ts'
import type { Started } from '../../support/in-process.ts'

export type Trouble =
  /** A member's process ends and is restarted in its place. */
  | 'crash'
  /** Somebody deletes a member's pod. */
  | 'lost pod'
  /** No node takes a pod for a while. */
  | 'slow pod'
  /** A member with a new address stays outside for up to 80 s. */
  | 'slow rejoin'
  | 'watches lost'
  /** Watches are answered 410. */
  | 'history forgotten'
  /** One of the next requests is answered 429, 500, 503 or not at all. */
  | 'request refused'
  /** Served, but the answer is lost. */
  | 'answer lost'
  | 'slow lists'
  | 'API pauses'
  | 'tunnels cut'
  /** Somebody changes an annotation: nothing rolls. */
  | 'harmless edit'
  /** Somebody's `kubectl delete pvc --wait=false` of a member's claim. */
  | 'claim deleted'
  /** Somebody's `kubectl rollout restart`. */
  | 'rollout restart'
  /** Somebody's `kubectl rollout undo`. */
  | 'rollout undo'
  /** The runner of our run dies. */
  | 'kill'
  | 'cancel'

export interface Planned<Kind extends string = Trouble> {
  /** Simulated milliseconds after the run began. */
  readonly afterMs: number
  readonly trouble: Kind
  /** 0 to 1, what else is left to chance: which member, how long. */
  readonly chance: number
}

export interface Place {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  readonly namespace: string
  readonly set: string
  readonly replicas: number
}

/** Up to `most` troubles of the kinds given, within so many milliseconds. */
export function planFrom<Kind extends string>(
  random: () => number,
  kinds: readonly Kind[],
  most: number,
  withinMs: number,
): readonly Planned<Kind>[] {
  const count = kinds.length === 0 ? 0 : Math.floor(random() * (most + 1))
  const planned = Array.from({ length: count }, () => ({
    afterMs: Math.floor(random() * withinMs),
    trouble: kinds[Math.floor(random() * kinds.length)],
    chance: random(),
  }))
  return planned
    .flatMap(({ trouble, ...rest }) => (trouble === undefined ? [] : [{ ...rest, trouble }]))
    .toSorted((a, b) => a.afterMs - b.afterMs)
}

/** Plays the plan beside a run, until the run has ended; tells what was done, one line each. */
export async function play<Kind extends string>(
  place: Place,
  run: Started,
  plan: readonly Planned<Kind>[],
  befall: (place: Place, run: Started, next: Planned<Kind>) => string,
): Promise<readonly string[]> {
  const { clock } = place
  const done: string[] = []
  const began = clock.now()
  const over = new AbortController()
  const ended = run.ended.finally(() => over.abort())
  try {
    for (const next of plan) {
      await clock.sleep(Math.max(0, began + next.afterMs - clock.now()), over.signal)
      done.push(`${next.afterMs} ${next.trouble} ${befall(place, run, next)}`)
    }
  } catch (error) {
    if (!over.signal.aborted) throw error
  }
  await ended
  return done
}

/** Does it; gives what it was done to. */
export function befall(place: Place, run: Started, { trouble, chance }: Planned): string {
  const { cluster, clock, namespace, set, replicas } = place
  const pod = `${set}-${Math.floor(chance * replicas)}`
  const later = (ms: number, undo: () => void): string => {
    void clock.sleep(ms).then(undo)
    return `for ${ms} ms`
  }
  switch (trouble) {
    case 'crash':
      cluster.crash(namespace, pod)
      return pod
    case 'lost pod':
      if (cluster.objects.get('Pod', namespace, pod) !== undefined)
        cluster.somebody.delete('Pod', namespace, pod)
      return pod
    case 'slow pod': {
      const cordon = (unschedulable: boolean): void =>
        cluster.objects
          .list('Node')
          .forEach((node) => cluster.objects.put('Node', { ...node, spec: { unschedulable } }))
      cordon(true)
      return later(Math.floor(chance * 60_000), () => cordon(false))
    }
    case 'slow rejoin': {
      const { timing } = cluster.zookeeper(namespace, set)
      const usual = timing.rejoinMs
      timing.rejoinMs = Math.floor(chance * 80_000)
      return later(120_000, () => (timing.rejoinMs = usual))
    }
    case 'watches lost':
      cluster.faults.dropWatches()
      return ''
    case 'history forgotten':
      cluster.faults.forgetChanges()
      return ''
    case 'request refused': {
      const status = [429, 500, 503, undefined][Math.floor(chance * 4)]
      cluster.faults.next(
        status === undefined
          ? { drop: true }
          : { status, ...(status === 429 ? { retryAfterSeconds: 1 } : {}) },
      )
      return status === undefined ? 'dropped' : String(status)
    }
    case 'answer lost':
      cluster.faults.next({ dropAnswer: true })
      return ''
    case 'slow lists':
      cluster.faults.next({ verb: 'list', delayMs: Math.floor(chance * 20_000), times: 3 })
      return ''
    case 'API pauses':
      cluster.faults.pause()
      return later(Math.floor(chance * 20_000), () => cluster.faults.resume())
    case 'tunnels cut':
      cluster.faults.hangUpForwards()
      return ''
    case 'harmless edit':
      cluster.somebody.edit('StatefulSet', namespace, set, {
        metadata: { annotations: { note: String(chance) } },
      })
      return set
    case 'claim deleted': {
      const claim = `datadir-${pod}`
      if (cluster.objects.get('PersistentVolumeClaim', namespace, claim) !== undefined)
        cluster.somebody.delete('PersistentVolumeClaim', namespace, claim)
      return claim
    }
    case 'rollout restart':
      cluster.somebody.rolloutRestart(namespace, set)
      return set
    case 'rollout undo':
      cluster.somebody.rolloutUndo(namespace, set)
      return set
    case 'kill':
      run.kill(1 + Math.floor(chance * 30))
      return 'within 30 requests'
    case 'cancel':
      run.cancel()
      return ''
  }
}
