// Where the checks write: one node for a run below the check path, named with its time and deleted
// at the end; and what killed runs left there.

import { isRefusal, Refusal } from '../errors.ts'
import type { Session } from '../session.ts'

/** A run's node is older than this only when its run was killed. */
const RUN_MS = 60 * 60 * 1000
/**
 * A marker must outlive the longest maintenance, and the writer's node a roll that is long drawn
 * out: taken from under it, it would count as lost data.
 */
const MARKER_MS = 7 * 24 * 60 * 60 * 1000
/** Deletes at a time: leftovers are few, and a check must not become a burden. */
const AT_ONCE = 50

const OURS = /^(run|marker|witness)-(\d{13})-[A-Za-z0-9._-]+$/

/** `/zk-ensemble-action/run-1767323045000-<run>`. */
export function nodePath(
  checkPath: string,
  kind: 'run' | 'marker' | 'witness',
  now: number,
  runId: string,
): string {
  const parent = checkPath === '/' ? '' : checkPath.replace(/\/+$/, '')
  return `${parent}/${kind}-${String(Math.max(0, Math.floor(now)))
    .padStart(13, '0')
    .slice(-13)}-${plain(runId)}`
}

/** Letters, digits and `._-`: fit for a node's name, a value and a command line. */
export function plain(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 100) || 'run'
}

/**
 * Which children of the check path are what killed runs left. Only names that this action gives are
 * ever taken, and only when both the name's own time (a runner's
 * clock) and the node's creation (the ensemble's clock) lie far enough back.
 */
function leftovers(
  children: readonly { readonly name: string; readonly ctime: number }[],
  nowByRunner: number,
  nowByEnsemble: number,
): readonly string[] {
  return children
    .filter(({ name, ctime }) => {
      const age = ageLimit(name)
      return (
        age !== undefined &&
        nowByRunner - age.named > age.limit &&
        nowByEnsemble - ctime > age.limit
      )
    })
    .map(({ name }) => name)
}

function ageLimit(name: string): { readonly named: number; readonly limit: number } | undefined {
  const match = OURS.exec(name)
  return match === null
    ? undefined
    : { named: Number(match[2]), limit: match[1] === 'run' ? RUN_MS : MARKER_MS }
}

/**
 * Deletes what killed runs left below the check path; how many nodes of runs went. `ownNode`: this
 * run's, whose creation tells the ensemble's time.
 */
export async function sweep(
  session: Session,
  checkPath: string,
  ownNode: string,
  now: number,
): Promise<number> {
  const parent = checkPath === '/' ? '/' : checkPath.replace(/\/+$/, '')
  const below = (name: string): string => `${parent === '/' ? '' : parent}/${name}`
  const [own, names] = await Promise.all([session.exists(ownNode), session.children(parent)])
  const candidates = names
    .filter((name) => now - (ageLimit(name)?.named ?? now) > RUN_MS)
    .slice(0, AT_ONCE)
  if (own === undefined || candidates.length === 0) return 0
  const children = await Promise.all(
    candidates.map(async (name) => ({ name, stat: await session.exists(below(name)) })),
  )
  const old = leftovers(
    children.flatMap(({ name, stat }) => (stat === undefined ? [] : [{ name, ctime: stat.ctime }])),
    now,
    own.ctime,
  )
  let swept = 0
  for (const name of old) if (await removeTree(session, below(name))) swept += 1
  return swept
}

/**
 * A run's node has children, but those have none. False when it may not be deleted, or another run
 * was faster.
 */
async function removeTree(session: Session, path: string): Promise<boolean> {
  try {
    const children = await session.children(path)
    await Promise.allSettled(children.map((child) => session.delete(`${path}/${child}`)))
    await session.delete(path)
    return true
  } catch (error) {
    if (error instanceof Refusal) return isRefusal(error, 'NoNode')
    throw error
  }
}
