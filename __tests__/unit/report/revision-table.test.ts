// The log's table is read in a terminal at night: columns that don't line up, or that the cluster's
// text breaks, cost the choice of the right revision.

import { describe, expect, test } from '@jest/globals'
import { revisionLines } from '../../../src/report/revision-table.ts'
import type { RevisionRow } from '../../../src/report/run-report.ts'
import { summaryText } from '../../../src/report/summary.ts'
import { deployed } from './samples.ts'

const NOW = Date.parse('2026-01-03T00:00:00Z')

function row(change: Partial<RevisionRow> = {}): RevisionRow {
  return {
    revision: 3,
    name: 'zk-5b57997fc5',
    image: 'zookeeper:3.9',
    changeCause: '',
    created: NOW - 7_200_000,
    current: false,
    members: 0,
    verified: false,
    ...change,
  }
}

const ROWS = [
  row({ revision: undefined, name: 'zk-gone', created: undefined, verified: true }),
  row({ members: 2, verified: undefined }),
  row({ revision: 12, current: true, members: 1, changeCause: 'to 3.9' }),
]

describe('the table of revisions', () => {
  test('lines up, whatever is not known', () => {
    expect(revisionLines({ revisions: ROWS, ended: NOW })).toEqual([
      'REVISION  NAME           IMAGE          MEMBERS  CREATED                  AGE  CURRENT  VERIFIED  CHANGE CAUSE',
      '–         zk-gone        zookeeper:3.9  0        –                        –    –        verified  kept by the record only',
      '3         zk-5b57997fc5  zookeeper:3.9  2        2026-01-02 22:00:00 UTC  2h   –        unknown   –',
      '12        zk-5b57997fc5  zookeeper:3.9  1        2026-01-02 22:00:00 UTC  2h   current  –         to 3.9',
    ])
  })

  test('is nothing where there is no revision, rather than a head alone', () => {
    expect(revisionLines({ revisions: [], ended: NOW })).toEqual([])
  })

  test('a change cause of somebody else stays in its cell and on its line', () => {
    const [, line = ''] = revisionLines({
      revisions: [row({ changeCause: `a\n::error::b\u001b[31m ${'x'.repeat(500)}` })],
      ended: NOW,
    })
    expect(line).toContain('a ::error::b x')
    expect(line).not.toContain('\u001b')
    expect(line.length).toBeLessThan(200)
  })

  test('a clock that is behind the cluster gives no negative age', () => {
    expect(revisionLines({ revisions: [row({ created: NOW + 60_000 })], ended: NOW })[1]).toContain(
      ' 0s ',
    )
  })

  test('stands in the summary in the same words', () => {
    const text = summaryText({ ...deployed(), revisions: ROWS, ended: NOW })
    expect(text).toContain(
      '| – | zk-gone | zookeeper:3.9 | 0 | – | – | – | verified | kept by the record only |',
    )
    expect(text).toContain(
      '| 12 | zk-5b57997fc5 | zookeeper:3.9 | 1 | 2026-01-02 22:00:00 UTC | 2h | current | – | to 3.9 |',
    )
  })
})
