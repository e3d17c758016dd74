// Claims made from the templates: missing classes, provisioners that aren't there, claims left over
// from an earlier life.

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
        return claim === undefined ? [] : claimSymptom(situation, standing, template, claim)
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

function claimSymptom(
  situation: Situation,
  standing: MemberStanding,
  template: ClaimTemplate,
  claim: ClaimView,
): readonly Symptom[] {
  const { set, view } = situation
  const differs = leftOver(template, claim)
  const blocked = ['missing', 'pending', 'creating', 'failed'].includes(standing.state)
  const object = `persistentvolumeclaim/${claim.name}`
  const common = {
    key: `claim/${claim.uid}`,
    code: 'CLAIM_PENDING',
    ordinal: standing.ordinal,
    object,
    againstRevision: false,
    explains: blocked,
  } as const
  const removal = `kubectl -n ${set.namespace} delete pvc ${claim.name}`
  const old =
    differs === undefined ? '' : `; it was left over from an earlier installation and ${differs}`
  const fix = differs === undefined ? {} : { fix: removalOf(claim, set.namespace) }
  if (claim.phase === 'Lost') {
    return [
      {
        ...common,
        reason: 'Lost',
        message: `${claim.name}: Lost: its volume ${claim.volume ?? ''} is gone`,
        fix: `Restore the PersistentVolume, or give the data up: ${removal}`,
        graceMs: blocked ? 0 : 'never',
      },
    ]
  }
  if (claim.deleting && !blocked) {
    return [
      {
        ...common,
        reason: 'Terminating',
        message: `${claim.name}: is being deleted, and goes with the pod of ${standing.pod}`,
        fix: 'Delete no pod before its data is safe: operation: status says how.',
        graceMs: 'never',
      },
    ]
  }
  if (claim.deleting) {
    return [
      {
        ...common,
        reason: 'Terminating',
        message: `${claim.name}: is being deleted, so ${standing.pod} can't use it`,
        fix: `It goes when no pod holds it any more: kubectl -n ${set.namespace} delete pod ${standing.pod}`,
        graceMs: DELETING_GRACE_MS,
      },
    ]
  }
  if (claim.phase === 'Bound') {
    return differs === undefined
      ? []
      : [
          {
            ...common,
            key: `leftover/${claim.uid}`,
            reason: 'LeftOver',
            message: `${claim.name}: was left over from an earlier installation and ${differs}; it is used as it is`,
            ...fix,
            graceMs: 'never',
            explains: false,
          },
        ]
  }
  const newest = eventsOf(view, 'PersistentVolumeClaim', claim.name, claim.uid)
    .filter((event) => BINDING_EVENTS.has(event.reason))
    .at(-1)
  const found = bindingTrouble(
    claim,
    newest,
    eventsOf(view, 'PersistentVolumeClaim', claim.name, claim.uid),
  )
  if (found === undefined) return []
  return [
    {
      ...common,
      reason: found.reason,
      message: `${claim.name}: ${found.cause}${old}`,
      ...(differs === undefined ? found.fix : fix),
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
function bindingTrouble(
  claim: ClaimView,
  newest: EventView | undefined,
  events: readonly EventView[],
): Trouble | undefined {
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
