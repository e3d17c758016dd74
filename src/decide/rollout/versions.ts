// Whether a change of the server's version is one that its data may not bear, read from the images'
// tags.

import type { ProfileName } from '../../view/profile-name.ts'

export interface VersionRisk {
  readonly message: string
  readonly fix: string
}

type Version = readonly [number, number, number | undefined]

/** Undefined where a tag says no version, or where nothing is known against the step. */
export function versionRisk(
  profile: ProfileName,
  before: string,
  after: string,
): VersionRisk | undefined {
  const [from, to] = [versionOf(before), versionOf(after)]
  if (from === undefined || to === undefined || profile === 'none') return undefined
  const [was, is] = [inWords(from), inWords(to)]
  const sameMinor = to[0] === from[0] && to[1] === from[1]
  if (isOlderMinor(to, from))
    return {
      message: `the image goes back from ${was} to ${is}: what servers of ${was} have written may not be readable by ${is}`,
      fix: 'Go back only within a minor version; else restore the data from a backup that the older version has made.',
    }
  if (sameMinor && to[2] !== undefined && to[2] < (from[2] ?? 0))
    return {
      message: `the image goes back from ${was} to ${is}`,
      fix: 'Within a minor version the data stays readable; see the release notes for what was fixed between the two.',
    }
  const crossesSnapshots = from[0] === 3 && from[1] < 5 && to[0] === 3 && to[1] >= 5
  if (profile === 'zookeeper' && crossesSnapshots) {
    return {
      message: `from ${was} to ${is}: a server of 3.5.4 or later does not start on a data directory that has logs and no snapshot yet`,
      fix: 'Before the roll, make sure that each member has a file snapshot.* in its data directory. A member without one starts only with snapshot.trust.empty=true; remove that setting after its first start.',
    }
  }
  return undefined
}

/** The last one that a tag names: `1.0-3.4.10` is 3.4.10. */
export function versionOf(image: string): Version | undefined {
  const tag = /:([^/:@]+)(?:@|$)/.exec(image)?.[1] ?? ''
  const last = [...tag.matchAll(/(?<![\w.])v?(\d+)\.(\d+)(?:\.(\d+))?/g)].at(-1)
  if (last === undefined) return undefined
  const [, major = '', minor = '', patch] = last
  return [Number(major), Number(minor), patch === undefined ? undefined : Number(patch)]
}

function inWords([major, minor, patch]: Version): string {
  return patch === undefined ? `${major}.${minor}` : `${major}.${minor}.${patch}`
}

function isOlderMinor(one: Version, other: Version): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1])
}
