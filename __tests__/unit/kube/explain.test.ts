// Each refusal of the API server as a person reads it. The messages are those of a real 1.36
// server.

import { describe, expect, test } from '@jest/globals'
import type { Code } from '../../../src/codes.ts'
import { explainFailure } from '../../../src/kube/explain.ts'
import { KubeFailure } from '../../../src/kube/failure.ts'
import type { StatusCause } from '../../../src/kube/failure.ts'
import { failureOf } from '../../../src/kube/status.ts'

function failed(
  status: number,
  message: string,
  more: { reason?: string; causes?: StatusCause[]; request?: string } = {},
): KubeFailure {
  return new KubeFailure({
    status,
    reason: more.reason ?? '',
    message,
    causes: more.causes ?? [],
    request: more.request ?? 'apply statefulsets.apps zk in namespace zoo',
  })
}

const BUDGET = {
  reason: 'DisruptionBudget',
  message: 'The disruption budget zk-pdb needs 2 healthy pods and has 2 currently',
  field: '',
}
const JANE = 'User "system:serviceaccount:zoo:deployer"'

describe('which code and which words', () => {
  test.each<[string, KubeFailure, Code, string[]]>([
    [
      'a webhook that says no',
      failed(
        403,
        'admission webhook "policy.example.com" denied the request: image must come from our registry',
      ),
      'CREATE_REJECTED',
      ['policy.example.com', 'image must come from our registry'],
    ],
    [
      'a webhook that is down',
      failed(
        500,
        'Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: Post "https://x": connection refused',
      ),
      'CREATE_REJECTED',
      ['policy.example.com gave no answer'],
    ],
    [
      'an admission policy',
      failed(
        422,
        "statefulsets.apps \"zk\" is forbidden: ValidatingAdmissionPolicy 'replicas' with binding 'all' denied request: at most 5 replicas",
      ),
      'CREATE_REJECTED',
      ['replicas refused it: at most 5 replicas'],
    ],
    [
      'a quota',
      failed(
        403,
        'persistentvolumeclaims "d" is forbidden: exceeded quota: small, requested: requests.storage=10Gi, used: requests.storage=5Gi, limited: requests.storage=10Gi',
      ),
      'CREATE_REJECTED',
      ['small, requested: requests.storage=10Gi'],
    ],
    [
      'pod security',
      failed(
        403,
        'pods "zk-0" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
      ),
      'CREATE_REJECTED',
      ['restricted:latest', 'allowPrivilegeEscalation'],
    ],
    [
      'a limit range',
      failed(
        403,
        'pods "zk-0" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
      ),
      'CREATE_REJECTED',
      ['maximum memory usage per Container is 1Gi'],
    ],
    [
      'a namespace that is going',
      failed(403, 'unable to create new content in namespace zoo because it is being terminated', {
        causes: [{ reason: 'NamespaceTerminating', message: '', field: '' }],
      }),
      'NOT_FOUND',
      ['is being deleted'],
    ],
    [
      'a namespace that is not there',
      failed(404, 'namespaces "zoo" not found', { reason: 'NotFound' }),
      'NOT_FOUND',
      ['there is no namespace zoo'],
    ],
    [
      'a kind that is not there',
      failed(404, 'the cluster does not know the kind Moose of example.com/v1', {
        reason: 'UnknownKind',
      }),
      'MANIFEST_INVALID',
      ['Moose'],
    ],
    [
      'a budget',
      failed(429, "Cannot evict pod as it would violate the pod's disruption budget.", {
        causes: [BUDGET],
      }),
      'DRAIN_BLOCKED',
      ['needs 2 healthy pods and has 2 currently'],
    ],
    [
      'two budgets',
      failed(
        500,
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      ),
      'DRAIN_REFUSED',
      ['more than one budget'],
    ],
    [
      'an immutable field',
      failed(
        422,
        "StatefulSet.apps \"zk\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
        {
          causes: [
            {
              reason: 'FieldValueForbidden',
              field: 'spec',
              message: 'Forbidden: updates to statefulset spec for fields other than …',
            },
          ],
        },
      ),
      'IMMUTABLE_FIELD',
      ['a field that cannot be changed was changed'],
    ],
    [
      'an immutable field by name',
      failed(
        422,
        'Service "zk" is invalid: spec.clusterIP: Invalid value: "None": field is immutable',
        {
          causes: [
            {
              reason: 'FieldValueInvalid',
              field: 'spec.clusterIP',
              message: 'Invalid value: "None": field is immutable',
            },
          ],
        },
      ),
      'IMMUTABLE_FIELD',
      ['spec.clusterIP cannot be changed'],
    ],
    [
      'an invalid field',
      failed(422, 'long', {
        causes: [
          {
            reason: 'FieldValueInvalid',
            field: 'spec.replicas',
            message: 'must be greater than or equal to 0',
          },
        ],
      }),
      'MANIFEST_INVALID',
      ['spec.replicas: must be greater than or equal to 0'],
    ],
    [
      'an unknown field',
      failed(
        500,
        'failed to create typed patch object (zoo/a; /v1, Kind=ConfigMap): .dta: field not declared in schema',
      ),
      'MANIFEST_INVALID',
      ['.dta: field not declared in schema'],
    ],
    [
      'a changed object',
      failed(
        409,
        'Operation cannot be fulfilled on statefulsets.apps "zk": the object has been modified',
        { reason: 'Conflict' },
      ),
      'CONFLICT',
      ['somebody else changed it meanwhile'],
    ],
    [
      'a replaced pod',
      failed(
        409,
        'Operation cannot be fulfilled on Pod "zk-0": the UID in the precondition (a) does not match the UID in record (b)',
        { reason: 'Conflict' },
      ),
      'CONFLICT',
      ['replaced by another of the same name'],
    ],
    [
      'an overload',
      failed(429, 'Too many requests, please try again later.'),
      'CLUSTER_UNREACHABLE',
      ['overloaded'],
    ],
    [
      'a server in trouble',
      failed(503, 'the server answered 503 (ServiceUnavailable) and no Kubernetes status with it'),
      'CLUSTER_UNREACHABLE',
      ['503'],
    ],
    [
      'a server that is not there',
      failed(0, 'nothing listens at 10.0.0.1:6443', { reason: 'Unreachable' }),
      'CLUSTER_UNREACHABLE',
      ['nothing listens at 10.0.0.1:6443'],
    ],
    [
      'a broken tunnel',
      failed(0, 'the port-forward failed: connection refused', {
        reason: 'Unreachable',
        request: 'forward port 2181 of pod zk-0 in namespace zoo',
      }),
      'CHECK_IMPOSSIBLE',
      ['port 2181 of pod zk-0', 'connection refused'],
    ],
  ])('%s', (_name, failure, code, words) => {
    const finding = explainFailure(failure)
    expect(finding.code).toBe(code)
    for (const word of words) expect(finding.message).toContain(word)
  })
})

