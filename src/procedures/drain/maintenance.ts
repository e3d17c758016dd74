// Runs the maintenance command for a drained node, and waits until the node is Ready again: a
// reboot that was promised shows in its boot id.

import { Deadline, formatSpan } from '../../clock.ts'
import { failure, type EnsembleError } from '../../errors.ts'
import type { Kube } from '../../kube/kube.ts'
import { waitUntil } from '../../wait-until.ts'
import { KubeFailure } from '../../kube/failure.ts'
import { toNode } from '../../kube/views/index.ts'
import { clip, plainLine } from '../../report/escape.ts'
import type { Evidence } from '../../report/run-report.ts'
import type { CommandOutcome } from '../../run.ts'
import type { NodeView } from '../../view/surroundings.ts'
import type { Ensemble } from '../open/ensemble.ts'

const LOOK_MS = 1_000
const HEARTBEAT_MS = 30_000
const LONGEST_WORDS = 200

export interface Maintenance {
  /** As it was when it was drained. */
  readonly node: NodeView
  /** In bash. */
  readonly script: string
  /** For the script, and until its node is back. */
  readonly timeoutMs: number
}

/**
 * A command with one of these words reboots its node: then the boot id must change, since a node
 * stays Ready for up to a minute after it has gone down.
 */
const REBOOTS = /(^|[^\w-])(reboot(?![\w-])|kexec|shutdown\s+(-\w+\s+)*-\w*r)/
/**
 * And with one of these it reboots only where that is needed (Debian's and Ubuntu's file, Red Hat's
 * and Debian's tools).
 */
const WHERE_NEEDED = /reboot-required|needs-restarting|needrestart/
/**
 * A node that was called Ready for so long after it may have gone down is up: the controller takes
 * Ready from a node that is silent after 40 to 50 s. Milliseconds.
 */
const PROVEN_UP_MS = 90_000

export type Reboot = 'promised' | 'where needed' | 'none'

