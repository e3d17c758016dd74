// A list that names another ensemble's members: who is started with it joins that ensemble, gets
// its data, and counts in its quorum.

import type { ProfileName } from '../../view/profile-name.ts'
import { judgeBelonging, type Belonging, type OwnNames } from '../../view/host-name.ts'
import type { Manifest } from '../manifest.ts'
import { namedMembers, type MemberNames } from '../named-members.ts'
import type { SetShape } from '../shapes.ts'
import { danger, warning, type Rule } from './rule.ts'

export const foreignMembers: Rule = ({
  set,
  services,
  manifests,
  configMaps,
  profile,
  namespace,
}) => {
  const own = ownNames(
    set.shape,
    services.map(({ manifest }) => manifest.object.metadata.name),
    namespace,
  )
  return belongings(set.shape, configMaps, profile, own).flatMap(({ names, belonging }) => {
    const at = placeOf(names, set.manifest, manifests)
    const found = say(names, belonging, own, profile)
    return found === undefined
      ? []
      : [(found.proven ? danger : warning)(at.manifest, at.path, found.message, found.fix)]
  })
}

function ownNames(
  { metadata, spec }: SetShape,
  services: readonly string[],
  namespace: string | undefined,
): OwnNames {
  return {
    set: metadata.name,
    service: spec.serviceName,
    namespace,
    services: new Set(services),
    start: spec.ordinals?.start ?? 0,
    replicas: spec.replicas,
  }
}

/** Each text that names members which are not all the set's own. */
function belongings(
  set: SetShape,
  configMaps: ReadonlyMap<string, Readonly<Record<string, string>>>,
  profile: ProfileName,
  own: OwnNames,
): readonly {
  readonly names: MemberNames
  readonly belonging: Exclude<Belonging, { kind: 'own' }>
}[] {
  return namedMembers(set, configMaps, profile).flatMap((names) => {
    const belonging = judgeBelonging(
      names.members.map(({ host }) => host),
      own,
    )
    return belonging.kind === 'own' ? [] : [{ names, belonging }]
  })
}

interface Said {
  readonly proven: boolean
  readonly message: string
  readonly fix: string
}

/** The finding's words; undefined where it needs none. */
function say(
  { what }: Pick<MemberNames, 'what'>,
  belonging: Exclude<Belonging, { kind: 'own' }>,
  { set, service, namespace, start }: OwnNames,
  profile: ProfileName,
): Said | undefined {
  const [first = '', ...more] = belonging.hosts
  const hosts = `${first}${more.length === 0 ? '' : ` and ${more.length} more`}`
  const here = namespace === undefined ? set : `${set} in namespace ${namespace}`
  if (belonging.kind === 'spans') {
    // The seeds of a ring may well be in another of its datacenters.
    if (profile === 'cassandra') return undefined
    return {
      proven: false,
      message: `${what} also names members outside of ${here}: ${hosts} (${belonging.where})`,
      fix: `if they belong to this ensemble, nothing; they count for its quorum. If not, name only members of ${set}`,
    }
  }
  const joins =
    profile === 'cassandra'
      ? 'these members would join that ring and take a part of its data'
      : 'these members would join that ensemble, get its data and count in its quorum'
  return {
    proven: true,
    message: `${what} names ${hosts} (${belonging.where}), and the members are deployed as ${here}: ${joins}`,
    fix: `write ${set}-${start}.${service} and so on without a namespace, which is right in every namespace; or correct the namespace of this deploy`,
  }
}

function placeOf(
  { place }: MemberNames,
  set: Manifest,
  manifests: readonly Manifest[],
): { readonly manifest: Manifest; readonly path: readonly (string | number)[] } {
  if (place.kind === 'set') return { manifest: set, path: place.path }
  const manifest = manifests.find(
    ({ object }) => object.kind === 'ConfigMap' && object.metadata.name === place.name,
  )
  return manifest === undefined
    ? { manifest: set, path: ['spec'] }
    : { manifest, path: ['data', place.key] }
}