describe('a missing right', () => {
  test('is answered with who lacks it and the Role to add, ready to be copied', () => {
    const finding = explainFailure(
      failed(
        403,
        `statefulsets.apps "zk" is forbidden: ${JANE} cannot patch resource "statefulsets" in API group "apps" in the namespace "zoo"`,
        { reason: 'Forbidden' },
      ),
    )
    expect(finding.code).toBe('ACCESS_DENIED')
    expect(finding.message).toBe(
      'system:serviceaccount:zoo:deployer may not patch statefulsets.apps in namespace zoo',
    )
    expect(finding.fix).toContain(
      'kind: Role\nmetadata:\n  name: zk-ensemble-action\n  namespace: zoo\nrules:\n- apiGroups: [apps]\n  resources: [statefulsets]\n  verbs: [patch]\n',
    )
  })

  test('on the whole cluster asks for a ClusterRole', () => {
    const finding = explainFailure(
      failed(
        403,
        `nodes is forbidden: ${JANE} cannot list resource "nodes" in API group "" at the cluster scope`,
      ),
    )
    expect(finding.fix).toContain('kind: ClusterRole')
    expect(finding.fix).toContain('- apiGroups: [""]\n  resources: [nodes]\n  verbs: [list]\n')
  })

  test('to exec names both verbs that a WebSocket needs, also when the server names none', () => {
    for (const message of [
      `pods "zk-0" is forbidden: ${JANE} cannot get resource "pods/exec" in API group "" in the namespace "zoo"`,
      'pods "zk-0" is forbidden:',
    ]) {
      const finding = explainFailure(
        failed(403, message, { request: 'exec hostname in pod zk-0 in namespace zoo' }),
      )
      expect(finding.code).toBe('ACCESS_DENIED')
      expect(finding.fix).toContain(
        '  namespace: zoo\nrules:\n- apiGroups: [""]\n  resources: [pods/exec]\n  verbs: [get, create]\n',
      )
    }
  })

  test('credentials that are refused are said to be', () => {
    expect(explainFailure(failed(401, 'Unauthorized')).message).toBe(
      'the API server does not accept the credentials',
    )
  })
})

