// Learns for the check `identity` who the members are: from inside each by one exec, or, without the
// right to that, from what the server says of itself where `conf` is allowed.

import type { Finding } from '../../../errors.ts'
import { EXEC_RULE } from '../../../kube/rules.ts'
import { whyUnreachable } from '../../unreachable.ts'
import type { CheckResult, Member, VerifyContext } from '../../profile.ts'
import { plain } from './check-path.ts'
import {
  introduce,
  judgeIdentity,
  knownFrom,
  type IdentityVerdict,
  type Introduced,
  type Known,
} from './identity.ts'
import { identityCommand, parseIdentity } from '../read-identity.ts'
import type { DoorContext } from '../doors.ts'
import { ask } from '../look.ts'
import { parseConfig } from '../../../manifests/zoo-config.ts'
import type { Session } from '../session.ts'
import { parseConf } from '../word-answers.ts'

const EXEC_MS = 10_000
/** DataTree.CONFIG_NODE, since 3.5. */
const CONFIG_NODE = '/zookeeper/config'
const EXEC_FIX = `Add this rule to the Role of this workflow, or set verify: quick, which does not ask who the members are:
${EXEC_RULE}`

/** One member's identity as far as it could be learned, and why not further. */
export interface Learned {
  readonly known: Known
  readonly lacking: string | undefined
}

/** Rejects only with the reason of the aborted signal. */
export function learnAll(
  members: readonly Member[],
  context: DoorContext,
): Promise<readonly Learned[]> {
  return Promise.all(members.map((member) => learn(member, context)))
}

async function learn(member: Member, context: DoorContext): Promise<Learned> {
  const nothing: Known = {
    member,
    myid: undefined,
    config: undefined,
    host: undefined,
    fqdn: undefined,
  }
  const byExec = context.reach.may.exec
    ? await readByExec(member, context)
    : 'this run may not use exec'
  if (typeof byExec !== 'string') return byExec
  const byWord = await byConf(member, context)
  return { known: byWord ?? nothing, lacking: byWord?.config === undefined ? byExec : undefined }
}

async function readByExec(member: Member, context: VerifyContext): Promise<Learned | string> {
  const nonce = plain(context.runId)
  try {
    const result = await context.reach.exec(
      member,
      identityCommand(nonce),
      { timeoutMs: EXEC_MS },
      context.signal,
    )
    const texts = parseIdentity(result.stdout, nonce)
    if (texts === undefined) return 'there is no usable shell in its container'
    const known = knownFrom(member, texts)
    if (texts.configPath === undefined)
      return { known, lacking: 'no ZooKeeper server runs in its container' }
    return {
      known,
      lacking:
        texts.config === undefined
          ? `its configuration ${texts.configPath} cannot be read`
          : undefined,
    }
  } catch (error) {
    context.signal.throwIfAborted()
    return whyUnreachable(error, 'exec').why
  }
}

async function byConf(member: Member, context: DoorContext): Promise<Known | undefined> {
  try {
    const conf = parseConf(await ask(member, 'conf', context))
    if (conf?.id === undefined) return undefined
    return { member, myid: String(conf.id), config: conf.config, host: undefined, fqdn: undefined }
  } catch {
    context.signal.throwIfAborted()
    return undefined
  }
}

/**
 * What a member's own session tells: its id is the highest byte of every session's id that it gives
 * out (SessionTrackerImpl.initializeNextSessionId), and since 3.5 it keeps
 * the member list in a node of its own, which anyone may read.
 */
export async function bySession(
  member: Member,
  session: Session,
  context: VerifyContext,
): Promise<Learned> {
  const myid = String((session.id >> 56n) & 0xffn)
  try {
    const { data } = await session.get(CONFIG_NODE)
    const config = parseConfig(data)
    const listed = config.servers.length > 0
    return {
      known: {
        member,
        myid,
        config: listed ? config : undefined,
        host: undefined,
        fqdn: undefined,
      },
      lacking: listed
        ? undefined
        : 'this run may not use exec, and the server does not show its member list',
    }
  } catch {
    context.signal.throwIfAborted()
    return {
      known: { member, myid, config: undefined, host: undefined, fqdn: undefined },
      lacking:
        'this run may not use exec, and the server does not show its member list (3.4 has none to show)',
    }
  }
}

/**
 * Whether waiting can't help: what is known already contradicts itself. What could not be learned
 * yet does not.
 */
export function isMistaken(learned: readonly Learned[], context: VerifyContext): boolean {
  return judge(learned, context).findings.some((finding) => finding.severity === 'error')
}

function judge(learned: readonly Learned[], context: VerifyContext): IdentityVerdict {
  return judgeIdentity(
    learned.map(({ known }) => known),
    context.replicas,
    context.serviceName,
    context.memberServices ?? [],
  )
}

/** The check's result without its time, and who each member is. */
export function identityCheck(
  learned: readonly Learned[],
  context: VerifyContext,
): Omit<CheckResult, 'ms'> & { readonly who: Introduced } {
  const verdict = judge(learned, context)
  const who = introduce(
    learned.map(({ known }) => known),
    verdict.ids,
  )
  const lacking = learned.filter((one) => one.lacking !== undefined)
  const wrong = verdict.findings.some((finding) => finding.severity === 'error')
  const first = lacking[0]
  if (first === undefined || wrong) {
    return {
      name: 'identity',
      outcome: wrong ? 'failed' : verdict.findings.length > 0 ? 'warned' : 'passed',
      detail: verdict.detail,
      findings: verdict.findings,
      who,
    }
  }
  const pods = lacking.map(({ known }) => known.member.pod).join(', ')
  const what =
    verdict.ids.size === learned.length
      ? 'the ids are right; the member lists could not be compared'
      : 'who the members are could not be checked'
  const finding: Finding = {
    code: 'CHECK_IMPOSSIBLE',
    severity: 'error',
    ordinal: first.known.member.ordinal,
    message: `${what} (${pods}: ${first.lacking ?? ''})`,
    fix: context.reach.may.exec
      ? 'Compare myid and the member list on the members named here by hand, or allow the word conf (4lw.commands.whitelist).'
      : EXEC_FIX,
  }
  return {
    name: 'identity',
    outcome: 'failed',
    detail: finding.message,
    findings: [...verdict.findings, finding],
    who,
  }
}
