// Claims made from the templates: missing classes, provisioners that aren't there, claims left over
// from an earlier installation.

import type { ClaimView, EventView } from '../../view/surroundings.ts'
import { formatBytes } from '../../view/quantity.ts'
import type { ClaimTemplate } from '../../view/workload.ts'
import type { MemberStanding } from '../members/members.ts'
import { eventsOf, oneLine, type Situation, type Symptom } from './symptom.ts'

const MISSING_CLASS_GRACE_MS = 10_000
const NO_CLASS_GRACE_MS = 30_000
const DELETING_GRACE_MS = 30_000
const PROVISIONER_GRACE_MS = 60_000
/** A provisioner that has said that it works on the claim. */
const AT_WORK_GRACE_MS = 180_000

const BINDING_EVENTS = new Set([
  'ProvisioningFailed',
  'FailedBinding',
  'ExternalProvisioning',
  'Provisioning',
  'ProvisioningSucceeded',
  'WaitForFirstConsumer',
  'WaitForPodScheduled',
])

export function claimName(template: string, set: string, ordinal: number): string {
  return `${template}-${set}-${ordinal}`
}

export function claimSymptoms(situation: Situation): readonly Symptom[] {
  const { set, view, standings } = situation
  return standings
    .filter((standing) => standing.state !== 'extra')
    .flatMap((standing) =>
      set.claimTemplates.flatMap((template) => {
        const claim = view.claims.find(
          (one) => one.name === claimName(template.name, set.name, standing.ordinal),
        )
        return claim === undefined ? [] : symptomsOf(caseOf(situation, standing, template, claim))
      }),
    )
}

/** How the claim differs from what the template would make today; undefined when it doesn't. */
export function leftOver(template: ClaimTemplate, claim: ClaimView): string | undefined {
  if (template.storageClass !== undefined && claim.storageClass !== template.storageClass)
    return `has class ${quoted(claim.storageClass)} where the template now says ${quoted(template.storageClass)}`
  const size = claim.capacity ?? claim.size
  return template.size !== undefined && size !== undefined && size < template.size
    ? `has ${formatBytes(size)} where the template now says ${formatBytes(template.size)}`
    : undefined
}

/** How to be rid of a claim: nothing was ever written to one that has no volume. */
export function removalOf(
  { name, phase }: Pick<ClaimView, 'name' | 'phase'>,
  namespace: string,
): string {
  return `${phase === 'Pending' ? 'It has no data yet' : 'If its data may go'}: kubectl -n ${namespace} delete pvc ${name}; the controller makes a new one.`
}

/** One claim of one member. */
interface ClaimCase {
  readonly situation: Situation
  readonly standing: MemberStanding
  readonly claim: ClaimView
  /** How it differs from what the template would make today. */
  readonly differs: string | undefined
  /** Its member isn't there, so that the claim may be why. */
  readonly blocked: boolean
}

function caseOf(
  situation: Situation,
  standing: MemberStanding,
  template: ClaimTemplate,
  claim: ClaimView,
): ClaimCase {
  return {
    situation,
    standing,
    claim,
    differs: leftOver(template, claim),
    blocked: ['missing', 'pending', 'creating', 'failed'].includes(standing.state),
  }
}

function symptomsOf(one: ClaimCase): readonly Symptom[] {
  const { claim } = one
  if (claim.phase === 'Lost') return [lost(one)]
  if (claim.deleting) return [beingDeleted(one)]
  return claim.phase === 'Bound' ? leftOverSymptoms(one) : unboundSymptoms(one)
}

function commonOf({
  claim,
  standing,
  blocked,
}: ClaimCase): Pick<
  Symptom,
  'key' | 'code' | 'ordinal' | 'object' | 'againstRevision' | 'explains'
> {
  return {
    key: `claim/${claim.uid}`,
    code: 'CLAIM_PENDING',
    ordinal: standing.ordinal,
    object: `persistentvolumeclaim/${claim.name}`,
    againstRevision: false,
    explains: blocked,
  }
}

function lost(one: ClaimCase): Symptom {
  const { situation, claim, blocked } = one
  return {
    ...commonOf(one),
    reason: 'Lost',
    message: `${claim.name}: Lost: its volume ${claim.volume ?? ''} is gone`,
    fix: `Restore the PersistentVolume, or give the data up: kubectl -n ${situation.set.namespace} delete pvc ${claim.name}`,
    graceMs: blocked ? 0 : 'never',
  }
}

