// Who may only read is shown what a manifest changes all the same; a default that is taken for a
// change would hide the real ones.

import { expect, test } from '@jest/globals'
import { overlaid } from '../../../../src/decide/apply/overlay.ts'

test('fields that the manifest writes over those that are there', () =>
  expect(overlaid({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 4 }, e: 5 })).toEqual({
    a: 1,
    b: { c: 4, d: 3 },
    e: 5,
  }))

test('items of lists by name, whatever their order, and new ones behind them', () =>
  expect(
    overlaid(
      [
        { name: 'a', x: 1, default: true },
        { name: 'b', x: 2 },
      ],
      [
        { name: 'c', x: 3 },
        { name: 'a', x: 9 },
      ],
    ),
  ).toEqual([
    { name: 'a', x: 9, default: true },
    { name: 'b', x: 2 },
    { name: 'c', x: 3 },
  ]))

test('lists without names by their place, and as a whole where their length differs', () => {
  expect(overlaid([{ port: 1, protocol: 'TCP' }], [{ port: 1 }])).toEqual([
    { port: 1, protocol: 'TCP' },
  ])
  expect(overlaid(['a', 'b'], ['c'])).toEqual(['c'])
  expect(overlaid(['a', 'b'], ['a', 'c'])).toEqual(['a', 'c'])
})

test('a field without a value changes nothing', () =>
  expect(overlaid({ a: 1 }, { a: undefined, b: null })).toEqual({ a: 1, b: undefined }))

test('an amount in another form is the same: 0.5 cores are 500m; a variable of that text is not', () => {
  const live = { env: [{ name: 'A', value: '500m' }], requests: { cpu: '500m', memory: '1Gi' } }
  expect(
    overlaid(live, {
      env: [{ name: 'A', value: '0.5' }],
      requests: { cpu: 0.5, memory: '1024Mi' },
    }),
  ).toEqual({ env: [{ name: 'A', value: '0.5' }], requests: { cpu: '500m', memory: '1Gi' } })
  expect(overlaid(live, { requests: { cpu: '1' }, limits: { cpu: '2' } })).toMatchObject({
    requests: { cpu: '1', memory: '1Gi' },
    limits: { cpu: '2' },
  })
  // A volume in memory has one as well; a change of it would be told as a roll.
  const volume = { emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } }
  expect(overlaid(volume, { emptyDir: { sizeLimit: '1024Mi' } })).toEqual(volume)
  expect(overlaid(volume, { emptyDir: { sizeLimit: '2Gi' } })).toEqual({
    emptyDir: { medium: 'Memory', sizeLimit: '2Gi' },
  })
})
