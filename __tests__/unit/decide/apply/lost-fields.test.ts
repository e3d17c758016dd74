// Whose field an apply takes is told with its name: they would find out by its being gone.

import { expect, test } from '@jest/globals'
import { lostFields } from '../../../../src/decide/apply/lost-fields.ts'

const image = {
  'f:spec': {
    'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"zk"}': { 'f:image': {} } } } },
  },
}
const set = { manager: 'kubectl-set', operation: 'Update', fieldsV1: image }

test('an owner that is gone has lost all', () =>
  expect(lostFields([set], [], 'us')).toEqual([
    {
      from: 'kubectl set (field manager kubectl-set)',
      fields: ['.spec.template.spec.containers[name="zk"].image'],
    },
  ]))

test('one that has less has lost the rest; of two with one name each is told apart', () => {
  const both = { ...set, fieldsV1: { 'f:spec': { ...image['f:spec'], 'f:replicas': {} } } }
  expect(lostFields([both], [set], 'us')).toEqual([
    { from: 'kubectl set (field manager kubectl-set)', fields: ['.spec.replicas'] },
  ])
  expect(
    lostFields([both, { ...set, operation: 'Apply' }], [{ ...set, operation: 'Apply' }], 'us'),
  ).toHaveLength(1)
})

test('ours, and what writes the status, lose nothing', () =>
  expect(
    lostFields([{ ...set, manager: 'us' }, { ...set, subresource: 'status' }, set], [set], 'us'),
  ).toEqual([]))
