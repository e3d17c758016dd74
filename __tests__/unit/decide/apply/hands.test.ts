// A person's change that is taken for a controller's can't be undone by the tool that was asked to;
// a controller's that is taken for a person's is fought with for ever.

import { describe, expect, test } from '@jest/globals'
import {
  changeOf,
  conflictWords,
  handOf,
  pathsOf,
  splitFields,
} from '../../../../src/decide/apply/hands.ts'

describe('whose hand it was', () => {
  test.each<[string, string | undefined, 'person' | 'controller' | 'unknown', string]>([
    ['kubectl-set', undefined, 'person', 'kubectl set'],
    ['kubectl-patch', undefined, 'person', 'kubectl patch'],
    ['kubectl-edit', undefined, 'person', 'kubectl edit'],
    ['kubectl-rollout', undefined, 'person', 'kubectl rollout'],
    ['kubectl-client-side-apply', undefined, 'person', 'kubectl apply'],
    ['kubectl-annotate', undefined, 'person', 'kubectl'],
    ['kubectl-label', undefined, 'person', 'kubectl'],
    ['kubectl-replace', undefined, 'person', 'kubectl'],
    ['kubectl', undefined, 'person', 'kubectl'],
    ['kubectl', 'scale', 'person', 'kubectl scale'],
    ['oc', undefined, 'person', 'kubectl'],
    ['dashboard', undefined, 'person', 'the Kubernetes dashboard'],
    ['dashboard-api', undefined, 'person', 'the Kubernetes dashboard'],
    ['node-fetch', undefined, 'person', 'Lens'],
    ['k9s', undefined, 'person', 'k9s'],
    ['Mozilla', undefined, 'person', 'a browser (Headlamp, the OpenShift console)'],
    ['argocd-controller', undefined, 'controller', 'Argo CD'],
    ['argocd-application-controller', undefined, 'controller', 'Argo CD'],
    ['kustomize-controller', undefined, 'controller', 'Flux'],
    ['helm-controller', undefined, 'controller', 'Flux'],
    ['Helm', undefined, 'controller', 'Helm'],
    ['helm', undefined, 'controller', 'Helm'],
    ['kube-controller-manager', 'scale', 'controller', 'a HorizontalPodAutoscaler'],
    ['kube-controller-manager', undefined, 'controller', 'a controller of Kubernetes'],
    ['keda', 'scale', 'controller', 'KEDA'],
    ['keda-operator', undefined, 'controller', 'KEDA'],
    ['vpa-updater', undefined, 'controller', 'the VerticalPodAutoscaler'],
    ['fleetagent', undefined, 'controller', 'Rancher Fleet'],
    ['kubectlish', undefined, 'unknown', 'kubectlish'],
    ['terraform', undefined, 'unknown', 'terraform'],
    ['manager', undefined, 'unknown', 'manager'],
    ['zookeeper-operator', undefined, 'unknown', 'zookeeper-operator'],
  ])('%s (%s) is a %s: %s', (manager, subresource, kind, name) => {
    expect(handOf(manager, subresource)).toMatchObject({ kind, name })
  })
})

const fields = {
  'f:metadata': { 'f:labels': { 'f:l': {} } },
  'f:spec': {
    'f:replicas': {},
    'f:template': {
      'f:spec': {
        'f:containers': {
          'k:{"name":"zk"}': {
            '.': {},
            'f:image': {},
            'f:env': { 'k:{"name":"A"}': { 'f:value': {} } },
          },
        },
      },
    },
  },
}

