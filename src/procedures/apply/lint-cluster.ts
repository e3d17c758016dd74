// The lint once more, with what the manifests leave to the cluster: ConfigMaps and the headless
// service of other stacks, and the number of members that run where `replicas` is left out.

import type { Finding } from '../../errors.ts'
import type { Inputs } from '../../inputs/inputs.ts'
import { KubeFailure } from '../../kube/failure.ts'
import type { Kube, KubeObject } from '../../kube/kube.ts'
import { atLintLevel } from '../../manifests/lint-level.ts'
import { lint } from '../../manifests/lint.ts'
import type { ClusterSeen, LintSubject } from '../../manifests/lint-rules/rule.ts'
import { withCluster } from '../../manifests/lint-subject.ts'
import type { Loaded } from '../../manifests/load.ts'
import type { Manifest } from '../../manifests/manifest.ts'
import type { ConfigMaps } from '../../manifests/mounted-files.ts'
import { referencedConfigMaps } from '../../manifests/named-members.ts'
import { parseService, parseSet } from '../../manifests/shapes.ts'
import { textsOf } from '../../manifests/texts.ts'

export interface Asked {
  readonly namespace: string
  /** The namespace is there, so that there may be something in it. */
  readonly there: boolean
  /** The set as it is; undefined where there is none. */
  readonly live: KubeObject | undefined
  readonly level: Inputs['lint']
}

/** Findings that the manifests alone did not give. */
export async function lintWithCluster(
  kube: Pick<Kube, 'get'>,
  { linted, findings }: Loaded,
  { namespace, there, live, level }: Asked,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (linted.profile === 'none') return []
  const [configMaps, headless] = await Promise.all([
    readConfigMaps(kube, linted, namespace, there, signal),
    readHeadless(kube, linted, namespace, there, signal),
  ])
  const running = live === undefined ? 1 : (parseSet(live)?.spec.replicas ?? 1)
  const found = atLintLevel(
    lint(
      withCluster(linted, {
        namespace,
        configMaps,
        running,
        cluster: { headless, first: live === undefined },
      }),
    ),
    level,
  )
  return found.filter(
    (finding) =>
      !findings.some(
        (known) => known.message === finding.message && known.place?.line === finding.place?.line,
      ),
  )
}

/**
 * What may not be read stays out: the lint says that it could not look at it. One that isn't there
 * is empty.
 */
async function readConfigMaps(
  kube: Pick<Kube, 'get'>,
  { set, configMaps }: LintSubject,
  namespace: string,
  there: boolean,
  signal: AbortSignal,
): Promise<ConfigMaps> {
  const open = referencedConfigMaps(set.shape).filter((name) => !configMaps.has(name))
  const read = await Promise.all(
    open.map(
      async (name) =>
        [
          name,
          there ? await readIfAllowed(kube, 'ConfigMap', name, namespace, signal) : undefined,
        ] as const,
    ),
  )
  return new Map(
    read.flatMap(([name, object]) =>
      object === 'unreadable' ? [] : [[name, textsOf(object?.['data'])] as const],
    ),
  )
}

async function readHeadless(
  kube: Pick<Kube, 'get'>,
  { set, services, profile }: LintSubject,
  namespace: string,
  there: boolean,
  signal: AbortSignal,
): Promise<ClusterSeen['headless']> {
  const name = set.shape.spec.serviceName
  if (
    name === '' ||
    profile === 'custom' ||
    services.some(({ manifest }) => manifest.object.metadata.name === name)
  )
    return 'absent'
  const object = there ? await readIfAllowed(kube, 'Service', name, namespace, signal) : undefined
  if (object === 'unreadable') return object
  const shape = object === undefined ? undefined : parseService(object)
  if (object === undefined || shape === undefined) return 'absent'
  // It stands in no file: its place is where the set names it.
  const manifest: Manifest = {
    object,
    place: set.manifest.place,
    placeOf: () => set.manifest.placeOf(['spec', 'serviceName']),
  }
  return { manifest, shape }
}

async function readIfAllowed(
  kube: Pick<Kube, 'get'>,
  kind: string,
  name: string,
  namespace: string,
  signal: AbortSignal,
): Promise<KubeObject | undefined | 'unreadable'> {
  try {
    return await kube.get({ apiVersion: 'v1', kind, name, namespace }, signal)
  } catch (error) {
    if (error instanceof KubeFailure && (error.status === 401 || error.status === 403))
      return 'unreadable'
    throw error
  }
}
