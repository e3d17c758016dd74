// Manifests in memory for the tests of loading and lint: one sound ensemble, and edits of it that
// make one thing wrong.

import { EnsembleError, type Finding } from '../../../src/errors.ts'
import { parseInputs } from '../../support/parse-inputs.ts'
import type { ManifestIo } from '../../../src/manifests/io.ts'
import { loadManifests, type Loaded } from '../../../src/manifests/load.ts'

export const SOUND = `apiVersion: v1
kind: Service
metadata:
  name: zk-hs
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {app: zk}
  ports:
  - {name: server, port: 2888}
---
apiVersion: v1
kind: Service
metadata:
  name: zk-cs
spec:
  selector: {app: zk}
  ports:
  - {name: client, port: 2181}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: zk-pdb
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {app: zk}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: zk
spec:
  serviceName: zk-hs
  replicas: 3
  podManagementPolicy: Parallel
  selector:
    matchLabels: {app: zk}
  template:
    metadata:
      labels: {app: zk}
    spec:
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - topologyKey: kubernetes.io/hostname
            labelSelector: {matchLabels: {app: zk}}
      containers:
      - name: server
        image: zookeeper:3.9
        command: [bash, -c, 'export ZOO_MY_ID=$((\${HOSTNAME##*-} + 1)); exec /docker-entrypoint.sh zkServer.sh start-foreground']
        ports:
        - {name: client, containerPort: 2181}
        - {name: server, containerPort: 2888}
        env:
        - {name: ZOO_SERVERS, value: server.1=zk-0.zk-hs:2888:3888;2181 server.2=zk-1.zk-hs:2888:3888;2181 server.3=zk-2.zk-hs:2888:3888;2181}
        - {name: ZOO_DATA_LOG_DIR, value: /data/log}
        - {name: ZOO_AUTOPURGE_PURGEINTERVAL, value: "12"}
        - {name: ZK_SERVER_HEAP, value: "512"}
        resources: {limits: {memory: 1Gi}}
        readinessProbe: {exec: {command: [bash, -c, 'srvr | grep Mode']}}
        livenessProbe: {tcpSocket: {port: client}}
        volumeMounts:
        - {name: data, mountPath: /data}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

/** The sound ensemble with some texts replaced, each of which must be there once. */
export function edited(...edits: readonly (readonly [from: string, to: string])[]): string {
  return edits.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2)
      throw new Error(`${JSON.stringify(from)} is there ${text.split(from).length - 1} times`)
    return text.replace(from, () => to)
  }, SOUND)
}

export function memoryIo(files: Readonly<Record<string, string>>): ManifestIo {
  const at = (path: string): string | undefined => files[path.replace('/work/', '')]
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'))
  return {
    workspace: '/work',
    temp: undefined,
    open: (path) =>
      Promise.resolve(
        at(path) === undefined
          ? undefined
          : { kind: 'file', real: path, size: 1, bytes: Buffer.from(at(path) ?? '') },
      ),
    realpath: (path) => Promise.resolve(path),
    stat: (path) => Promise.resolve(at(path) === undefined ? undefined : { kind: 'file', size: 1 }),
    readDirectory: unused,
    glob: unused,
    run: unused,
    fetch: unused,
    hide: () => undefined,
  }
}

export interface Outcome {
  readonly loaded: Loaded | undefined
  readonly findings: readonly Finding[]
  readonly error: EnsembleError | undefined
}

/** Loads files (or one text) as a deploy would, with further inputs. */
export async function load(
  files: string | Readonly<Record<string, string>>,
  inputs: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const named = typeof files === 'string' ? { 'zk.yaml': files } : files
  const env = Object.fromEntries(
    Object.entries({ manifests: Object.keys(named).join('\n'), ...inputs }).map(([id, value]) => [
      `INPUT_${id.toUpperCase()}`,
      value,
    ]),
  )
  try {
    const loaded = await loadManifests(
      parseInputs(env),
      memoryIo(named),
      new AbortController().signal,
    )
    // What is no fault is told too, and has tests of its own.
    return {
      loaded,
      findings: loaded.findings.filter(({ severity }) => severity !== 'notice'),
      error: undefined,
    }
  } catch (error) {
    if (!(error instanceof EnsembleError)) throw error
    return { loaded: undefined, findings: error.findings, error }
  }
}

/** The text of the line that a finding points at. */
export function lineOf(text: string, finding: Finding | undefined): string {
  return text.split('\n')[(finding?.place?.line ?? 0) - 1]?.trim() ?? ''
}
