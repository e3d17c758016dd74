// Who approves a change goes by these words: a roll that is called an object, or an order that is
// not kept, is found out in production.

import { expect, test } from '@jest/globals'
import { meaningOf, type Planned } from '../../../src/decide/plan.ts'

const NOTHING: Planned = {
  changing: 0,
  takenOver: 0,
  runs: true,
  from: 3,
  to: 3,
  steps: [],
  roll: undefined,
  unfinished: false,
  unread: [],
  memberMs: 40_000,
}
const FORECAST = {
  order: ['zk-2', 'zk-0', 'zk-1'],
  handsOver: ['zk-1'],
  elections: 1,
  ms: 185_000,
  halts: undefined,
}

test.each<readonly [string, Partial<Planned>, string, RegExp]>([
  ['nothing', {}, 'none', /^Nothing would change\.$/],
  [
    'one object',
    { changing: 1 },
    'objects',
    /^1 object would change, and no member would be restarted\.$/,
  ],
  [
    'only owners',
    { takenOver: 4 },
    'objects',
    /^4 objects of a client-side apply would be taken over as they are/,
  ],
  [
    'a ConfigMap that nobody reads',
    { changing: 1, unread: ['zk'] },
    'objects',
    /configmap\/zk: members that run read it only when they start/,
  ],
  [
    'a first install',
    { runs: false, from: 0, changing: 4 },
    'scale',
    /^A first install: 3 members would be made/,
  ],
  [
    'a roll',
    { changing: 1, roll: { kind: 'paced', forecast: FORECAST, leader: 'zk-1' } },
    'roll',
    /3 members would be replaced, one at a time, .*: zk-2, zk-0, zk-1; zk-1 leads and hands over its leadership first, one election; about 3m10s/,
  ],
  [
    'a roll of whom nobody could ask',
    {
      changing: 1,
      roll: { kind: 'paced', forecast: { ...FORECAST, handsOver: [], elections: 0 }, leader: '' },
    },
    'roll',
    /who leads is not known/,
  ],
  [
    'a roll that stops',
    {
      changing: 1,
      roll: {
        kind: 'paced',
        forecast: { ...FORECAST, halts: 'zk-0 is Ready, but could not be reached' },
        leader: 'zk-1',
      },
    },
    'roll',
    /would stop there: zk-0 is Ready/,
  ],
  [
    "the controller's pace",
    { changing: 1, roll: { kind: 'controller', count: 3, leader: 'zk-1' } },
    'roll',
    /by the StatefulSet controller, the highest ordinal first/,
  ],
  [
    'OnDelete',
    { changing: 1, roll: { kind: 'left', count: 3 } },
    'roll',
    /no member is replaced by this deploy/,
  ],
  [
    'an earlier roll',
    { unfinished: true, roll: { kind: 'paced', forecast: FORECAST, leader: 'zk-1' } },
    'roll',
    /An earlier roll has not ended/,
  ],
  [
    'growing',
    {
      changing: 1,
      to: 5,
      steps: [
        { words: 'zk-3 comes', outage: undefined, count: 4 },
        { words: 'zk-4 comes', outage: 'no quorum for a moment', count: 5 },
      ],
    },
    'scale',
    /from 3 members to 5, one member at a time.*Zk-4 comes: no quorum for a moment\./,
  ],
])('%s', (_what, more, impact, words) => {
  const meaning = meaningOf({ ...NOTHING, ...more })
  expect(meaning.impact).toBe(impact)
  expect(meaning.lines.join(' ')).toMatch(words)
})
