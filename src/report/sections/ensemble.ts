// The members one by one, and the matrix of writes read through other members.

import type { Cell } from '../../ensemble/profile.ts'
import { formatSpan } from '../../clock.ts'
import { block, cell, inline } from '../escape.ts'
import { logTitle } from '../evidence.ts'
import { NOT_LOOKED_AT, userOf } from '../identity-words.ts'
import type { MemberRow, RunReport } from '../run-report.ts'
import type { Section } from './section.ts'
import { section, table } from './section.ts'
import { clockTime } from './times.ts'

/** What is longer stands in the evidence. */
const TROUBLE = 90
/** More members than this are behind a line: they would push all else off the page. */
const OPEN = 9

const HEAD = ['Member', 'Role', 'Node', 'Revision', 'Ready since (UTC)', 'Trouble']

export function membersSection(report: RunReport): Section | undefined {
  const { members, replicas = 0 } = report
  const missing = replicas - members.length
  if (members.length === 0) return undefined
  const rows = members.map((row) => [
    cell(row.pod),
    row.role === 'leader' ? '**leader**' : cell(row.role),
    cell(row.node),
    cell(revision(row, report)),
    row.ready
      ? cell(row.readySince === undefined ? 'ready' : clockTime(row.readySince).replace(' UTC', ''))
      : 'not ready',
    cell(troubleOf(row), TROUBLE),
  ])
  const none =
    missing > 0
      ? [
          [
            cell(''),
            cell(''),
            cell(''),
            cell(''),
            'not ready',
            `${missing} ${missing === 1 ? 'member has' : 'members have'} no pod`,
          ],
        ]
      : []
  const folded = members.length > OPEN
  return table(folded ? `${members.length} members` : '', HEAD, [...rows, ...none], { folded })
}

/** Without the set's name, that each of them begins with. */
function revision({ revision = '' }: MemberRow, { name }: RunReport): string {
  return name !== '' && revision.startsWith(`${name}-`) ? revision.slice(name.length + 1) : revision
}

/** What is wrong with its pod comes before what it says itself: it is the cause of it. */
function troubleOf({ fault, trouble, restarts }: MemberRow): string {
  return [
    fault ?? trouble ?? '',
    restarts === 0 ? '' : `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`,
  ]
    .filter((part) => part !== '')
    .join(', ')
}

/** What the checks compared, member by member. */
export function identitiesSection(report: RunReport): Section | undefined {
  const asked = report.members.flatMap(({ pod, id, identity }) =>
    identity === undefined ? [] : [{ pod, id, identity }],
  )
  if (asked.length === 0) return undefined
  return table(
    `Who the members say they are: ${asked
      .map(({ pod }) => inline(pod, 100))
      .slice(0, OPEN)
      .join(', ')}`,
    ['Member', 'Id', 'Its own name', 'In its member list', 'Its server runs as user', 'Its data'],
    asked.map(({ pod, id, identity }) => [
      cell(pod),
      cell(id ?? NOT_LOOKED_AT),
      cell(identity.name ?? NOT_LOOKED_AT),
      cell(identity.listed ?? NOT_LOOKED_AT),
      cell(userOf(identity.user)),
      cell(identity.data ?? NOT_LOOKED_AT),
    ]),
    { folded: true },
  )
}

/** Of a thorough check: what `kubectl logs --tail` would show of each. */
export function memberLogsSection({ memberLogs }: RunReport): Section | undefined {
  if (memberLogs.length === 0) return undefined
  const items = memberLogs.map(({ pod, container, lines, noise }) => {
    const log = { container, previous: false, lines: [...lines] }
    return [
      `${inline(pod, 100)}: ${inline(logTitle(log, { lines, noise }), 200)}`,
      block(lines.length === 0 ? ['(no lines)'] : lines),
    ].join('\n\n')
  })
  const count = memberLogs.length === 1 ? 'the member' : `${memberLogs.length} members`
  return section(`Last log lines of ${count}`, items, { folded: true, between: '\n\n' })
}

export function matrixSection(report: RunReport): Section | undefined {
  const matrix = report.matrix
  if (matrix === undefined || matrix.members.length === 0) return undefined
  const head = [
    'Written through ↓, read through →',
    ...matrix.members.map((member) => cell(member)),
  ]
  const rows = matrix.members.map((member, writer) => [
    cell(member),
    ...matrix.members.map((_, reader) => cellText(matrix.cells[writer]?.[reader])),
  ])
  const failed = matrix.cells.flat().some((found) => found.kind === 'failed')
  return table(
    `${failed ? '❌' : '✅'} ${report.pairs === '' ? 'Write then read' : `${inline(report.pairs)} write-then-read pairs`}`,
    head,
    rows,
    { folded: true },
  )
}

function cellText(found: Cell | undefined): string {
  switch (found?.kind) {
    case undefined:
    case 'not tried':
      return 'not tried'
    case 'self':
      return cell(undefined)
    case 'ok':
      return `ok, ${formatSpan(found.ms)}`
    case 'failed':
      return `**failed**: ${cell(found.why, 200)}`
  }
}