test('a conflict names each manager with its fields, so that the people behind them can be asked', () => {
  const cause = (field: string, message: string): StatusCause => ({
    reason: 'FieldManagerConflict',
    field,
    message,
  })
  const finding = explainFailure(
    failed(409, 'Apply failed with 3 conflicts', {
      reason: 'Conflict',
      causes: [
        cause('.spec.replicas', 'conflict with "hpa" with subresource "scale" using apps/v1'),
        cause(
          '.spec.template.spec.containers[name="zk"].image',
          'conflict with "argocd-controller"',
        ),
        cause('.spec.minReadySeconds', 'conflict with "hpa" using apps/v1 at 2026-01-01T00:00:00Z'),
      ],
    }),
  )
  expect(finding.code).toBe('CONFLICT')
  expect(finding.message).toContain(
    '.spec.replicas, .spec.minReadySeconds (owned by hpa); .spec.template.spec.containers[name="zk"].image (owned by argocd-controller)',
  )
  expect(finding.fix).toBe('Leave these fields out of the manifest.')
  expect(finding.orSet).toMatchObject({ input: 'force-conflicts', value: 'true' })
})

describe('what is kept of an answer', () => {
  test('status, reason, causes and the wait asked for', () => {
    const body = JSON.stringify({
      kind: 'Status',
      reason: 'TooManyRequests',
      message: 'Cannot evict\n pod',
      details: { causes: [{ reason: 'DisruptionBudget', message: 'm' }], retryAfterSeconds: 10 },
    })
    expect(failureOf({ status: 429, body }, 'evict pods zk-0')).toMatchObject({
      status: 429,
      reason: 'TooManyRequests',
      message: 'Cannot evict pod',
      causes: [{ reason: 'DisruptionBudget', message: 'm', field: '' }],
      retryAfterSeconds: 10,
      request: 'evict pods zk-0',
    })
  })

  test('a body that is no Status is not shown to anybody', () => {
    const failure = failureOf(
      { status: 502, body: '<h1>Bad gateway</h1> cookie=hunter2', retryAfter: '3' },
      'get pods',
    )
    expect(JSON.stringify([failure.message, failure.reason, failure.causes])).not.toMatch(
      /hunter2|h1/,
    )
    expect(failure.retryAfterSeconds).toBe(3)
  })

  test("the bytes that the decoder of the server quotes are cut off: they may be a Secret's", () => {
    const message =
      'Secret in version "v1" cannot be handled as a Secret: v1.Secret.Data: decode base64: illegal base64 data at input byte 4, error found in #10 byte of ...|wd":"hunter2"}|..., bigger context ...|hunter2|...'
    expect(
      failureOf(
        { status: 400, body: JSON.stringify({ kind: 'Status', message }) },
        'apply secrets s',
      ).message,
    ).toBe(
      'Secret in version "v1" cannot be handled as a Secret: v1.Secret.Data: decode base64: illegal base64 data at input byte 4',
    )
  })

  test('a kind that its group does not have is told from an object that is missing', () => {
    expect(
      failureOf(
        {
          status: 404,
          body: JSON.stringify({
            kind: 'Status',
            reason: 'NotFound',
            message: 'the server could not find the requested resource',
            details: {},
          }),
        },
        'r',
      ).reason,
    ).toBe('UnknownKind')
    expect(
      failureOf(
        {
          status: 404,
          body: JSON.stringify({
            kind: 'Status',
            reason: 'NotFound',
            message: 'pods "a" not found',
            details: { name: 'a' },
          }),
        },
        'r',
      ).reason,
    ).toBe('NotFound')
  })
})

describe('the answer to a Secret never tells a value of it', () => {
  const REQUEST = 'apply secrets creds in namespace zoo'
  const answered = (status: number, message: string, causes: object[] = []): string => {
    const failure = failureOf(
      {
        status,
        body: JSON.stringify({ kind: 'Status', message, reason: 'Invalid', details: { causes } }),
      },
      REQUEST,
    )
    return JSON.stringify([failure.message, failure.causes, explainFailure(failure)])
  }

  test.each([
    [
      'a number where text is meant',
      500,
      'failed to create typed patch object (zoo/creds; /v1, Kind=Secret): .stringData.password: expected string, got &value.valueUnstructured{Value:CANARY}',
      'secrets creds',
    ],
    [
      'an invalid value',
      422,
      'Secret "creds" is invalid: data[a]: Invalid value: "CANARY": must be short',
      'secrets creds',
    ],
    [
      'a webhook that quotes',
      403,
      'admission webhook "policy.example.com" denied the request: password CANARY is weak',
      'policy.example.com',
    ],
    [
      'a strict decoder',
      400,
      'strict decoding error: unknown field "stringData.CANARY"',
      'secrets creds',
    ],
    [
      'a quota',
      403,
      'secrets "creds" is forbidden: exceeded quota: small, requested: secrets=1, used: secrets=1, limited: secrets=1',
      'small',
    ],
    [
      'a missing right',
      403,
      'secrets "creds" is forbidden: User "jane" cannot patch resource "secrets" in API group "" in the namespace "zoo"',
      'jane',
    ],
  ])('%s', (_what, status, message, kept) => {
    const told = answered(status, message, [
      { reason: 'FieldValueInvalid', field: 'data', message: 'Invalid value: "CANARY"' },
    ])
    expect(told).not.toContain('CANARY')
    expect(told).toContain(kept)
  })

  test('nor that to an environment variable of any object', () => {
    const message =
      'StatefulSet.apps "zk" is invalid: spec.template.spec.containers[0].env[3].value: Invalid value: "CANARY: x": must be short'
    const failure = failureOf(
      { status: 422, body: JSON.stringify({ kind: 'Status', message }) },
      'apply statefulsets.apps zk in namespace zoo',
    )
    expect(failure.message).not.toContain('CANARY')
    expect(failure.message).toContain('env[3].value: Invalid value: must be short')
  })
})

