// The namespaces of a sweep: how old each is and what became of it.

import { cell } from '../escape.ts'
import type { RunReport } from '../run-report.ts'
import { table, type Section } from './section.ts'

export function namespacesSection({ namespaces }: RunReport): Section | undefined {
  if (namespaces.length === 0) return undefined
  return table(
    'Previews',
    ['Namespace', 'Age', 'Verdict', 'Why'],
    namespaces.map(({ namespace, age, verdict, note }) => [
      cell(namespace),
      cell(age),
      verdict === 'failed' ? '**failed**' : verdict,
      cell(note, 500),
    ]),
  )
}
