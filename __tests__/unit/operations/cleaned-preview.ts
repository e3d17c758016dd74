// What the tests of cleanup share: a small ensemble in a namespace of its own, deployed and deleted
// in this process, and what is left in the cluster.

import type { Clock } from '../../../src/clock.ts'
import { startCluster, type SimulatedCluster } from '../../support/cluster/cluster.ts'
import { text } from '../../support/cluster/json.ts'
import {
  clusterClock,
  runHere,
  startRun,
  type Ended,
  type Started,
} from '../../support/in-process.ts'

export const PREVIEW = 'preview-7'

/** Three pods with a claim each, a Service, a ConfigMap and a budget. */
export const WEB = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: web-settings
data: {a: b}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: web
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: web
spec:
  serviceName: web
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: busybox:1.36
        command: [sleep, infinity]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

export interface Site {
  readonly cluster: SimulatedCluster
  readonly clock: Clock
  deploy(inputs?: Readonly<Record<string, string>>, name?: string): Promise<Ended>
  cleanup(inputs?: Readonly<Record<string, string>>, name?: string): Promise<Ended>
  start(
    operation: 'deploy' | 'cleanup',
    inputs: Readonly<Record<string, string>>,
    name: string,
    onLine?: (line: string) => void,
  ): Started
  /** `kind/name` of everything in a namespace but what the cluster puts there. */
  inside(namespace: string): readonly string[]
  volumes(): number
}

const DEPLOY = {
  operation: 'deploy',
  profile: 'none',
  verify: 'off',
  namespace: PREVIEW,
  'create-namespace': 'true',
  manifests: 'web.yaml',
}

export async function withSite(work: (site: Site) => Promise<void>): Promise<void> {
  // All kinds of a namespace are listed side by side.
  const clock = clusterClock(60)
  const cluster = await startCluster({ clock, images: { 'busybox:slow': { pullMs: 3_600_000 } } })
  const inputsOf = (
    operation: 'deploy' | 'cleanup',
    inputs: Readonly<Record<string, string>>,
  ): Record<string, string> =>
    operation === 'deploy'
      ? { ...DEPLOY, ...inputs }
      : { operation, ...('sweep' in inputs ? {} : { namespace: PREVIEW }), ...inputs }
  const start: Site['start'] = (operation, inputs, name, onLine) =>
    startRun({
      cluster,
      clock,
      inputs: inputsOf(operation, inputs),
      files: { 'web.yaml': WEB },
      name,
      ...(onLine === undefined ? {} : { onLine }),
    })
  try {
    await work({
      cluster,
      clock,
      start,
      deploy: (inputs = {}, name = 'run') =>
        runHere({
          cluster,
          clock,
          inputs: inputsOf('deploy', inputs),
          files: { 'web.yaml': WEB },
          name,
        }),
      cleanup: (inputs = {}, name = 'run') =>
        runHere({
          cluster,
          clock,
          inputs: inputsOf('cleanup', inputs),
          files: { 'web.yaml': WEB },
          name,
        }),
      inside: (namespace) =>
        [
          'StatefulSet',
          'Pod',
          'Service',
          'ConfigMap',
          'PodDisruptionBudget',
          'PersistentVolumeClaim',
          'Lease',
          'Secret',
          'Deployment',
        ]
          .flatMap((kind) =>
            cluster.objects
              .list(kind, namespace)
              .map((object) => `${kind.toLowerCase()}/${text(object, 'metadata', 'name')}`),
          )
          .filter((one) => one !== 'configmap/kube-root-ca.crt'),
      volumes: () => cluster.objects.list('PersistentVolume').length,
    })
  } finally {
    await cluster.stop()
  }
}

/** Result and code, with the log where it is looked for in vain. */
export function told({ report, lines, faults }: Ended): {
  readonly result: string
  readonly code: string
  readonly log: string
} {
  return {
    result: report.result,
    code: report.code,
    log: [...lines, ...faults, ...report.findings.map(({ message }) => message)].join('\n'),
  }
}
