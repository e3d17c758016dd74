// Which claims find a volume among those that were made by hand, by the binder's rules: class,
// mode, access, size, labels, whom it is kept for, and whether a member can run where it lies.

import type { OfferedVolume } from '../../view/scheduling.ts'
import type { NodeView } from '../../view/surroundings.ts'
import { formatBytes } from '../../view/quantity.ts'
import type { ClaimTemplate } from '../../view/workload.ts'
import { inTerms, selects } from '../placement/select.ts'
import type { PreflightInput, StorageFinding } from './finding.ts'
import { takesMember } from './room.ts'

/** A claim that has no volume yet. */
export interface OpenClaim {
  readonly name: string
  readonly ordinal: number
  readonly template: ClaimTemplate
}

export interface Wanting {
  readonly namespace: string
  /** All of one class. */
  readonly claims: readonly OpenClaim[]
  /** All of that class. */
  readonly volumes: readonly OfferedVolume[]
  /** Nodes that take a member now; undefined where nodes could not be read. */
  readonly nodes: readonly NodeView[] | undefined
  /** Members must not share a node. */
  readonly apart: boolean
}

export interface Shortage {
  readonly claims: readonly OpenClaim[]
  /** What is wrong with the volumes that are left, a clause. */
  readonly why: string
  /** Proven by the volumes alone; else by nodes as they stand now, which may change. */
  readonly sure: boolean
}

/** Volumes of this class, the cluster's and those that the manifests bring. */
export function volumesOf(
  { volumes, ownVolumes }: PreflightInput,
  storageClass: string,
): readonly OfferedVolume[] {
  const own = ownVolumes.filter((volume) => volume.storageClass === storageClass)
  return [
    ...(volumes ?? []).filter(
      (volume) =>
        volume.storageClass === storageClass && !own.some(({ name }) => name === volume.name),
    ),
    ...own,
  ]
}

export function hasVolume(input: PreflightInput, storageClass: string): boolean {
  return volumesOf(input, storageClass).some((volume) => !volume.taken && !volume.deleting)
}

/** `mayCome`: the class is there, so that something may still make volumes of it. */
export function shortageFindings(
  input: PreflightInput,
  claims: readonly OpenClaim[],
  { volumes, mayCome }: { readonly volumes: readonly OfferedVolume[]; readonly mayCome: boolean },
): readonly StorageFinding[] {
  const { wanted, nodes, live } = input
  // Without the claims, or the volumes, of the cluster nobody knows who has which.
  if (input.volumes === undefined || (input.claims === undefined && live !== undefined)) return []
  const shortage = shortageOf({
    namespace: wanted.namespace,
    claims,
    volumes,
    nodes: nodes?.filter((node) => takesMember(node, wanted.placing)),
    apart: wanted.placing.apart.includes('kubernetes.io/hostname'),
  })
  if (shortage === undefined) return []
  const who = `${shortage.claims.length === 1 ? 'the claim' : 'the claims'} ${shortage.claims.map(({ name }) => name).join(', ')}`
  const message = shortage.sure
    ? `no volume is there for ${who}: ${shortage.why}`
    : `${who} may find no volume: ${shortage.why}`
  return [
    {
      severity: shortage.sure && !mayCome ? 'error' : 'warning',
      message,
      fix: shortage.sure
        ? volumesToMake(shortage.claims)
        : 'Bring those nodes back (kubectl uncordon NODE), or make volumes on others.',
    },
  ]
}

/** What the user makes, so that each of these claims finds one. */
export function volumesToMake(claims: readonly OpenClaim[]): string {
  const templates = [...new Set(claims.map(({ template }) => template))]
  const asked = templates.map(({ name, storageClass, size, accessModes, volumeMode }) => {
    const count = claims.filter(({ template }) => template.name === name).length
    const what = [
      (storageClass ?? '') === ''
        ? 'no storageClassName'
        : `storageClassName: ${storageClass ?? ''}`,
      ...(size === undefined ? [] : [`at least ${formatBytes(size)}`]),
      ...(accessModes.length === 0 ? [] : [`accessModes [${accessModes.join(', ')}]`]),
      ...(volumeMode === 'Block' ? ['volumeMode: Block'] : []),
    ]
    return `${count === 1 ? 'a PersistentVolume' : `${count} PersistentVolumes`} with ${what.join(', ')}`
  })
  return `Make ${asked.join(', and ')}, on nodes where members can run; or name a class that makes volumes.`
}

