// The lint: every rule over one ensemble, before any request is sent. A rule is a pure function of
// the manifests; errors stop the run, warnings don't.

import type { Finding } from '../errors.ts'
import { movedMember, serviceOfMember } from './lint-rules/addresses.ts'
import { disruptionBudget } from './lint-rules/budget.ts'
import { confMount, logDirectory } from './lint-rules/entrypoint.ts'
import { foreignMembers } from './lint-rules/foreign.ts'
import { memberCount, memberList } from './lint-rules/members.ts'
import { spread } from './lint-rules/placement.ts'
import { probes } from './lint-rules/probes.ts'
import { removedApis } from './lint-rules/removed-apis.ts'
import type { LintSubject, Rule } from './lint-rules/rule.ts'
import { heap, imageTag, limits, purge, stopping, updates } from './lint-rules/running.ts'
import { clientServices, headlessService, setSelector } from './lint-rules/services.ts'
import { claims } from './lint-rules/storage.ts'
import { unseen } from './lint-rules/unseen.ts'

const RULES: readonly Rule[] = [
  removedApis,
  setSelector,
  headlessService,
  clientServices,
  disruptionBudget,
  foreignMembers,
  memberCount,
  memberList,
  movedMember,
  serviceOfMember,
  claims,
  confMount,
  logDirectory,
  probes,
  spread,
  heap,
  purge,
  limits,
  stopping,
  updates,
  imageTag,
  unseen,
]

/** Findings in the order of files and lines; of one place the error comes first. */
export function lint(subject: LintSubject): readonly Finding[] {
  return RULES.flatMap((rule) => rule(subject)).sort(byPlace)
}

function byPlace(a: Finding, b: Finding): number {
  const file =
    (a.place?.file ?? '') < (b.place?.file ?? '') ? -1 : Number(a.place?.file !== b.place?.file)
  return file || (a.place?.line ?? 0) - (b.place?.line ?? 0) || RANK[a.severity] - RANK[b.severity]
}

const RANK = { error: 0, warning: 1, notice: 2 } as const
