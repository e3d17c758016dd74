// What goes wrong while nodes are drained: beside all that befalls members and the API, power cuts,
// nodes that take no pods, and people who cordon and uncordon.

import type { Started } from '../../support/in-process.ts'
import { at, items, put, text } from '../../support/cluster/json.ts'
import { befall, type Place, type Planned, type Trouble } from '../rolls/schedule.ts'

export const MARK = 'zk-ensemble-action/cordon'

export type NodeTrouble =
  | Exclude<Trouble, 'slow pod' | 'claim deleted' | 'rollout restart' | 'rollout undo'>
  /** A member's node loses its power, for up to two minutes. */
  | 'power cut'
  /** No node takes a pod for a while. */
  | 'nodes take nothing'
  /** Somebody cordons a node, one in a run at most. */
  | 'cordoned'
  /** Somebody uncordons a node that is cordoned, whoever's cordon it is. */
  | 'uncordoned'

/** Nodes that somebody else has cordoned and nobody has uncordoned. */
export type Theirs = Set<string>

const BUSY = 'example.org/busy'

export function befallNodes(
  theirs: Theirs,
): (place: Place, run: Started, next: Planned<NodeTrouble>) => string {
  return (place, run, next) => {
    const { cluster, clock, namespace, set, replicas } = place
    const { trouble, chance } = next
    const nodes = cluster.objects.list('Node')
    const pick = <T>(all: readonly T[]): T | undefined => all[Math.floor(chance * all.length)]
    switch (trouble) {
      case 'power cut': {
        const node = text(
          cluster.objects.get('Pod', namespace, `${set}-${Math.floor(chance * replicas)}`),
          'spec',
          'nodeName',
        )
        if (node === '') return 'nowhere'
        cluster.nodes.reboot(node, Math.floor(((chance * 10) % 1) * 120_000))
        return node
      }
      case 'nodes take nothing': {
        const taint = (on: boolean): void => {
          for (const node of cluster.objects.list('Node')) {
            cluster.objects.edit('Node', '', text(node, 'metadata', 'name'), (draft) =>
              put(
                draft,
                ['spec', 'taints'],
                [
                  ...items(draft, 'spec', 'taints').filter((one) => text(one, 'key') !== BUSY),
                  ...(on ? [{ key: BUSY, effect: 'NoSchedule' }] : []),
                ],
              ),
            )
          }
        }
        const ms = Math.floor(chance * 60_000)
        taint(true)
        void clock.sleep(ms).then(() => taint(false))
        return `for ${ms} ms`
      }
      case 'cordoned': {
        // A mark that an earlier uncordon by hand has left would make it look like ours.
        const node = text(
          pick(
            nodes.filter(
              (one) =>
                at(one, 'spec', 'unschedulable') !== true &&
                text(one, 'metadata', 'annotations', MARK) === '',
            ),
          ),
          'metadata',
          'name',
        )
        if (node === '' || theirs.size > 0) return 'nowhere'
        cluster.somebody.cordon(node)
        theirs.add(node)
        return node
      }
      case 'uncordoned': {
        const node = text(
          pick(nodes.filter((one) => at(one, 'spec', 'unschedulable') === true)),
          'metadata',
          'name',
        )
        if (node === '') return 'nowhere'
        cluster.somebody.uncordon(node)
        theirs.delete(node)
        return node
      }
      case 'crash':
      case 'lost pod':
      case 'slow rejoin':
      case 'watches lost':
      case 'history forgotten':
      case 'request refused':
      case 'answer lost':
      case 'slow lists':
      case 'API pauses':
      case 'tunnels cut':
      case 'harmless edit':
      case 'kill':
      case 'cancel':
        return befall(place, run, { ...next, trouble })
    }
  }
}
