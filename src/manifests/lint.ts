// The lint: every rule over one ensemble, before any request is sent. A rule is a pure function of the manifests; errors stop the run, warnings don't.

import type { Finding } from '../errors.ts'
import type { LintSubject, Rule } from './lint-rules/rule.ts'

const RULES: readonly Rule[] = []

/** Findings in the order of files and lines; of one place the error comes first. */
export function lint(subject: LintSubject): readonly Finding[] {
  return RULES.flatMap((rule) => rule(subject)).sort(byPlace)
}

function byPlace(a: Finding, b: Finding): number {
  const file = (a.place?.file ?? '') < (b.place?.file ?? '') ? -1 : Number(a.place?.file !== b.place?.file)
  return file || (a.place?.line ?? 0) - (b.place?.line ?? 0) || a.severity.localeCompare(b.severity)
}
