// Nodes that lose their power, come back and are removed, and what the node lifecycle controller
// and the garbage collector then do to them and their pods.

import { randomUUID } from 'node:crypto'
import { isFields, items, put, text } from '../json.ts'
import { kindOf } from '../kinds.ts'
import { removeObject } from '../deletion.ts'
import type { Stored } from '../store.ts'
import { controllerOf, isDeleting, isReady, setCondition, timestamp, uidOf } from '../store.ts'
import type { World } from '../world.ts'
import { nodeOf } from '../world.ts'
import type { Kubelet } from './kubelet.ts'

export interface Nodes {
  /**
   * Ends every process on the node. Its Ready is Unknown after the grace of the lifecycle
   * controller, its pods stay as they are, not Ready.
   */
  cutPower(name: string): void
  /** Gives it power again: it boots, with another boot id, and its pods' containers start again. */
  power(name: string): void
  /** `cutPower`, and `power` after so many simulated milliseconds. */
  reboot(name: string, ms: number): void
  /** The machine is gone for good, and its Node with it; its pods are collected a little later. */
  remove(name: string): void
}

const NODE = kindOf('Node')
const POD = kindOf('Pod')
/**
 * Defaults of kube-controller-manager (node-monitor-grace-period), of the admission
 * (tolerationSeconds) and of its pod garbage collector.
 */
const GRACE_MS = 50_000
const TOLERATED_MS = 300_000
const COLLECTED_MS = 60_000
const BOOT_MS = 5000
const UNREACHABLE = 'node.kubernetes.io/unreachable'

export function createNodes(world: World, kubelet: Pick<Kubelet, 'cut' | 'power'>): Nodes {
  const { store } = world
  /** Of the cut that holds. */
  const dark = new Map<string, object>()

  function edit(name: string, change: (draft: Stored) => void): void {
    const node = store.get(NODE, '', name)
    if (node !== undefined)
      store.as({ by: 'node-controller', verb: '' }, () => store.edit(NODE, node, change))
  }
  const podsOn = (name: string): Stored[] => store.list(POD).filter((pod) => nodeOf(pod) === name)

  function unreachable(name: string): void {
    edit(name, (draft) => {
      setCondition(draft, store.now(), 'Ready', 'Unknown', {
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
      })
      const others = items(draft, 'spec', 'taints').filter(
        (taint) => text(taint, 'key') !== UNREACHABLE,
      )
      const timeAdded = timestamp(store.now())
      put(
        draft,
        ['spec', 'taints'],
        [
          ...others,
          { key: UNREACHABLE, effect: 'NoSchedule', timeAdded },
          { key: UNREACHABLE, effect: 'NoExecute', timeAdded },
        ],
      )
    })
    store.as({ by: 'node-controller', verb: '' }, () => {
      for (const pod of podsOn(name))
        if (isReady(pod))
          store.edit(POD, pod, (draft) => setCondition(draft, store.now(), 'Ready', 'False'))
    })
  }
  /** Deleted, and Terminating for as long as no kubelet ends them. */
  function evictTainted(name: string): void {
    store.as({ by: 'taint-eviction-controller', verb: '' }, () => {
      for (const pod of podsOn(name))
        if (!isDeleting(pod) && text(controllerOf(pod), 'kind') !== 'DaemonSet')
          removeObject(world, POD, pod, {})
    })
  }

  function cutPower(name: string): void {
    if (dark.has(name)) return
    const mine = {}
    dark.set(name, mine)
    const unlessBack = (act: (name: string) => void) => (): void => {
      if (dark.get(name) === mine) act(name)
    }
    store.as({ by: 'power', verb: '' }, () => kubelet.cut(name))
    world.after(GRACE_MS, unlessBack(unreachable))
    world.after(GRACE_MS + TOLERATED_MS, unlessBack(evictTainted))
  }
  function power(name: string): void {
    if (!dark.delete(name)) return
    world.after(BOOT_MS, () => {
      if (dark.has(name)) return
      edit(name, (draft) => {
        put(draft, ['status', 'nodeInfo', 'bootID'], randomUUID())
        setCondition(draft, store.now(), 'Ready', 'True', {
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        })
        const left = items(draft, 'spec', 'taints').filter(
          (taint) => text(taint, 'key') !== UNREACHABLE,
        )
        put(draft, ['spec', 'taints'], left.length === 0 ? undefined : left)
        if (left.length === 0 && isFields(draft['spec'])) delete draft['spec']['taints']
      })
      kubelet.power(name)
    })
  }
  return {
    cutPower,
    power,
    reboot(name, ms) {
      cutPower(name)
      world.after(ms, () => power(name))
    },
    remove(name) {
      cutPower(name)
      const node = store.get(NODE, '', name)
      if (node !== undefined) store.remove(NODE, node)
      const left = new Set(podsOn(name).map(uidOf))
      world.after(COLLECTED_MS, () => {
        store.as({ by: 'pod-garbage-collector', verb: '' }, () => {
          for (const pod of podsOn(name)) if (left.has(uidOf(pod))) store.remove(POD, pod)
        })
      })
    },
  }
}
