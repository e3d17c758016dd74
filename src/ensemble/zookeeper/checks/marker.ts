// The marker of the check `durability`: its text, which outlives the run, and what it means that a
// member has it no longer.

import { ofMember } from '../../of-member.ts'
import { z } from 'zod'
import type { Finding } from '../../../errors.ts'
import type { Answer } from '../voice.ts'
import type { Speaker } from '../speakers.ts'

/** What the marker's text holds; zxids as hexadecimal text. */
const SHAPE = z.object({
  path: z.string(),
  value: z.string(),
  version: z.number().int(),
  mzxid: z.string().regex(/^0x[0-9a-f]{1,16}$/),
})

export interface Marker {
  readonly path: string
  readonly value: string
  readonly version: number
  readonly mzxid: bigint
}

export function printMarker(marker: Marker): string {
  return JSON.stringify({ ...marker, mzxid: `0x${marker.mzxid.toString(16)}` })
}

/** Undefined for a text that `printMarker` didn't write. */
export function parseMarker(text: string): Marker | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = SHAPE.safeParse(value)
  return parsed.success ? { ...parsed.data, mzxid: BigInt(parsed.data.mzxid) } : undefined
}

/** Undefined when the member still has the marker as it was acknowledged. */
export function markerTrouble(
  { member }: Speaker,
  answer: Answer,
  marker: Marker,
): Finding | undefined {
  const about = ofMember(member)
  const who = `${member.pod} (ordinal ${member.ordinal})`
  const lost = (what: string): Finding => ({
    ...about,
    code: 'DATA_LOST',
    message: `${who} ${what}`,
    fix: 'Stop writers, keep the claims, and compare the members before anything is restarted: see whether data and transaction log both lie on the claim.',
  })
  const { found } = answer
  if (found instanceof Error) {
    if ('reason' in found && found.reason === 'NoNode')
      return lost(`no longer has the marker that was acknowledged before: ${marker.path}`)
    return {
      ...about,
      code: 'CHECK_IMPOSSIBLE',
      message: `the marker could not be read through ${who}: ${found.message}`,
      fix: 'Look at the member and run verify again.',
    }
  }
  if (found.value !== marker.value || found.version < marker.version || found.mzxid < marker.mzxid)
    return lost(
      `has an older state than was acknowledged before: version ${found.version} of ${marker.path}`,
    )
  return undefined
}
