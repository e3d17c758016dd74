// A leader hands over leadership in place: its server process is told to end inside its container,
// which comes up again at the same address while another member leads.

import { failure } from '../../errors.ts'
import { whyUnreachable } from '../unreachable.ts'
import type { Member, VerifyContext } from '../profile.ts'

/** The script's name as its process shows it. */
export const STEP_DOWN_MARKER = 'zk-ensemble-action-step-down'
/** Printed with the process' id once nothing stands in the way of the signal. */
export const TOLD = 'telling the server to end'

const EXEC_MS = 10_000
const NO_SERVER = 3
const NO_RIGHT = 4

/*
 * Only a process of Java's with the server's class as an argument of its own: an entry point that
 * passes the class on to a shell, or this script, has another name or
 * the class amid a longer argument. `kill` is the shell's own. Where the server is PID 1 everything
 * ends with it: the word and the exit code are given a moment to get out.
 */
const SCRIPT = `for p in /proc/[0-9]*; do
  args=$(tr '\\000' '\\n' 2>/dev/null <"$p/cmdline") || continue
  program= class=
  while IFS= read -r arg; do
    if [ -z "$program" ]; then program=$arg; fi
    case $arg in
      org.apache.zookeeper.server.quorum.QuorumPeerMain) class=$arg ;;
      org.apache.zookeeper.server.ZooKeeperServerMain) class=$arg ;;
    esac
  done <<EOT
$args
EOT
  case $program in java|*/java) ;; *) continue ;; esac
  if [ -n "$class" ]; then
    pid=\${p#/proc/}
    kill -0 "$pid" 2>/dev/null || { printf 'process %s\\n' "$pid" >&2; exit ${NO_RIGHT}; }
    printf '%s %s\\n' '${TOLD}' "$pid"
    { sleep 0.2 || sleep 1; kill -TERM "$pid"; } </dev/null >/dev/null 2>&1 &
    exit 0
  fi
done
exit ${NO_SERVER}
`

export function stepDownCommand(): readonly [string, ...string[]] {
  return ['sh', '-c', SCRIPT, STEP_DOWN_MARKER]
}

/**
 * Resolves once the server process was told to end. Throws EnsembleError 'failed',
 * CHECK_IMPOSSIBLE, when it could not be told, and the signal's reason when aborted.
 */
export async function stepDown(member: Member, context: VerifyContext): Promise<void> {
  if (!context.reach.may.exec) throw impossible(member, 'this run may not use exec')
  let result
  try {
    result = await context.reach.exec(
      member,
      stepDownCommand(),
      { timeoutMs: EXEC_MS },
      context.signal,
    )
  } catch (error) {
    context.signal.throwIfAborted()
    throw impossible(member, whyUnreachable(error, 'exec').why, error)
  }
  if (result.stdout.includes(TOLD)) return
  switch (result.exitCode) {
    case NO_SERVER:
      throw impossible(member, 'no ZooKeeper server runs in its container')
    case NO_RIGHT:
      throw impossible(
        member,
        'the server runs as a user whose processes an exec in its container may not end',
      )
    default:
      throw impossible(member, `its container has no usable shell (exit code ${result.exitCode})`)
  }
}

function impossible(member: Member, why: string, cause?: unknown): Error {
  return failure(
    'failed',
    'CHECK_IMPOSSIBLE',
    `${member.pod} (ordinal ${member.ordinal}) could not be made to hand over its leadership in place: ${why}`,
    {
      object: `pod/${member.pod}`,
      ordinal: member.ordinal,
      fix: 'Allow pods/exec [get, create] in the Role of this workflow and use an image with sh and tr, or accept the longer election that comes with replacing a leader.',
    },
    cause,
  )
}
