// A field that can't be changed is told as that for every kind, with what deleting the object would
// cost: "correct the manifest" would send people to look for a slip that isn't there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { explainFailure } from '../../../src/kube/explain.ts'
import { failureOf } from '../../../src/kube/status.ts'

/** What a 1.36 server answered to each such change, as a server-side apply's dry run gave it. */
const answers = z
  .array(
    z.object({
      what: z.string(),
      request: z.string(),
      causes: z.array(z.object({ field: z.string(), message: z.string() })),
    }),
  )
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, 'answers', 'immutable.json'), 'utf8')))

function told(what: string): ReturnType<typeof explainFailure> {
  const answer = answers.find((one) => one.what === what)
  if (answer === undefined) throw new Error(`no answer for ${what}`)
  const causes = answer.causes.map((cause) => ({ reason: 'FieldValueInvalid', ...cause }))
  const message = `"imm" is invalid: ${causes.map((cause) => `${cause.field}: ${cause.message}`).join(', ')}`
  return explainFailure(
    failureOf(
      {
        status: 422,
        body: JSON.stringify({ kind: 'Status', reason: 'Invalid', message, details: { causes } }),
      },
      answer.request,
    ),
  )
}

test('every answer is known for what it is, with the object and the field, and no value of it', () => {
  for (const { what, request } of answers) {
    const finding = told(what)
    expect(`${what}: ${finding.code}`).toBe(`${what}: IMMUTABLE_FIELD`)
    expect(finding.message).toContain(request)
    expect(finding.message).not.toMatch(/Invalid value|@@|\n/)
    expect(finding.fix).toMatch(/^Keep the field as it is in the cluster/)
  }
})

describe('field, command and cost', () => {
  test.each([
    [
      'Service clusterIP',
      'spec.clusterIPs[0]',
      'kubectl -n shop delete services imm',
      'clients cannot connect by it',
    ],
    [
      'Service ipFamilies',
      'spec.clusterIPs[0]',
      'kubectl -n shop delete services imm',
      'clients cannot connect by it',
    ],
    [
      'ServiceLB loadBalancerClass',
      'spec.loadBalancerClass',
      'kubectl -n shop delete services imm',
      'clients cannot connect by it',
    ],
    [
      'RoleBinding roleRef',
      'roleRef',
      'kubectl -n shop delete rolebindings imm',
      'Until then what it allows is forbidden',
    ],
    [
      'ClusterRoleBinding roleRef',
      'roleRef',
      'kubectl delete clusterrolebindings imm',
      'Until then what it allows is forbidden',
    ],
    [
      'StorageClass parameters',
      'parameters',
      'kubectl delete storageclasses imm',
      'Claims and volumes that exist keep working',
    ],
    [
      'StorageClass volumeBindingMode',
      'volumeBindingMode',
      'kubectl delete storageclasses imm',
      'new claims wait',
    ],
    ['PVC accessModes', 'spec: accessModes', undefined, 'deleting a claim can delete its data'],
    [
      'PVC storageClassName',
      'spec: storageClassName',
      undefined,
      'deleting a claim can delete its data',
    ],
    ['PVC shrink', 'spec: storage', undefined, 'Of a claim the storage request may grow'],
    ['PV source', 'spec: path', undefined, 'deleting a volume can delete its data'],
    ['Job template', 'spec.template', 'kubectl -n shop delete jobs imm', 'and runs again'],
    [
      'Deployment selector',
      'spec.selector',
      'kubectl -n shop delete deployments imm',
      'Its pods go with it',
    ],
    [
      'DaemonSet selector',
      'spec.selector',
      'kubectl -n shop delete daemonsets imm',
      'on all nodes',
    ],
    [
      'ConfigMap data',
      'data',
      'kubectl -n shop delete configmaps imm',
      'Better: give it another name',
    ],
    ['Secret data', 'data', 'kubectl -n shop delete secrets imm', 'Better: give it another name'],
    ['Secret type', 'type', 'kubectl -n shop delete secrets imm', 'Better: give it another name'],
    [
      'PriorityClass value',
      'value',
      'kubectl delete priorityclasses imm',
      'Pods that exist keep their priority',
    ],
    [
      'IngressClass controller',
      'spec.controller',
      'kubectl delete ingressclasses imm',
      'keep their routes',
    ],
    ['CRD scope', 'spec.scope', undefined, 'deletes every object of its kind, in every namespace'],
    [
      'ResourceQuota scopes',
      'spec.scopes',
      'kubectl -n shop delete resourcequotas imm',
      'nothing bounds',
    ],
    ['Pod env', 'spec: env', 'kubectl -n shop delete pods imm', 'goes with it'],
    [
      'StatefulSet serviceName',
      'a field that cannot be changed',
      'kubectl -n shop delete statefulsets imm --cascade=orphan',
      'leave its pods',
    ],
  ])('%s', (what, field, command, cost) => {
    const { message, fix = '' } = told(what)
    expect(message).toContain(field)
    if (command === undefined) expect(fix).not.toContain('kubectl')
    else expect(fix).toContain(command)
    expect(fix).toContain(cost)
  })
})

test('the template of a Job that is longer than what is kept of an answer is told as that too', () => {
  const long = `Invalid value: {"Spec":{"Containers":[{"Env":[{"Name":"PASSWORD","Value":"hunter2"}],"Args":["${'x'.repeat(5000)}"]}]}}: field is immutable`
  const found = explainFailure(
    failureOf(
      {
        status: 422,
        body: JSON.stringify({
          kind: 'Status',
          reason: 'Invalid',
          message: `Job.batch "j" is invalid: spec.template: ${long}`,
          details: {
            causes: [{ reason: 'FieldValueInvalid', field: 'spec.template', message: long }],
          },
        }),
      },
      'apply jobs.batch j in namespace a',
    ),
  )
  expect(found).toMatchObject({
    code: 'IMMUTABLE_FIELD',
    message: 'could not apply jobs.batch j in namespace a: spec.template cannot be changed',
  })
})