describe('a field that cannot be changed, however a 1.36 server words it', () => {
  const answered = (
    request: string,
    message: string,
    field: string,
    cause: string,
  ): ReturnType<typeof explainFailure> =>
    explainFailure(
      failureOf(
        {
          status: 422,
          body: JSON.stringify({
            kind: 'Status',
            message,
            reason: 'Invalid',
            details: { causes: [{ reason: 'FieldValueInvalid', field, message: cause }] },
          }),
        },
        request,
      ),
    )

  test.each([
    [
      'the address of a Service',
      'apply services s in namespace a',
      'Service "s" is invalid: spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
      'spec.clusterIPs[0]',
      'Invalid value: ["None"]: may not change once set',
      'kubectl -n a delete services s; it is recreated at once. Until then its name leads nowhere',
    ],
    [
      'a roleRef',
      'apply rolebindings.rbac.authorization.k8s.io rb in namespace a',
      'RoleBinding.rbac.authorization.k8s.io "rb" is invalid: roleRef: Invalid value: {"Name":"edit"}: cannot change roleRef',
      'roleRef',
      'Invalid value: {"Name":"edit"}: cannot change roleRef',
      'kubectl -n a delete rolebindings rb',
    ],
    [
      'an immutable ConfigMap',
      'apply configmaps c in namespace a',
      'ConfigMap "c" is invalid: data: Forbidden: field is immutable when `immutable` is set',
      'data',
      'Forbidden: field is immutable when `immutable` is set',
      'give it another name',
    ],
    [
      'an immutable Secret',
      'apply secrets c in namespace a',
      'Secret "c" is invalid: data: Forbidden: field is immutable when `immutable` is set',
      'data',
      'Forbidden: field is immutable when `immutable` is set',
      'give it another name',
    ],
    [
      'the template of a Job',
      'apply jobs.batch j in namespace a',
      'Job.batch "j" is invalid: spec.template.spec: Invalid value: {"Volumes":null}: field is immutable',
      'spec.template.spec',
      'Invalid value: {"Volumes":null}: field is immutable',
      'Its pods go with it',
    ],
    [
      'the selector of a Deployment',
      'apply deployments.apps d in namespace a',
      'Deployment.apps "d" is invalid: spec.selector: Invalid value: {"matchLabels":{"c":"d"}}: field is immutable',
      'spec.selector',
      'Invalid value: {}: field is immutable',
      'all of them',
    ],
    [
      'a claim',
      'apply persistentvolumeclaims p in namespace a',
      'PersistentVolumeClaim "p" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      'spec',
      'Forbidden: spec is immutable after creation except resources.requests',
      'can delete its data',
    ],
    [
      'the parameters of a class',
      'apply storageclasses.storage.k8s.io sc',
      'StorageClass.storage.k8s.io "sc" is invalid: parameters: Invalid value: {"a":"c"}: field is immutable',
      'parameters',
      'Invalid value: {"a":"c"}: field is immutable',
      'kubectl delete storageclasses sc',
    ],
    [
      'a priority',
      'apply priorityclasses.scheduling.k8s.io pc',
      'PriorityClass.scheduling.k8s.io "pc" is invalid: value: Forbidden: may not be changed in an update.',
      'value',
      'Forbidden: may not be changed in an update.',
      'Pods that exist keep their priority',
    ],
    [
      'the source of a volume',
      'apply persistentvolumes pv',
      'PersistentVolume "pv" is invalid: spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
      'spec.persistentvolumesource',
      'Forbidden: spec.persistentvolumesource is immutable after creation',
      'can delete its data',
    ],
    [
      'a StatefulSet',
      'apply statefulsets.apps zk in namespace a',
      'StatefulSet.apps "zk" is invalid: spec: Forbidden: updates to statefulset spec for fields other than \'replicas\' are forbidden',
      'spec',
      "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden",
      '--cascade=orphan',
    ],
  ])('%s', (_what, request, message, field, cause, advice) => {
    const found = answered(request, message, field, cause)
    expect(found.code).toBe('IMMUTABLE_FIELD')
    if (field !== 'spec') expect(found.message).toContain(`${field} cannot be changed`)
    expect(found.message).not.toContain('Invalid value')
    expect(found.fix).toContain(advice)
  })
})
