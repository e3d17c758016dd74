// Whether members keep their addresses, as a roll has to know it before it begins.

import type { Kube } from '../../kube/kube.ts'
import { addressesOf, worse, type Addresses } from '../../manifests/addresses.ts'
import type { Inspected } from './preflight.ts'
import { servicesIfAllowed } from '../open/read-ensemble.ts'

/** Of the template that members run, and of the one that they will run. */
export async function addressesAhead(
  kube: Kube,
  { live, profile, target: { namespace }, setManifest, manifests }: Inspected,
  signal: AbortSignal,
): Promise<Addresses> {
  const own = manifests.map(({ object }) => object)
  const wanted = addressesOf(setManifest.object, own, profile, namespace)
  // Nothing is worse than a list by pods, whatever runs now.
  if (live === undefined || wanted.kind === 'move') return wanted
  const there = await servicesIfAllowed(kube, namespace, signal)
  return worse(
    addressesOf(live, there, profile, namespace),
    wanted.kind === 'stay'
      ? wanted
      : addressesOf(
          setManifest.object,
          there === undefined ? undefined : [...own, ...there],
          profile,
          namespace,
        ),
  )
}
