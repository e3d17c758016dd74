// Who serves in an ensemble of a kind that this action doesn't know: said by the user's commands, a
// write through one member and reads through the rest.

import type { Member, MemberState, Role, VerifyContext } from '../profile.ts'
import { byPod } from '../by-pod.ts'
import { failed, isMisspelt, notRun, readTrouble, run, type CustomOptions } from './commands.ts'

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
  const hung: Member[] = []
  const tell = (member: Member, said: Said): void => {
    if (said.hangs) hung.push(member)
    states.set(member.uid, stateOf(member, said))
  }
  await Promise.all(sorted.map((member) => askServes(member, options, context, tell)))
  const serving = sorted.filter((member) => states.get(member.uid)?.trouble === undefined)
  await writeAndRead(serving, marker, options, context, (member, said) =>
    tell(member, {
      ...said,
      role: said.trouble === undefined ? (states.get(member.uid)?.role ?? 'up') : said.role,
    }),
  )
  // What hangs everywhere is the command, or nobody serves: it tells which in no member, and nobody
  // is taken down for it.
  if (hung.length > 0 && hung.length === sorted.length)
    for (const member of hung) {
      const state = states.get(member.uid)
      if (state !== undefined)
        states.set(member.uid, {
          ...state,
          role: 'unreachable',
          trouble: `${state.trouble ?? ''} in any member`,
        })
    }
  return [...states.values()]
}

/** What a command said of a member. */
interface Said {
  readonly role: Role
  readonly trouble: string | undefined
  readonly hangs: boolean
  readonly fix?: string | undefined
}

function stateOf(member: Member, { role, trouble, fix }: Said): MemberState {
  return trouble === undefined
    ? answered(member, role)
    : {
        ...answered(member, role),
        trouble,
        advice:
          fix ??
          `Run the command by hand, in a shell there: kubectl -n ${member.namespace} exec -i -t ${member.pod} -c ${member.container} -- sh`,
      }
}

/** `trouble`: what was wrong with this answer, if anything was. */
function saidBy(
  name: string,
  result: Awaited<ReturnType<typeof run>>,
  trouble = failed(result),
): Said {
  const fix = notRun(result)
  return {
    role: isMisspelt(result) || fix !== undefined ? 'unreachable' : 'not serving',
    fix,
    trouble: trouble === undefined ? undefined : `${name}: ${trouble}`,
    hangs: 'hangs' in result && result.hangs,
  }
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
  tell: (member: Member, said: Said) => void,
): Promise<void> {
  if (servesCommand === undefined) return
  const result = await run(member, servesCommand, '', LOOK_MS, context)
  const said = saidBy('serves-command', result)
  tell(
    member,
    said.trouble === undefined && 'stdout' in result
      ? { ...said, role: roleIn(result.stdout) }
      : said,
  )
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
  tell: (member: Member, said: Said) => void,
): Promise<void> {
  if (writeCommand === undefined || readCommand === undefined) return
  let writer: Member | undefined
  const silent: Member[] = []
  for (const member of serving) {
    const said = saidBy('write-command', await run(member, writeCommand, marker, LOOK_MS, context))
    tell(member, said)
    if (said.trouble === undefined) writer = member
    else silent.push(member)
    if (writer !== undefined) break
  }
  if (writer === undefined) return
  const others = serving.filter((member) => member !== writer && !silent.includes(member))
  await Promise.all(
    others.map(async (member) => {
      let said: Said | undefined
      for (let read = 0; read < READS; read++) {
        if (read > 0) await context.clock.sleep(READ_AGAIN_MS, context.signal)
        const result = await run(member, readCommand, marker, LOOK_MS, context)
        said = saidBy('read-command', result, readTrouble(result, marker))
        if (said.trouble === undefined) break
      }
      if (said !== undefined) tell(member, said)
    }),
  )
}
