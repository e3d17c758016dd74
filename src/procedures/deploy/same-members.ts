// Whether an earlier revision would make the members another way than the one that failed: where it
// would not, an undo meets the same fault. In doubt it would.

import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { objectName, type KubeObject } from '../../kube/kube.ts'
import { placedPodReader, toSet, ViewError } from '../../kube/views/index.ts'
import { contentOf } from '../../manifests/digest.ts'
import { withMembers } from '../../manifests/member-list.ts'
import type { ProfileName } from '../../view/profile-name.ts'
import type { Ground } from '../apply/preflight.ts'

type Failing = Pick<Ground, 'manifests' | 'setManifest' | 'profile'>

/** Volumes of other kinds may tie a pod to nodes. */
const ANYWHERE = ['configMap', 'secret', 'emptyDir', 'downwardAPI', 'projected', 'hostPath']

/** Fields of the pod that the server turns into demands when it makes the pod, or that rank nodes. */
const AS_WRITTEN = [
  'affinity',
  'nodeName',
  'os',
  'overhead',
  'priorityClassName',
  'resources',
  'runtimeClassName',
]

const amounts = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? {})
const containers = z
  .array(
    z.looseObject({
      resources: z.looseObject({ limits: amounts, requests: amounts }).nullish(),
    }),
  )
  .nullish()
  .transform((value) => value ?? [])

const templateSchema = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      metadata: z.looseObject({ labels: z.record(z.string(), z.string()).nullish() }).nullish(),
      spec: z.looseObject({
        containers,
        initContainers: containers,
        volumes: z.array(z.looseObject({ name: z.string() })).nullish(),
        hostNetwork: z.boolean().nullish(),
      }),
    }),
  }),
})

type Template = z.infer<typeof templateSchema>['spec']['template']

/** How an earlier revision compares with the one that failed. */
export function compareMembers(
  { manifests, setManifest: { object: set }, profile }: Failing,
  earlier: readonly KubeObject[],
): { readonly asksSame: boolean; readonly makesSame: boolean } {
  const before = earlier.find(({ kind }) => kind === 'StatefulSet')
  if (before === undefined) return { asksSame: false, makesSame: false }
  const asked = readByScheduler(set)
  return {
    asksSame: asked !== undefined && isDeepStrictEqual(asked, readByScheduler(before)),
    makesSame:
      isSameButForNumber(set, before, profile) &&
      manifests.every(({ object }) => isAsBefore(object, earlier)),
  }
}

/** Undefined where it isn't known before the pods are made. */
function readByScheduler(set: KubeObject): unknown {
  const template = templateSchema.safeParse(set).data?.spec.template
  // The server makes every port one of the node, and gives each revision a label of its own.
  if (template === undefined || template.spec.hostNetwork === true) return undefined
  const { affinity, topologySpreadConstraints } = template.spec
  const selectors = JSON.stringify([affinity, topologySpreadConstraints])
  if (selectors.includes('controller-revision-hash')) return undefined
  try {
    const { demands, claims, ephemeral } = placedPodReader()(podOf(set, template))
    return {
      demands,
      claims,
      ephemeral,
      claimTemplates: toSet(set).claimTemplates,
      // Other labels may change with every release; no selector of the members goes by them.
      labels: Object.fromEntries(
        Object.entries(template.metadata?.labels ?? {}).filter(([key]) =>
          selectors.includes(JSON.stringify(key)),
        ),
      ),
      volumes: (template.spec.volumes ?? []).filter((volume) =>
        ANYWHERE.every((kind) => volume[kind] === undefined),
      ),
      asWritten: AS_WRITTEN.map((field) => template.spec[field]),
    }
  } catch (error) {
    if (error instanceof ViewError) return undefined
    throw error
  }
}

/** As the server makes it: where nothing is requested, the limit is. */
function podOf(set: KubeObject, { spec }: Template): KubeObject {
  const filled = (list: typeof spec.containers): object[] =>
    list.map(({ resources, ...rest }) => ({
      ...rest,
      resources: {
        ...resources,
        requests: { ...resources?.limits, ...resources?.requests },
      },
    }))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: set.metadata.name },
    spec: {
      ...spec,
      containers: filled(spec.containers),
      initContainers: filled(spec.initContainers),
    },
  }
}

function isSameButForNumber(set: KubeObject, before: KubeObject, profile: ProfileName): boolean {
  const resized = withMembers(before, toSet(set).replicas, profile)
  return 'set' in resized && isDeepStrictEqual(resized.set['spec'], set['spec'])
}

/** What members read, and the names that lead to them; a Service that is new is of a new member. */
function isAsBefore(object: KubeObject, earlier: readonly KubeObject[]): boolean {
  if (object.kind !== 'ConfigMap' && object.kind !== 'Service') return true
  const before = earlier.find((one) => objectName(one) === objectName(object))
  return before === undefined
    ? object.kind === 'Service'
    : isDeepStrictEqual(contentOf(object), contentOf(before))
}
