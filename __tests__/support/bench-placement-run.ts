// The process whose time and memory bench-placement.ts tells: reads the cluster of KUBECONFIG,
// decides, and prints what it cost as JSON.

import { tmpdir } from 'node:os'
import { systemClock } from '../../src/clock.ts'
import { planPlacements } from '../../src/decide/placement/plan-placements.ts'
import { connectKube } from '../../src/kube/connect.ts'
import { readCluster } from '../../src/procedures/drain/read-cluster.ts'
import { placePods } from './place-pods.ts'

const mostMb = (): number => Math.round(process.resourceUsage().maxRSS / 1024)

const { kube } = await connectKube({
  kubeconfig: undefined,
  context: undefined,
  env: process.env,
  workspace: tmpdir(),
  temp: tmpdir(),
  clock: systemClock,
})
const startMb = mostMb()
const drained = new Set(['node-100'])
const began = performance.now()
const cluster = await readCluster(kube, drained, AbortSignal.timeout(600_000))
const read = performance.now()
const pods = cluster.pods.filter(
  (pod) => pod.node === 'node-100' && pod.owner?.kind !== 'DaemonSet',
)
const answers = placePods(cluster, drained, pods)
const decided = performance.now()
planPlacements(
  cluster,
  [100, 101, 102, 103, 104].map((index) => ({ node: `node-${index}`, staysCordoned: false })),
)
const planned = performance.now()
kube.close()
console.log(
  JSON.stringify({
    pods: pods.length,
    fit: answers.filter(({ kind }) => kind === 'fits').length,
    readMs: read - began,
    decideMs: decided - read,
    planMs: planned - decided,
    startMb,
    mostMb: mostMb(),
  }),
)