function beingDeleted(one: ClaimCase): Symptom {
  const { situation, standing, claim, blocked } = one
  const common = { ...commonOf(one), reason: 'Terminating' }
  return blocked
    ? {
        ...common,
        message: `${claim.name}: is being deleted, so ${standing.pod} can't use it`,
        fix: `It goes when no pod holds it any more: kubectl -n ${situation.set.namespace} delete pod ${standing.pod}`,
        graceMs: DELETING_GRACE_MS,
      }
    : {
        ...common,
        message: `${claim.name}: is being deleted, and goes with the pod of ${standing.pod}`,
        fix: 'Delete no pod before its data is safe: operation: status says how.',
        graceMs: 'never',
      }
}

/** A bound claim is used, whatever the template says today. */
function leftOverSymptoms(one: ClaimCase): readonly Symptom[] {
  const { situation, claim, differs } = one
  if (differs === undefined) return []
  return [
    {
      ...commonOf(one),
      key: `leftover/${claim.uid}`,
      reason: 'LeftOver',
      message: `${claim.name}: was left over from an earlier installation and ${differs}; it is used as it is`,
      fix: removalOf(claim, situation.set.namespace),
      graceMs: 'never',
      explains: false,
    },
  ]
}

function unboundSymptoms(one: ClaimCase): readonly Symptom[] {
  const { situation, claim, differs, blocked } = one
  const found = bindingTrouble(
    claim,
    eventsOf(situation.view, 'PersistentVolumeClaim', claim.name, claim.uid),
  )
  if (found === undefined) return []
  const old =
    differs === undefined ? '' : `; it was left over from an earlier installation and ${differs}`
  return [
    {
      ...commonOf(one),
      reason: found.reason,
      message: `${claim.name}: ${found.cause}${old}`,
      ...(differs === undefined ? found.fix : { fix: removalOf(claim, situation.set.namespace) }),
      graceMs: blocked ? found.graceMs : 'never',
    },
  ]
}

interface Trouble {
  readonly reason: string
  readonly cause: string
  readonly fix: { readonly fix?: string }
  readonly graceMs: number | 'never'
}

/** What keeps a claim Pending; a claim that waits for its first consumer is as it should be. */
function bindingTrouble(claim: ClaimView, events: readonly EventView[]): Trouble | undefined {
  const newest = events.findLast((event) => BINDING_EVENTS.has(event.reason))
  if (newest === undefined)
    return { reason: 'Pending', cause: 'Pending, and nobody says why', fix: {}, graceMs: 'never' }
  const text = oneLine(newest.message)
  switch (newest.reason) {
    case 'ProvisioningFailed': {
      const missing = /storageclass\S* "([^"]*)" not found/i.exec(text)
      if (missing === null)
        return { reason: newest.reason, cause: text, fix: {}, graceMs: PROVISIONER_GRACE_MS }
      return {
        reason: newest.reason,
        cause: `storage class "${missing[1] ?? ''}" is not there`,
        fix: {},
        graceMs: MISSING_CLASS_GRACE_MS,
      }
    }
    case 'FailedBinding':
      return {
        reason: newest.reason,
        cause: text,
        fix:
          claim.storageClass === undefined
            ? { fix: 'Name a storage class in the volumeClaimTemplate, or make one the default.' }
            : {},
        graceMs: claim.storageClass === undefined ? NO_CLASS_GRACE_MS : PROVISIONER_GRACE_MS,
      }
    case 'ExternalProvisioning': {
      const provisioner = /external provisioner '([^']*)'/.exec(text)?.[1] ?? 'of its class'
      const atWork = events.some((event) => event.reason === 'Provisioning')
      const cause = atWork
        ? `the provisioner ${provisioner} is at work, no volume yet`
        : `waits for the provisioner ${provisioner} of class ${quoted(claim.storageClass)}, which has not answered`
      return {
        reason: newest.reason,
        cause,
        fix: { fix: `Install the provisioner ${provisioner}, or use another storage class.` },
        graceMs: atWork ? AT_WORK_GRACE_MS : PROVISIONER_GRACE_MS,
      }
    }
    default:
      return undefined
  }
}

function quoted(storageClass: string | undefined): string {
  return storageClass === undefined ? 'none' : `"${storageClass}"`
}
