// `replicas` left out of a manifest: as many members as run, never one because a field was given
// up; and who else owns the number keeps owning it.

import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../../src/kube/kube.ts'
import type { Manifest } from '../../../../src/manifests/manifest.ts'
import {
  keepCount,
  leavesCountOut,
  wantedCount,
} from '../../../../src/procedures/apply/kept-count.ts'

const REPLICAS = { 'f:spec': { 'f:replicas': {}, 'f:serviceName': {} } }
const LAST_APPLIED = {
  ...REPLICAS,
  'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/last-applied-configuration': {} } },
}
const OTHERS = { 'f:spec': { 'f:serviceName': {} } }

interface Entry {
  readonly manager: string
  readonly operation?: string
  readonly subresource?: string
  readonly fields?: unknown
}

function set(replicas: number | null | undefined, entries: readonly Entry[] = []): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'keeper',
      namespace: 'shop',
      uid: 'u',
      managedFields: entries.map(
        ({ manager, operation = 'Apply', subresource, fields = REPLICAS }) => ({
          manager,
          operation,
          apiVersion: 'apps/v1',
          ...(subresource === undefined ? {} : { subresource }),
          fieldsV1: fields,
        }),
      ),
    },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      serviceName: 'keeper-peers',
      selector: { matchLabels: { app: 'keeper' } },
      template: {
        metadata: { labels: { app: 'keeper' } },
        spec: { containers: [{ name: 'c', image: 'zookeeper:3.9' }] },
      },
    },
  }
}

function manifest(replicas?: number | null): Manifest {
  const place = { file: 'zk.yaml', line: 1 }
  return { object: set(replicas), place, placeOf: (path) => ({ ...place, line: path.length + 1 }) }
}

describe('how many members are wanted', () => {
  test.each<readonly [string, number | null | undefined, number | undefined, number]>([
    ['said, first deploy', 3, undefined, 3],
    ['said, another number runs', 3, 5, 3],
    ['said: none', 0, 3, 0],
    ['left out, first deploy: Kubernetes makes one', undefined, undefined, 1],
    ['written as null, which is left out', null, 3, 3],
    ['left out, three run', undefined, 3, 3],
    ['left out, an autoscaler made five', undefined, 5, 5],
    ['left out, scaled by hand to none', undefined, 0, 0],
  ])('%s', (_, written, running, expected) => {
    expect(wantedCount(set(written), running === undefined ? undefined : set(running))).toBe(
      expected,
    )
    expect(leavesCountOut(set(written))).toBe(typeof written !== 'number')
  })
})

describe('what is applied', () => {
  const OURS = 'zk-ensemble-action'
  const applied = (written: number | null | undefined, live: KubeObject | undefined): unknown => {
    const spec = keepCount(manifest(written), live).object['spec']
    return typeof spec === 'object' && spec !== null && 'replicas' in spec
      ? spec.replicas
      : 'left out'
  }

  test.each<readonly [string, number | null | undefined, KubeObject | undefined, unknown]>([
    ['a first deploy stays as it is written', undefined, undefined, 'left out'],
    [
      'we own the number: left out it would fall back to one, so it is carried',
      undefined,
      set(3, [{ manager: OURS }]),
      3,
    ],
    [
      'kubectl apply owns it, whose fields we take over',
      undefined,
      set(4, [{ manager: 'kubectl-client-side-apply', operation: 'Update', fields: LAST_APPLIED }]),
      4,
    ],
    [
      'kubectl scale wrote it last',
      undefined,
      set(4, [{ manager: 'kubectl', operation: 'Update', subresource: 'scale' }]),
      'left out',
    ],
    [
      'an autoscaler owns it, by the scale subresource: it keeps owning it',
      undefined,
      set(5, [
        { manager: OURS, fields: OTHERS },
        { manager: 'kube-controller-manager', operation: 'Update', subresource: 'scale' },
      ]),
      'left out',
    ],
    [
      'another controller applies it',
      undefined,
      set(5, [{ manager: OURS, fields: OTHERS }, { manager: 'keda-operator' }]),
      'left out',
    ],
    ['we own it, and it was scaled to none since', undefined, set(0, [{ manager: OURS }]), 0],
    ['written as null it is left out as well', null, set(3, [{ manager: OURS }]), 3],
    ['a number that is written is the manifest’s', 3, set(5, [{ manager: OURS }]), 3],
    ['nobody is known to own it', undefined, set(3), 'left out'],
    [
      'fields that can’t be read are nobody’s',
      undefined,
      set(3, [{ manager: OURS, fields: 'x' }]),
      'left out',
    ],
  ])('%s', (_, written, live, expected) =>
    expect(applied(written, live)).toBe(
      expected === 'left out' && written === null ? null : expected,
    ),
  )

  test('the rest of the manifest, and where its lines are, stays', () => {
    const kept = keepCount(manifest(), set(3, [{ manager: OURS }]))
    expect(kept.object).toEqual(set(3))
    expect(kept.placeOf(['spec', 'replicas'])).toEqual({ file: 'zk.yaml', line: 3 })
  })
})