describe("what is taken of somebody's fields", () => {
  test('the parts that are asked for, and the rest stays theirs', () => {
    const { taken, left } = splitFields(fields, [['spec', 'template']])
    expect(taken).toEqual({ 'f:spec': { 'f:template': fields['f:spec']['f:template'] } })
    expect(left).toEqual({ 'f:metadata': fields['f:metadata'], 'f:spec': { 'f:replicas': {} } })
    expect(splitFields(fields, [['spec', 'replicas'], ['data']]).taken).toEqual({
      'f:spec': { 'f:replicas': {} },
    })
    expect(splitFields(fields, [['status']])).toEqual({ taken: undefined, left: fields })
    expect(splitFields({ 'f:spec': { 'f:template': {} } }, [['spec', 'template']])).toEqual({
      taken: { 'f:spec': { 'f:template': {} } },
      left: undefined,
    })
    expect(splitFields('odd', [['spec']])).toEqual({ taken: undefined, left: undefined })
  })

  test('fields are named as the API names them', () => {
    expect(pathsOf(fields)).toEqual([
      '.metadata.labels.l',
      '.spec.replicas',
      '.spec.template.spec.containers[name="zk"].image',
      '.spec.template.spec.containers[name="zk"].env[name="A"].value',
    ])
  })
})

const set = (image: string, replicas: number, value: string): unknown => ({
  spec: {
    replicas,
    template: {
      spec: {
        containers: [
          { name: 'side', image: 'x' },
          { name: 'zk', image, env: [{ name: 'A', value }] },
        ],
      },
    },
  },
})

describe('what is told of a change', () => {
  test('from what to what, where nobody keeps a secret', () => {
    const [live, wanted] = [set('zookeeper:3.9.5', 4, 'hunter2'), set('zookeeper:3.9.4', 3, 'hush')]
    expect(changeOf('.spec.template.spec.containers[name="zk"].image', live, wanted)).toBe(
      ' (zookeeper:3.9.5 there, zookeeper:3.9.4 wanted)',
    )
    expect(changeOf('.spec.replicas', live, wanted)).toBe(' (4 there, 3 wanted)')
    expect(
      changeOf('.spec.template.spec.containers[name="zk"].env[name="A"].value', live, wanted),
    ).toBe('')
    expect(
      changeOf('.data.password', { data: { password: 'hunter2' } }, { data: { password: 'hush' } }),
    ).toBe('')
    expect(changeOf('.spec.template.spec.containers[name="none"].image', live, wanted)).toBe('')
  })

  test('a conflict with people names them, and force-conflicts as the way', () => {
    const told = { object: 'statefulset/zk', live: set('b', 4, ''), wanted: set('a', 3, '') }
    const { message, orSet } = conflictWords(
      [
        {
          manager: 'kubectl-set',
          subresource: undefined,
          field: '.spec.template.spec.containers[name="zk"].image',
        },
        { manager: 'kubectl', subresource: 'scale', field: '.spec.replicas' },
      ],
      told,
      true,
    )
    expect(message).toBe(
      'statefulset/zk: kubectl set (field manager kubectl-set) set .spec.template.spec.containers[name="zk"].image (b there, a wanted); kubectl scale (field manager kubectl) set .spec.replicas (4 there, 3 wanted)',
    )
    expect(orSet).toEqual({
      input: 'force-conflicts',
      value: 'true',
      why: 'once, to take these fields over',
    })
    expect(
      conflictWords(
        [{ manager: 'somebody', subresource: undefined, field: '.spec.replicas' }],
        told,
        false,
      ).fix,
    ).toContain('operation: deploy with force-conflicts: true')
  })

  test('one with a controller says what to do there, since forcing would not last', () => {
    const { message, fix } = conflictWords(
      [
        { manager: 'kube-controller-manager', subresource: 'scale', field: '.spec.replicas' },
        { manager: 'kubectl-set', subresource: undefined, field: '.spec.x' },
      ],
      { object: 'statefulset/zk', live: {}, wanted: {} },
      true,
    )
    expect(message).toContain(
      'a HorizontalPodAutoscaler (field manager kube-controller-manager) set .spec.replicas',
    )
    expect(fix).toBe(
      'Delete the HorizontalPodAutoscaler that targets it: until then it would be written again, whoever takes the fields over.',
    )
  })
})
