// Quota, pod security and policies judge pods, not sets: without a look beforehand a deploy would
// make its objects and then wait for pods that are never let in.

import { describe, expect, test } from '@jest/globals'
import { KubeFailure } from '../../../../src/kube/failure.ts'
import type { Access, KubeObject } from '../../../../src/kube/kube.ts'
import { parseText } from '../../../support/parse-text.ts'
import { tryPod } from '../../../../src/procedures/apply/try-pod.ts'
import { SOUND } from '../../manifests/given.ts'

const { manifests } = parseText({ file: 'zk.yaml', text: SOUND, lines: true })

function setManifest(): (typeof manifests)[number] {
  const found = manifests.find(({ object }) => object.kind === 'StatefulSet')
  if (found === undefined) throw new Error('no set')
  return found
}

function refused(message: string, status = 403): KubeFailure {
  return new KubeFailure({
    status,
    reason: status === 403 ? 'Forbidden' : 'Invalid',
    message,
    request: 'create pods zk-dry-run in namespace shop',
  })
}

async function tried(
  answer: KubeFailure | readonly string[],
  { runs = false, more = '', mayCreate = true } = {},
): Promise<{
  readonly findings: Awaited<ReturnType<typeof tryPod>>
  readonly asked: readonly KubeObject[]
}> {
  const asked: KubeObject[] = []
  const kube = {
    denied: (wanted: readonly Access[]) => Promise.resolve(mayCreate ? [] : wanted),
    createDry: (object: KubeObject) => {
      asked.push(object)
      return answer instanceof KubeFailure
        ? Promise.reject(answer)
        : Promise.resolve({ warnings: answer })
    },
  }
  const all =
    more === ''
      ? manifests
      : [...manifests, ...parseText({ file: 'more.yaml', text: more, lines: true }).manifests]
  return {
    findings: await tryPod(
      kube,
      { manifests: all, setManifest: setManifest(), runs },
      new AbortController().signal,
    ),
    asked,
  }
}

const QUOTA =
  'pods "zk-dry-run" is forbidden: exceeded quota: small, requested: limits.memory=1Gi, used: limits.memory=3Gi, limited: limits.memory=3Gi'
const SECURITY =
  'pods "zk-dry-run" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "server" must set securityContext.allowPrivilegeEscalation=false)'

describe('what would refuse the pods is told before anything is applied', () => {
  test.each([
    [
      'a quota',
      QUOTA,
      /the pods of zk would be refused: the quota of the namespace is used up: small/,
    ],
    [
      'a quota that asks for limits',
      'pods "zk-dry-run" is forbidden: failed quota: small: must specify limits.cpu for: server',
      /would be refused: a quota of the namespace requires that each container states what it takes: small: must specify limits.cpu/,
    ],
    [
      'pod security',
      SECURITY,
      /would be refused: the namespace enforces the pod security standard restricted:latest/,
    ],
    [
      'a limit range',
      'pods "zk-dry-run" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi',
      /would be refused: the limit range/,
    ],
    [
      'a webhook',
      'admission webhook "policy.example.test" denied the request: no root',
      /the admission webhook policy.example.test refused it: no root/,
    ],
  ])('%s', async (_what, message, words) => {
    expect((await tried(refused(message))).findings).toEqual([
      expect.objectContaining({
        code: 'CREATE_REJECTED',
        severity: 'error',
        object: 'statefulset/zk',
        message: expect.stringMatching(words),
        place: expect.objectContaining({ file: 'zk.yaml' }),
      }),
    ])
  })

  test('a warning of the server is one of ours', async () => {
    expect(
      (await tried(['would violate PodSecurity "restricted:latest": runAsNonRoot != true']))
        .findings,
    ).toEqual([
      expect.objectContaining({
        code: 'CREATE_REJECTED',
        severity: 'warning',
        message:
          'the pods would violate the pod security standard restricted:latest of the namespace: runAsNonRoot != true',
      }),
    ])
  })
})

describe('what says nothing of the members is no refusal', () => {
  test('a quota that is full of the members that run: they are replaced one for one', async () => {
    expect((await tried(refused(QUOTA), { runs: true })).findings).toEqual([])
    expect((await tried(refused(SECURITY), { runs: true })).findings).toHaveLength(1)
  })

  test.each([
    [
      'a ServiceAccount that comes with the manifests',
      refused(
        'pods "zk-dry-run" is forbidden: error looking up service account shop/zk: serviceaccount "zk" not found',
      ),
    ],
    [
      'a webhook that takes no dry run',
      refused('admission webhook "x" does not support dry run', 400),
    ],
    [
      'a server that refuses the pod for a reason of its own',
      refused('Pod "zk-dry-run" is invalid: spec.volumes[0]: Required value', 422),
    ],
  ])('%s', async (_what, failure) => {
    expect((await tried(failure)).findings).toEqual([])
  })

  test.each(['v1\nkind: Namespace', 'v1\nkind: ResourceQuota', 'v1\nkind: LimitRange'])(
    'manifests with rules of their own (%s): the answer of now is not asked for',
    async (kind) => {
      expect(
        (await tried(refused(SECURITY), { more: `apiVersion: ${kind}\nmetadata: {name: a}\n` }))
          .asked,
      ).toEqual([])
    },
  )
})

test('without the right to create pods, which docs/role.yaml does not give, none is tried', async () => {
  expect(await tried(refused(SECURITY), { mayCreate: false })).toEqual({ findings: [], asked: [] })
})

test('the pod that is tried is the first member’s, under a name that no member has', async () => {
  const {
    asked: [pod],
  } = await tried([])
  expect(pod).toMatchObject({
    kind: 'Pod',
    metadata: { name: 'zk-dry-run', labels: { app: 'zk' } },
    spec: {
      containers: [{ name: 'server' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-zk-0' } }],
    },
  })
})
