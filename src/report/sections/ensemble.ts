// The members one by one, and the matrix of writes read through other members.

import type { Cell } from '../../ensemble/profile.ts'
import { formatSpan } from '../../clock.ts'
import { cell, inline } from '../escape.ts'
import type { RunReport } from '../run-report.ts'
import type { Section } from './section.ts'
import { table } from './section.ts'
import { clockTime } from './times.ts'

export function membersSection(report: RunReport): Section | undefined {
  if (report.members.length === 0) return undefined
  const head = [
    'Ordinal',
    'Pod',
    'Id',
    'Role',
    'Node',
    'Claim',
    'Revision',
    'Restarts',
    'Ready since',
    'Trouble',
  ]
  const rows = report.members.map((row) => [
    cell(row.ordinal),
    cell(row.pod),
    cell(row.id),
    cell(row.role),
    cell(row.node),
    cell(row.claim),
    cell(row.revision),
    cell(row.restarts),
    row.ready
      ? cell(row.readySince === undefined ? 'ready' : clockTime(row.readySince))
      : 'not ready',
    cell(row.trouble),
  ])
  return table('Members', head, rows)
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
  return table(
    report.pairs === '' ? 'Write then read' : `Write then read: ${inline(report.pairs)} pairs`,
    head,
    rows,
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
