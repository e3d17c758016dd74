// What of an object would change, as lines of a diff that people read: of what is wanted alone,
// without secrets, bounded.

import { structuredPatch } from 'diff'
import { stringify } from 'yaml'
import { wantedPart } from '../decide/apply/changes.ts'
import type { KubeObject } from '../kube/kube.ts'
import { isTree } from '../manifests/fields-v1.ts'
import { LAST_APPLIED } from '../manifests/owned.ts'
import { withoutSecrets } from './hidden-values.ts'

/** Lines of one object's diff that are shown. */
const LONGEST = 400
/** Lines of an object that are compared: more would take long, and nobody reads them. */
const COMPARED = 20_000
/** Differences that are looked for. */
const MOST_EDITS = 4_000
const WIDTH = 2_000

/**
 * `before`: undefined for an object that comes. `known`: values of Secrets. Empty: nothing to see.
 */
export function diffOf(
  before: KubeObject | undefined,
  after: KubeObject,
  known: readonly string[],
): readonly string[] {
  const hidden = withoutSecrets(
    { before: before === undefined ? undefined : shownPart(before), after: shownPart(after) },
    known,
  )
  const [old, wanted] = [textOf(hidden.before), textOf(hidden.after)]
  if (old === wanted) return []
  const [was, is] = [old, wanted].map((text) => text.split('\n').length)
  const tooMuch = [`(too much to show: ${was ?? 0} lines before, ${is ?? 0} afterwards)`]
  if ((was ?? 0) + (is ?? 0) > COMPARED) return tooMuch
  const patch = structuredPatch('', '', old, wanted, '', '', {
    context: 3,
    maxEditLength: MOST_EDITS,
  })
  if (patch === undefined) return tooMuch
  const lines = patch.hunks.flatMap((hunk) => [
    `@@ -${hunk.oldStart},${hunk.oldLines} +${hunk.newStart},${hunk.newLines} @@`,
    ...hunk.lines.map((line) => (line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line)),
  ])
  return lines.length <= LONGEST
    ? lines
    : [...lines.slice(0, LONGEST), `(${lines.length - LONGEST} more lines)`]
}

/** Without the copy that kubectl apply keeps of it: everything would be shown twice. */
function shownPart(object: KubeObject): unknown {
  const part = wantedPart(object)
  const { metadata } = part
  if (!isTree(metadata) || !isTree(metadata['annotations'])) return part
  const { [LAST_APPLIED]: _copy, ...annotations } = metadata['annotations']
  const { annotations: _all, ...rest } = metadata
  return {
    ...part,
    metadata: Object.keys(annotations).length === 0 ? rest : { ...rest, annotations },
  }
}

function textOf(value: unknown): string {
  return value === undefined
    ? ''
    : stringify(value, { lineWidth: 0, sortMapEntries: true, aliasDuplicateObjects: false })
}
