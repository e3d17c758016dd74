// What members find under the names of their claims: claims that an earlier installation has left,
// and what those mean for their data.

import type { ClaimView } from '../../view/surroundings.ts'
import type { ClaimTemplate } from '../../view/workload.ts'
import { claimName, leftOver, removalOf } from '../diagnosis/claims.ts'
import { wantedOrdinals } from '../members/members.ts'
import type { PreflightFinding, PreflightInput, StorageFinding } from './finding.ts'
import { hasVolume } from './hand-made.ts'

/** For each member the claim that is there under the name of its own. */
export function claimsOf(
  { wanted, claims }: PreflightInput,
  template: ClaimTemplate,
): readonly { readonly ordinal: number; readonly claim: ClaimView | undefined }[] {
  return wantedOrdinals(wanted).map((ordinal) => ({
    ordinal,
    claim: claims?.find((one) => one.name === claimName(template.name, wanted.name, ordinal)),
  }))
}

interface FoundClaim {
  readonly input: PreflightInput
  readonly claim: ClaimView
  /** How it differs from what the template would make today. */
  readonly differs: string | undefined
  /** It is the claim of a member of the running ensemble. */
  readonly ofMember: boolean
}

export function leftOverFindings(
  input: PreflightInput,
  template: ClaimTemplate,
): readonly PreflightFinding[] {
  const { live } = input
  const members = live === undefined ? [] : wantedOrdinals(live.view)
  return claimsOf(input, template).flatMap(({ ordinal, claim }): readonly PreflightFinding[] => {
    if (claim === undefined) return []
    const found = judgeClaim({
      input,
      claim,
      differs: leftOver(template, claim),
      ofMember: members.includes(ordinal),
    })
    return found === undefined
      ? []
      : [
          {
            code: 'CLAIM_PENDING',
            object: `persistentvolumeclaim/${claim.name}`,
            ordinal,
            ...found,
          },
        ]
  })
}

function judgeClaim(found: FoundClaim): StorageFinding | undefined {
  const { claim, ofMember } = found
  // A member's own claim is judged by what it means for its data (rollout/keep-data.ts).
  if (claim.deleting) return ofMember ? undefined : goes(found)
  switch (claim.phase) {
    case 'Lost':
      return ofMember ? undefined : lost(found)
    case 'Bound':
      return bound(found)
    case 'Pending':
      return pending(found)
  }
}

function removal({ claim, input }: FoundClaim): string {
  return removalOf(claim, input.wanted.namespace)
}

function goes({ claim, input }: FoundClaim): StorageFinding {
  return {
    severity: input.live === undefined ? 'error' : 'warning',
    message: `the claim ${claim.name} is being deleted, a member can't use it`,
    fix: 'Wait until it is gone; it goes when no pod holds it any more.',
  }
}

function lost(found: FoundClaim): StorageFinding {
  const { name, volume = '' } = found.claim
  return {
    severity: 'error',
    message: `the claim ${name} has lost its volume ${volume}`.trim(),
    fix: `Restore the PersistentVolume. ${removal(found)}`,
  }
}

/**
 * A member that a running ring gets on top: its claim is that of a node that was decommissioned,
 * which joins never again. `replicas` 0 is a ring that was stopped, and its own claims.
 */
function leftRing({ input, claim, ofMember }: FoundClaim): StorageFinding | undefined {
  const { live, membership, claimsInUse, wanted } = input
  if (membership !== 'ring' || live === undefined || live.view.replicas === 0) return undefined
  return ofMember || claimsInUse?.has(claim.name) === true
    ? undefined
    : {
        severity: 'error',
        message: leftRingInWords([claim.name]),
        fix: `If that data may go: kubectl -n ${wanted.namespace} delete pvc ${claim.name}`,
      }
}

/** Why no newcomer of a ring starts with these claims. */
export function leftRingInWords(names: readonly string[]): string {
  return `${names.join(', ')} ${names.length === 1 ? 'holds' : 'hold'} data of a node that has left the ring: no new member joins with it`
}

/** It is used as it is, whatever the template says today. */
function bound(found: FoundClaim): StorageFinding | undefined {
  const { input, claim, differs, ofMember } = found
  const left = leftRing(found)
  if (left !== undefined) return left
  if (differs === undefined) return undefined
  return ofMember || input.claimsInUse?.has(claim.name) === true
    ? {
        severity: 'warning',
        message: `the claim ${claim.name} of a member that is there ${differs}; it is used as it is`,
        fix: 'Leave it: of a claim only the size can be changed, and it can only grow.',
      }
    : {
        severity: 'warning',
        message: `the claim ${claim.name}, left over from an earlier installation, ${differs}; it is used as it is`,
        fix: removal(found),
      }
}

function pending(found: FoundClaim): StorageFinding | undefined {
  const { input, claim, differs } = found
  const leftPending = `the claim ${claim.name}, left over from an earlier installation, is Pending`
  if (differs !== undefined)
    return {
      severity: 'error',
      message: `${leftPending} and ${differs}`,
      fix: removal(found),
    }
  if (hasNoClass(found))
    return {
      severity: 'error',
      message: `${leftPending}: its class "${claim.storageClass ?? ''}" is not there`,
      fix: removal(found),
    }
  return bindsAtOnce(found)
    ? {
        severity: 'warning',
        message: `the claim ${claim.name} is Pending although its class binds at once`,
        fix: `See why: kubectl -n ${input.wanted.namespace} describe pvc ${claim.name}`,
      }
    : undefined
}

/** Nothing gives it a volume: neither its class, which is not there, nor one made by hand. */
function hasNoClass({ input, claim }: FoundClaim): boolean {
  const { storageClass } = claim
  const { classes, ownClasses } = input
  if (classes === undefined || storageClass === undefined || storageClass === '') return false
  const known = [...classes, ...ownClasses].some((one) => one.name === storageClass)
  return !known && !hasVolume(input, storageClass)
}

function bindsAtOnce({ input, claim }: FoundClaim): boolean {
  const own = input.classes?.find((one) => one.name === claim.storageClass)
  return own !== undefined && own.bindingMode !== 'WaitForFirstConsumer'
}

/**
 * A first install that finds bound claims starts with their data: right after a lost StatefulSet,
 * wrong for a fresh preview.
 */
export function reuseFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { live, wanted } = input
  if (live !== undefined) return []
  // Those that pods use are no leftovers: their set was deleted and left them, and they are
  // adopted.
  const bound = wanted.claimTemplates
    .flatMap((template) => claimsOf(input, template))
    .flatMap(({ claim }) =>
      claim?.phase === 'Bound' && !claim.deleting && input.claimsInUse?.has(claim.name) !== true
        ? [claim.name]
        : [],
    )
  if (bound.length === 0) return []
  return [
    {
      code: 'CLAIM_PENDING',
      severity: 'warning',
      object: `statefulset/${wanted.name}`,
      message: `claims of an earlier installation are there and will be used with their data: ${bound.join(', ')}`,
      fix: `For an empty ensemble delete them first: kubectl -n ${wanted.namespace} delete pvc ${bound.join(' ')}`,
    },
  ]
}
