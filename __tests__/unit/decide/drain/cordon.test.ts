// A cordon that is taken for ours and isn't puts a node back to work that somebody has switched
// off; one of ours that isn't recognised stays for ever.

import { describe, expect, test } from '@jest/globals'
import {
  CORDON_ANNOTATION,
  cordonManager,
  cordonOf,
  cordonStands,
  markOf,
  type CordonMark,
} from '../../../../src/decide/drain/cordon.ts'
import type { ManagedFields } from '../../../../src/kube/kube.ts'

const MARK: CordonMark = {
  ensemble: 'shop/zk',
  identity: 'org/repo/7/1/abcd1234',
  runUrl: 'https://ci.example/run/7',
  at: '2026-01-01T00:00:00.000Z',
}

function node(
  mark: unknown,
  unschedulable = true,
): { readonly annotations: Readonly<Record<string, string>>; readonly unschedulable: boolean } {
  return {
    unschedulable,
    annotations:
      mark === undefined
        ? {}
        : { [CORDON_ANNOTATION]: typeof mark === 'string' ? mark : JSON.stringify(mark) },
  }
}

function fields(manager: string, fieldsV1: unknown): ManagedFields {
  return { manager, operation: 'Update', fieldsV1 }
}

describe('the mark', () => {
  test('comes back as it was written', () => expect(markOf(node(MARK).annotations)).toEqual(MARK))
  test('is missed where there is none', () => expect(markOf({})).toBeUndefined())
  test.each([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['no ensemble', { ...MARK, ensemble: 'zk' }],
    ['a name that no ensemble can have', { ...MARK, ensemble: 'shop/zk; rm' }],
    ['nobody in it', { ...MARK, identity: '' }],
  ])('is not believed with %s', (_, mark) =>
    expect(markOf(node(mark).annotations)).toBe('unreadable'),
  )
})

describe('whose a cordon is', () => {
  test.each<[string, Parameters<typeof node>, string | undefined, object]>([
    ['nobody has cordoned it', [undefined, false], undefined, { kind: 'none' }],
    ['it was uncordoned and the mark stayed', [MARK, false], undefined, { kind: 'none' }],
    ['this ensemble did', [MARK], undefined, { kind: 'ours', mark: MARK }],
    [
      'this ensemble did, by the field too',
      [MARK],
      'zk-ensemble-action',
      { kind: 'ours', mark: MARK },
    ],
    [
      'another run of this ensemble did',
      [{ ...MARK, identity: 'org/repo/6/1/0000' }],
      undefined,
      { kind: 'ours' },
    ],
    [
      'another ensemble did',
      [{ ...MARK, ensemble: 'shop/other' }],
      undefined,
      {
        kind: 'theirs',
        mark: { ensemble: 'shop/other' },
        by: 'for the maintenance of shop/other by https://ci.example/run/7',
      },
    ],
    [
      'a person did',
      [undefined],
      'kubectl',
      { kind: 'theirs', mark: undefined, by: 'by somebody else (field manager kubectl)' },
    ],
    [
      'a person did after our cordon had been removed by hand',
      [MARK],
      'kubectl',
      { kind: 'theirs', mark: undefined },
    ],
    [
      'the mark can not be read',
      ['{'],
      undefined,
      { kind: 'theirs', mark: undefined, by: 'by somebody else' },
    ],
  ])('%s', (_, [mark, unschedulable], manager, expected) =>
    expect(cordonOf(node(mark, unschedulable), 'shop/zk', manager)).toMatchObject(expected),
  )

  test.each<[string, readonly ManagedFields[] | undefined, string | undefined]>([
    ['where the API does not tell', undefined, undefined],
    [
      'where others own other fields',
      [fields('kubelet', { 'f:metadata': {} }), fields('x', { 'f:spec': { 'f:taints': {} } })],
      undefined,
    ],
    [
      'of one owner',
      [
        fields('kubelet', { 'f:metadata': {} }),
        fields('kubectl', { 'f:spec': { 'f:unschedulable': {} } }),
      ],
      'kubectl',
    ],
    [
      'of us among others',
      [
        fields('kubectl', { 'f:spec': { 'f:unschedulable': {} } }),
        fields('zk-ensemble-action', { 'f:spec': { 'f:unschedulable': {} } }),
      ],
      'zk-ensemble-action',
    ],
  ])('the owner of the field, %s', (_, managed, expected) =>
    expect(cordonManager(managed)).toBe(expected),
  )
})

describe('a cordon stands', () => {
  test.each<[string, ReturnType<typeof node>, boolean]>([
    ['as it was made', node(MARK), true],
    ['not after somebody uncordoned', node(MARK, false), false],
    ['not when the mark was removed', node(undefined), false],
    [
      'not when another run made it its own',
      node({ ...MARK, identity: 'org/repo/8/1/ffff' }),
      false,
    ],
    ['not for another ensemble', node({ ...MARK, ensemble: 'shop/other' }), false],
  ])('%s', (_, found, expected) => expect(cordonStands(found, MARK)).toBe(expected))
})
