// A node that is drained although its member fits nowhere leaves that member Pending all night.

import { describe, expect, test } from '@jest/globals'
import { chooseMode, type Choosing } from '../../../../src/decide/drain/elsewhere-or-in-place.ts'
import type { PlacementAnswer } from '../../../../src/decide/placement/plan-placements.ts'
import type { PlacedPod } from '../../../../src/view/scheduling.ts'
import { pod as placedPod } from '../placement/given.ts'

const pod = (name: string): PlacedPod =>
  placedPod(
    name,
    'node-1',
    {},
    {
      namespace: 'prod',
      owner: { kind: name.startsWith('zk') ? 'StatefulSet' : 'ReplicaSet', name: 'x', uid: 'x' },
    },
  )

const fits = (name: string): PlacementAnswer => ({ pod: pod(name), kind: 'fits', node: 'node-4' })
const inPlace = (
  name: string,
  why = "0/4 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
): PlacementAnswer => ({ pod: pod(name), kind: 'in-place', node: 'node-1', why, reasons: [] })
const noFit = (name: string, preemption = false): PlacementAnswer => ({
  pod: pod(name),
  kind: 'no-fit',
  why: '0/4 nodes are available: 4 Insufficient cpu.',
  reasons: [],
  preemption,
})
const unknown = (name: string): PlacementAnswer => ({
  pod: pod(name),
  kind: 'unknown',
  why: 'its scheduler is volcano',
})

function chosen(
  answers: readonly PlacementAnswer[],
  asked: Choosing['asked'] = 'auto',
  isUncordoned = true,
): string {
  const choice = chooseMode({
    node: 'node-1',
    answers,
    isMember: (one) => one.name.startsWith('zk'),
    asked,
    isUncordoned,
  })
  return [
    choice.mode,
    ...choice.refusals.map(({ pod: name }) => `refused ${name}`),
    ...choice.notes.map((note) => `note ${note.split(' ')[0] ?? ''}`),
  ].join(', ')
}

describe('where the members of a node go', () => {
  test.each<[string, readonly PlacementAnswer[], Choosing['asked'], boolean, string]>([
    ['a node without a member', [fits('web')], 'auto', false, 'none'],
    ['a member with a place', [fits('zk-0'), fits('web')], 'auto', false, 'elsewhere'],
    ['a member with a place, in place as asked', [fits('zk-0')], 'in-place', true, 'in-place'],
    [
      'a member that only its own node takes, which is uncordoned',
      [inPlace('zk-0')],
      'auto',
      true,
      'in-place, note prod/zk-0',
    ],
    [
      'the same where the node stays cordoned',
      [inPlace('zk-0')],
      'auto',
      false,
      'elsewhere, refused prod/zk-0',
    ],
    [
      'the same where it must go elsewhere',
      [inPlace('zk-0')],
      'elsewhere',
      true,
      'elsewhere, refused prod/zk-0',
    ],
    [
      'the same left cordoned in place as asked',
      [inPlace('zk-0')],
      'in-place',
      false,
      'in-place, note prod/zk-0',
    ],
    [
      'two members of which one has a place',
      [fits('zk-0'), inPlace('zk-1')],
      'auto',
      true,
      'in-place, note prod/zk-1',
    ],
    ['a member that nothing takes', [noFit('zk-0')], 'auto', true, 'elsewhere, refused prod/zk-0'],
    [
      'the same in place as asked: not even its own node takes it',
      [noFit('zk-0')],
      'in-place',
      true,
      'in-place, refused prod/zk-0',
    ],
    [
      'a member of which it can not be told',
      [unknown('zk-0')],
      'auto',
      true,
      'elsewhere, refused prod/zk-0',
    ],
    ['the same in place as asked', [unknown('zk-0')], 'in-place', true, 'in-place, note prod/zk-0'],
    [
      'another pod that nothing takes',
      [fits('zk-0'), noFit('web')],
      'auto',
      true,
      'elsewhere, refused prod/web',
    ],
    [
      'another pod that waits for its node',
      [fits('zk-0'), inPlace('web')],
      'auto',
      true,
      'elsewhere, note prod/web',
    ],
    [
      'the same where its node stays cordoned',
      [fits('zk-0'), inPlace('web')],
      'auto',
      false,
      'elsewhere, refused prod/web',
    ],
    [
      'another pod of which it can not be told',
      [unknown('web')],
      'in-place',
      true,
      'none, refused prod/web',
    ],
  ])('%s', (_, answers, asked, isUncordoned, expected) => {
    expect(chosen(answers, asked, isUncordoned)).toBe(expected)
  })

  test('a hundred pods that wait for their node for one reason are one note: what matters at night is not buried under it', () => {
    const many = Array.from({ length: 100 }, (_, index) => inPlace(`web-${index}`))
    expect(
      chooseMode({
        node: 'node-1',
        answers: [...many, inPlace('db', 'its volume is there')],
        isMember: () => false,
        asked: 'auto',
        isUncordoned: true,
      }).notes,
    ).toEqual([
      "prod/web-0, prod/web-1, prod/web-2, prod/web-3, prod/web-4 and 95 more wait until their node is uncordoned: 0/4 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
      'prod/db waits until its node is uncordoned: its volume is there',
    ])
  })

  test('says that room could only be made by evicting others', () => {
    expect(
      chooseMode({
        node: 'node-1',
        answers: [noFit('web', true)],
        isMember: () => false,
        asked: 'auto',
        isUncordoned: true,
      }).refusals[0]?.why,
    ).toContain('only by evicting pods of lower priority: 0/4 nodes')
  })
})
