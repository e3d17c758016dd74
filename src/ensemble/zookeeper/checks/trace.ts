// What earlier checks left: the check path itself, which stays. Where it is older than every pod of
// today, data has outlived them all, as after a set that was deleted and recreated on its claims.

import { formatTime } from '../../../clock.ts'
import type { VerifyContext } from '../../profile.ts'
import { memberTrouble } from '../member-trouble.ts'
import type { Speakers } from '../speakers.ts'

/** A check makes the path and its own node in one go: a path that is as young was made by it. */
const NEW_MS = 5_000

/** A clause for the line of the check that made `ownNode`; empty where nothing is known. */
export async function traceOf(
  speaking: Speakers,
  checkPath: string,
  ownNode: string,
  context: VerifyContext,
): Promise<string> {
  const path = checkPath.replace(/\/+$/, '')
  const session = speaking.members
    .map((member) => speaking.sessionOf(member))
    .find((one) => one !== undefined && !one.over.aborted)
  if (session === undefined || path === '') return ''
  try {
    const [parent, own] = await Promise.all([session.exists(path), session.exists(ownNode)])
    if (parent === undefined || own === undefined) return ''
    return `; ${traceWords(
      { path, made: parent.ctime, checked: own.ctime },
      speaking.members.map(({ created }) => created),
    )}`
  } catch (error) {
    memberTrouble(error, context.signal)
    return ''
  }
}

/** `made`, `checked`: by the leaders' clocks; `pods`: when each was made, by the API server's. */
export function traceWords(
  {
    path,
    made,
    checked,
  }: { readonly path: string; readonly made: number; readonly checked: number },
  pods: readonly (number | undefined)[],
): string {
  if (!(checked - made >= NEW_MS) || made <= 0)
    return `${path} is new: nothing from before to read back`
  const outlived =
    pods.length > 0 && pods.every((created) => created !== undefined && made < created)
  return `${path}, made ${formatTime(made)}, is read back${outlived ? ' and older than every pod' : ''}`
}
