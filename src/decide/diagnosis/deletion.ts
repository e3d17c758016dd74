// Why a pod that was evicted is still there: each cause has its own way out, and only one of
// them is the node's.

import { formatSpan } from '../../clock.ts'
import type { PodView } from '../../view/workload.ts'

/** Of its node; undefined where it isn't known. */
export type NodeNow = 'ready' | 'not ready' | 'gone' | undefined

export interface Hanging {
  /** `grace`: nothing is wrong yet. */
  readonly cause: 'grace' | 'finalizer' | 'node' | 'process' | 'volume' | 'unknown'
  /** One line, without the pod's name: `is held by …`. */
  readonly what: string
  /** The way out. */
  readonly fix: string
  /** Since when it should be gone; milliseconds since the epoch. */
  readonly since: number
}

/** Undefined for a pod that nobody told to end. */
export function whyNotGone(pod: PodView, node: NodeNow, now: number): Hanging | undefined {
  const { deleting, finalizers } = pod
  if (deleting === undefined) return undefined
  const running = [...pod.initContainers, ...pod.containers]
    .filter(({ state }) => state.kind === 'running')
    .map(({ name }) => name)
  if (finalizers.length > 0 && (running.length === 0 || pod.node === undefined))
    return held(pod, deleting, now)
  if (node === 'not ready') return byNode(pod, deleting)
  if (node === 'gone') return nodeGone(pod, deleting)
  if (now <= deleting) return inGrace(pod, running, deleting, now)
  return running.length > 0
    ? processRuns(pod, running, node, deleting)
    : volumeInTheWay(pod, node, deleting)
}

function inGrace(
  { preStop }: PodView,
  running: readonly string[],
  deleting: number,
  now: number,
): Hanging {
  const hook = preStop.filter((name) => running.includes(name))
  const left = `${formatSpan(deleting - now)} of its grace period are left`
  const fix = `Wait: it is ended when its grace period is over (terminationGracePeriodSeconds${hook.length > 0 ? ', which counts for the preStop hook too' : ''}). For a shorter one, change the pod template.`
  const grace = { cause: 'grace', since: deleting, fix } as const
  if (hook.length > 0)
    return {
      ...grace,
      what: `its preStop hook (container ${hook.join(', ')}), or its server after it, has not ended yet: ${left}`,
    }
  return running.length > 0
    ? { ...grace, what: `${running.join(', ')} has not ended yet: ${left}` }
    : { ...grace, what: `its containers have ended: its kubelet cleans up (${left})` }
}

function processRuns(
  pod: PodView,
  running: readonly string[],
  node: NodeNow,
  deleting: number,
): Hanging {
  const name = pod.node ?? ''
  return {
    cause: node === undefined ? 'unknown' : 'process',
    since: deleting,
    what: `${running.join(', ')} still ${running.length === 1 ? 'runs' : 'run'} although its grace period is over${unseen(pod, node)}`,
    fix: `${node === undefined ? `See whether the node is Ready: kubectl get node ${name}. If it is, its` : `The node ${name} is Ready, but its`} kubelet can't end the process; a process that hangs in its storage can't be killed. See the kubelet's log on ${pod.node ?? 'the node'}; a reboot of that node ends the process.`,
  }
}

function volumeInTheWay(pod: PodView, node: NodeNow, deleting: number): Hanging {
  return {
    cause: 'volume',
    since: deleting,
    what: `its containers have ended, but its kubelet on ${pod.node ?? 'its node'} does not remove it: most often a volume that can't be unmounted${unseen(pod, node)}`,
    fix: `See the kubelet's log on ${pod.node ?? 'the node'} for unmount errors, the pod of the storage driver there, and kubectl get volumeattachments. Not --force: the volume would still be in use there.`,
  }
}

function unseen({ node: name = '' }: PodView, node: NodeNow): string {
  return node === undefined ? `; whether its node ${name} is Ready could not be read` : ''
}

function nodeGone({ node = '' }: PodView, deleting: number): Hanging {
  return {
    cause: 'node',
    since: deleting,
    what: `its node ${node} is not in the cluster any more`,
    fix: 'The cluster removes the pods of such a node within a minute or two. If the machine still runs, switch it off.',
  }
}

function held(
  { name, namespace, finalizers, containers }: PodView,
  deleting: number,
  now: number,
): Hanging {
  const ended = containers.flatMap(({ state }) =>
    state.kind === 'terminated' && state.finished > 0 ? [state.finished] : [],
  )
  return {
    cause: 'finalizer',
    since: Math.min(now, ended.length === 0 ? deleting : Math.max(...ended)),
    what: `its containers have ended, but it is held by the ${finalizers.length === 1 ? 'finalizer' : 'finalizers'} ${finalizers.join(', ')}`,
    fix: `Whoever set it must remove it: look at that controller. Only if it is gone for good: kubectl -n ${namespace} patch pod ${name} --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`,
  }
}

function byNode({ name, namespace, node = 'its node' }: PodView, deleting: number): Hanging {
  return {
    cause: 'node',
    since: deleting,
    what: `its node ${node} is not Ready: the kubelet there, which alone can end it, does not answer`,
    fix: `Bring ${node} back. Only if its machine is off for certain, since two members with one identity must never run: kubectl taint nodes ${node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, or kubectl -n ${namespace} delete pod ${name} --force. Remove the taint before the machine is started again: kubectl taint nodes ${node} node.kubernetes.io/out-of-service-`,
  }
}