/** What the script's text says about a reboot; comments say nothing. */
export function rebootOf(script: string): Reboot {
  const lines = script.split('\n').filter((line) => !/^\s*#/.test(line))
  if (!lines.some((line) => REBOOTS.test(line))) return 'none'
  return lines.some((line) => WHERE_NEEDED.test(line)) ? 'where needed' : 'promised'
}

/**
 * `shutdown` waits for a minute unless it is told otherwise; `systemd-run` counts in seconds unless
 * it is.
 */
const SHUTDOWN =
  /shutdown\s+(?:-\w+\s+)*-\w*r\w*(?:\s+-\w+)*(?:\s+(?:\+(?<minutes>\d+)|(?<now>now)))?/g
const ON_ACTIVE = /--on-active=['"]?(?<amount>\d+)\s*(?<unit>m|h)?/g

/**
 * How long after the command's end its node may still go down, as far as its text says;
 * milliseconds.
 */
export function rebootDelayMs(script: string): number {
  const shutdowns = [...script.matchAll(SHUTDOWN)].map(({ groups }) =>
    groups?.['now'] !== undefined ? 0 : Number(groups?.['minutes'] ?? 1) * 60_000,
  )
  const timers = [...script.matchAll(ON_ACTIVE)].map(
    ({ groups }) =>
      Number(groups?.['amount'] ?? 0) *
      (groups?.['unit'] === 'h' ? 3_600_000 : groups?.['unit'] === 'm' ? 60_000 : 1000),
  )
  return Math.max(0, ...shutdowns, ...timers)
}

/**
 * Throws MAINTENANCE_FAILED when the command fails, takes too long, or the node does not come back
 * in that time.
 */
export async function maintain(
  ensemble: Ensemble,
  { node, script, timeoutMs }: Maintenance,
  signal: AbortSignal,
): Promise<void> {
  const { run } = ensemble
  const deadline = new Deadline(run.clock, timeoutMs)
  const outcome = await run
    .command({ script, env: { NODE_NAME: node.name }, timeoutMs }, signal)
    .catch((error: unknown) => {
      signal.throwIfAborted()
      throw failure(
        'failed',
        'MAINTENANCE_FAILED',
        `the maintenance command of ${node.name} could not be started: ${error instanceof Error ? plainLine(error.message) : 'unknown'}`,
        {
          object: `node/${node.name}`,
          input: 'maintenance-command',
          fix: 'It needs bash on the runner.',
        },
      )
    })
  signal.throwIfAborted()
  const fault = faultOf(outcome, node.name, timeoutMs)
  if (fault !== undefined) {
    // Evidence and not a part of the message: that one travels further than the log, and nobody
    // masks what a script prints there.
    if (outcome.last !== '') run.report.prove(lastLine(node.name, outcome.last))
    throw fault
  }
  run.journal.info(`${node.name}: the maintenance command succeeded`)
  await comesBack(
    ensemble,
    {
      node,
      reboot: rebootOf(script),
      provenUpMs: PROVEN_UP_MS + rebootDelayMs(script),
      deadline,
    },
    signal,
  )
}

function lastLine(node: string, line: string): Evidence {
  return {
    object: `node/${node}`,
    container: undefined,
    reason: `last line of the maintenance command: ${clip(plainLine(line), LONGEST_WORDS)}`,
    message: '',
    exitCode: undefined,
    restarts: undefined,
    events: [],
    logs: [],
  }
}

function faultOf(
  outcome: CommandOutcome,
  node: string,
  timeoutMs: number,
): EnsembleError | undefined {
  const about = { object: `node/${node}`, input: 'maintenance-command' }
  switch (outcome.kind) {
    case 'exited':
      return outcome.code === 0
        ? undefined
        : failure(
            'failed',
            'MAINTENANCE_FAILED',
            `the maintenance command of ${node} exited with ${outcome.code}`,
            {
              ...about,
              fix: 'Its output is in the log of this step; see in what state it has left the node before it is run again.',
            },
          )
    case 'timed-out':
      return failure(
        'failed',
        'MAINTENANCE_FAILED',
        `the maintenance command of ${node} took longer than ${formatSpan(timeoutMs)} and was ended with all that it had started`,
        {
          ...about,
          fix: 'See in what state it has left the node; maintenance-timeout gives it longer.',
        },
      )
    case 'cancelled':
      return failure(
        'cancelled',
        'CANCELLED',
        `the maintenance command of ${node} was ended by the cancel`,
        about,
      )
  }
}

interface Coming {
  readonly node: NodeView
  readonly reboot: Reboot
  /** A node that stayed Ready for so long has not rebooted. */
  readonly provenUpMs: number
  readonly deadline: Deadline
}

/**
 * Ready, and after a reboot that was promised with another boot id; where it may have been, with
 * another one or for so long that it is up for sure. A node that has left the cluster comes back no
 * more, and that is no fault.
 */
async function comesBack(
  { kube, run: { clock, journal } }: Ensemble,
  { node, reboot, provenUpMs, deadline }: Coming,
  signal: AbortSignal,
): Promise<void> {
  let readySince: number | undefined
  await waitUntil(
    {
      clock,
      deadline,
      everyMs: LOOK_MS,
      heartbeatMs: HEARTBEAT_MS,
      say: (line) => journal.info(line),
    },
    async () => {
      const seen = await lookAt(kube, node, signal)
      if (seen === 'gone') {
        journal.info(`${node.name}: has left the cluster`)
        return undefined
      }
      const rebooted =
        seen !== undefined && seen.bootId !== undefined && seen.bootId !== node.bootId
      readySince = seen?.ready === true ? (readySince ?? clock.now()) : undefined
      const missing =
        seen === undefined
          ? 'it could not be read'
          : !seen.ready
            ? 'it is not Ready'
            : rebooted
              ? undefined
              : unrebooted(reboot, provenUpMs - (clock.now() - (readySince ?? clock.now())))
      if (missing === undefined) {
        if (rebooted) journal.info(`${node.name}: is Ready again after a reboot`)
        else if (reboot === 'where needed')
          journal.info(`${node.name}: is Ready and was not rebooted`)
        return undefined
      }
      return {
        line: `still waiting for ${node.name} (for another ${formatSpan(deadline.left())}): ${missing}`,
        over: () =>
          failure(
            'failed',
            'MAINTENANCE_FAILED',
            `${node.name} is not back after its maintenance: ${missing}`,
            {
              object: `node/${node.name}`,
              fix: `kubectl describe node ${node.name}; maintenance-timeout, which holds for the command and for this, gives it longer.`,
            },
          ),
      }
    },
    signal,
  )
}

/** What a node is missing that is Ready with the boot id of before. */
function unrebooted(reboot: Reboot, openMs: number): string | undefined {
  switch (reboot) {
    case 'promised':
      return 'it has not rebooted yet: its boot id is that of before'
    case 'where needed':
      return openMs <= 0 ? undefined : `whether it reboots is seen within ${formatSpan(openMs)}`
    case 'none':
      return undefined
  }
}

/**
 * Undefined when there was no answer: the API server may be away for a moment, as when the node is
 * its own.
 */
async function lookAt(
  kube: Kube,
  node: NodeView,
  signal: AbortSignal,
): Promise<NodeView | 'gone' | undefined> {
  try {
    const object = await kube.get({ apiVersion: 'v1', kind: 'Node', name: node.name }, signal)
    return object === undefined || object.metadata.uid !== node.uid ? 'gone' : toNode(object)
  } catch (error) {
    if (
      signal.aborted ||
      !(error instanceof KubeFailure) ||
      (error.status > 0 && error.status < 500)
    )
      throw error
    return undefined
  }
}