/** Undefined: each finds one. */
export function shortageOf(wanting: Wanting): Shortage | undefined {
  const { claims, volumes, nodes, apart, namespace } = wanting
  const fits = (claim: OpenClaim, volume: OfferedVolume): boolean =>
    unfit(claim, volume, namespace) === undefined
  const left = unmatched(claims, volumes, fits)
  if (left[0] !== undefined) return { claims: left, why: reasonsFor(left[0], wanting), sure: true }
  if (nodes === undefined) return undefined
  const reaches = (node: NodeView, { nodeAffinity }: OfferedVolume): boolean =>
    nodeAffinity === undefined || inTerms(nodeAffinity, node)
  const away = volumes.filter((volume) => !nodes.some((node) => reaches(node, volume)))
  const stranded = unmatched(
    claims,
    volumes.filter((volume) => !away.includes(volume)),
    fits,
  )
  if (stranded.length > 0)
    return {
      claims: stranded,
      why: `${namesOf(away.map(({ name }) => name))} ${away.length === 1 ? 'lies' : 'lie'} where no member can run now (its node is not Ready, cordoned, tainted, not selected or not there)`,
      sure: false,
    }
  if (!apart) return undefined
  const members = [...Map.groupBy(claims, ({ ordinal }) => ordinal).values()]
  const crowded = unmatched(
    members,
    nodes,
    (member, node) =>
      unmatched(
        member,
        volumes.filter((volume) => reaches(node, volume)),
        fits,
      ).length === 0,
  )
  return crowded.length === 0
    ? undefined
    : {
        claims: crowded.flat(),
        why: `the volumes that fit lie on ${members.length - crowded.length} of the nodes that take members, and members must not share one`,
        sure: false,
      }
}

/** Why this volume is not for this claim; undefined: it fits. */
function unfit(
  { name, template }: OpenClaim,
  volume: OfferedVolume,
  namespace: string,
): string | undefined {
  return notFree(volume, `${namespace}/${name}`) ?? notAsAsked(volume, template)
}

function notFree(
  { deleting, taken, phase, claim }: OfferedVolume,
  claimant: string,
): string | undefined {
  if (deleting) return 'is being deleted'
  if (taken && phase === 'Released')
    return `is Released: it has the data of the claim ${claim ?? ''} that is gone`
  if (phase === 'Failed') return 'has failed'
  if (claim === claimant) return undefined
  if (taken) return `belongs to the claim ${claim ?? ''}`
  return claim === undefined ? undefined : `is kept for the claim ${claim}`
}

function notAsAsked(volume: OfferedVolume, template: ClaimTemplate): string | undefined {
  if (template.volume !== undefined && template.volume !== volume.name)
    return `is not ${template.volume}, which the claim template names`
  if (volume.volumeMode !== template.volumeMode)
    return `has the volumeMode ${volume.volumeMode}, ${template.volumeMode} is asked for`
  const lacking = template.accessModes.filter((mode) => !volume.accessModes.includes(mode))
  if (lacking.length > 0) return `does not allow ${lacking.join(', ')}`
  if (template.size !== undefined && volume.capacity < template.size)
    return `has ${formatBytes(volume.capacity)}, ${formatBytes(template.size)} is asked for`
  return template.selector !== undefined && !selects(template.selector, volume.labels)
    ? 'has not the labels that the claim template selects'
    : undefined
}

/** `hand-1 goes to the others; hand-2, hand-3 has 500Mi, 1Gi is asked for`. */
function reasonsFor(claim: OpenClaim, { volumes, namespace }: Wanting): string {
  const judged = volumes.map((volume) => ({
    name: volume.name,
    why: unfit(claim, volume, namespace),
  }))
  const fitting = judged.filter(({ why }) => why === undefined).map(({ name }) => name)
  const others = [
    ...Map.groupBy(
      judged.filter(({ why }) => why !== undefined),
      ({ why }) => why,
    ),
  ].map(([why, of]) => `${namesOf(of.map(({ name }) => name))} ${why ?? ''}`)
  return [
    ...(fitting.length === 0
      ? []
      : [`${namesOf(fitting)} ${fitting.length === 1 ? 'goes' : 'go'} to the others`]),
    ...others,
  ].join('; ')
}

const SHOWN = 5

function namesOf(names: readonly string[]): string {
  return names.length <= SHOWN
    ? names.join(', ')
    : `${names.slice(0, SHOWN).join(', ')} and ${names.length - SHOWN} more`
}

/**
 * Of `those`, the ones that are left when as many as can be have one of `offers` each (augmenting
 * paths).
 */
function unmatched<One, Offer>(
  those: readonly One[],
  offers: readonly Offer[],
  fits: (one: One, offer: Offer) => boolean,
): readonly One[] {
  const holder = new Map<Offer, One>()
  const place = (one: One, tried: Set<Offer>): boolean =>
    offers.some((offer) => {
      if (tried.has(offer) || !fits(one, offer)) return false
      tried.add(offer)
      const held = holder.get(offer)
      if (held !== undefined && !place(held, tried)) return false
      holder.set(offer, one)
      return true
    })
  return those.filter((one) => !place(one, new Set()))
}
