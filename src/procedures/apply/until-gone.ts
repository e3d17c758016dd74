// Waits until what was deleted is gone, and says meanwhile, and when the time is over, what holds
// it.

import { formatSpan, type Clock, type Deadline } from '../../clock.ts'
import { failure } from '../../errors.ts'
import type { Run } from '../../run.ts'
import { waitUntil } from '../../wait-until.ts'

const LOOK_MS = 500
const HEARTBEAT_MS = 15_000

/** Something that is still there; `why`: what holds it, empty where nothing is known to. */
export interface Held {
  /** `statefulset/zk`. */
  readonly object: string
  readonly why: string
  readonly fix?: string | undefined
}

export interface Waiting {
  readonly clock: Clock
  readonly deadline: Deadline
  readonly say: (line: string) => void
  /** Of the run that waits. */
  readonly operation: string
}

export function waitingOf(
  { clock, journal, report }: Pick<Run, 'clock' | 'journal' | 'report'>,
  deadline: Deadline,
): Waiting {
  return {
    clock,
    deadline,
    say: (line) => journal.info(line),
    operation: report.operation,
  }
}

/**
 * `look` names what is still there. Rejects with TIMEOUT at the deadline, naming the first that
 * something holds.
 */
export async function untilGone(
  { clock, deadline, say, operation }: Waiting,
  look: (signal: AbortSignal) => Promise<readonly Held[]>,
  signal: AbortSignal,
): Promise<void> {
  const began = clock.now()
  await waitUntil(
    { clock, deadline, everyMs: LOOK_MS, heartbeatMs: HEARTBEAT_MS, say },
    async () => {
      const there = await look(signal)
      const first = there.find(({ why }) => why !== '') ?? there[0]
      if (first === undefined) return undefined
      const others =
        there.length === 1
          ? ''
          : ` (and ${there.length - 1} more: ${there
              .filter((one) => one !== first)
              .slice(0, 5)
              .map(({ object }) => object)
              .join(', ')})`
      return {
        line: `waits until ${there
          .slice(0, 5)
          .map(({ object, why }) => `${object}${why === '' ? '' : ` (${why})`}`)
          .join(
            ', ',
          )}${there.length > 5 ? ` and ${there.length - 5} more` : ''} ${there.length === 1 ? 'is' : 'are'} gone`,
        over: () =>
          failure(
            'failed',
            'TIMEOUT',
            `${first.object} is still there after ${formatSpan(clock.now() - began)}${first.why === '' ? '' : `: ${first.why}`}${others}`,
            {
              object: first.object,
              input: 'timeout',
              fix: `${first.fix ?? 'See what holds it: its conditions, finalizers and events.'} Then run the ${operation} again: it continues from here.`,
            },
          ),
      }
    },
    signal,
  )
}

/**
 * What an object's finalizers say of who holds it; the garbage collector's own is not worth a word
 * before its dependents are.
 */
export function heldByFinalizers(
  object: string,
  namespace: string | undefined,
  finalizers: readonly string[] | undefined,
): Held {
  const foreign = (finalizers ?? []).filter(
    (one) => one !== 'foregroundDeletion' && one !== 'orphan',
  )
  if (foreign.length === 0)
    return {
      object,
      why:
        (finalizers ?? []).length > 0 ? 'the garbage collector waits for what belongs to it' : '',
    }
  const [kind = '', name = ''] = object.split('/', 2)
  return {
    object,
    why: `held by the ${foreign.length === 1 ? 'finalizer' : 'finalizers'} ${foreign.join(', ')}`,
    fix: `Whoever set it must remove it: look at that controller. Only if it is gone for good: kubectl ${namespace === undefined ? '' : `-n ${namespace} `}patch ${kind} ${name} --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'.`,
  }
}
