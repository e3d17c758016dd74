// Who serves in an ensemble of a kind that this action doesn't know: said by the user's commands, a
// write through one member and reads through the rest.

import type { Member, MemberState, Role, VerifyContext } from '../profile.ts'
import { byPod } from '../by-pod.ts'
import { failed, readTrouble, run, type CustomOptions } from './commands.ts'

/** A look comes before each act: a member that is silent for so long doesn't serve. */
const LOOK_MS = 15_000
/** What was written may take a moment to get everywhere. */
const READS = 3
const READ_AGAIN_MS = 500

/**
 * Never throws for a member's trouble. Without the right to exec, and without commands, members
 * count by their pods.
 */
export async function lookCustom(
  members: readonly Member[],
  marker: string,
  options: CustomOptions,
  context: VerifyContext,
): Promise<readonly MemberState[]> {
  const states = new Map(members.map((member) => [member.uid, byPod(member)]))
  const sorted = members.filter((member) => member.ready).toSorted((a, b) => a.ordinal - b.ordinal)
  if (!context.reach.may.exec) return [...states.values()]
  const out = (member: Member, trouble: string): void => {
    states.set(member.uid, {
      ...answered(member, 'not serving'),
      trouble,
      advice: `Run the command by hand: kubectl -n ${member.namespace} exec ${member.pod} -c ${member.container} -- sh -c '…'`,
    })
  }
  await Promise.all(
    sorted.map((member) =>
      askServes(
        member,
        options,
        context,
        (role) => states.set(member.uid, answered(member, role)),
        (why) => out(member, why),
      ),
    ),
  )
  const serving = sorted.filter((member) => states.get(member.uid)?.role !== 'not serving')
  await writeAndRead(serving, marker, options, context, (member, trouble) => {
    if (trouble !== undefined) return out(member, trouble)
    states.set(member.uid, answered(member, states.get(member.uid)?.role ?? 'up'))
  })
  return [...states.values()]
}

/** What its own commands said. */
export function answered(member: Member, role: Role): MemberState {
  const { unasked: _unasked, ...state } = byPod(member)
  return { ...state, role }
}

async function askServes(
  member: Member,
  { servesCommand }: CustomOptions,
  context: VerifyContext,
  is: (role: Role) => void,
  out: (why: string) => void,
): Promise<void> {
  if (servesCommand === undefined) return
  const result = await run(member, servesCommand, '', LOOK_MS, context)
  const why = failed(result)
  if (why !== undefined) out(`serves-command: ${why}`)
  else if (typeof result !== 'string') is(roleIn(result.stdout))
}

function roleIn(text: string): Role {
  const first = text.trimStart().split('\n')[0]?.trim().toLowerCase()
  return first === 'leader' || first === 'follower' ? first : 'up'
}

async function writeAndRead(
  serving: readonly Member[],
  marker: string,
  { writeCommand, readCommand }: CustomOptions,
  context: VerifyContext,
  tell: (member: Member, trouble: string | undefined) => void,
): Promise<void> {
  if (writeCommand === undefined || readCommand === undefined) return
  let writer: Member | undefined
  const silent: Member[] = []
  for (const member of serving) {
    const why = failed(await run(member, writeCommand, marker, LOOK_MS, context))
    tell(member, why === undefined ? undefined : `write-command: ${why}`)
    if (why === undefined) writer = member
    else silent.push(member)
    if (writer !== undefined) break
  }
  if (writer === undefined) return
  const others = serving.filter((member) => member !== writer && !silent.includes(member))
  await Promise.all(
    others.map(async (member) => {
      let why: string | undefined
      for (let read = 0; read < READS; read++) {
        if (read > 0) await context.clock.sleep(READ_AGAIN_MS, context.signal)
        why = readTrouble(await run(member, readCommand, marker, LOOK_MS, context), marker)
        if (why === undefined) return tell(member, undefined)
      }
      tell(member, `read-command: ${why ?? ''}`)
    }),
  )
}
