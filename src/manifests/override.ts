// The one override of given manifests: the image of the member's container, so that a workflow can
// deploy the image that it has just built.

import { z } from 'zod'
import type { KubeObject } from '../kube/kube.ts'
import type { MemberContainer } from './ensemble.ts'
import type { Manifest } from './manifest.ts'

const shape = z.looseObject({
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({ containers: z.array(z.looseObject({ name: z.string() })) }),
    }),
  }),
})

/** The StatefulSet with another image in the member's container; every place stays as it was. */
export function withImage(set: Manifest, member: MemberContainer, image: string): Manifest {
  return {
    ...set,
    object: imageIn(set.object, member, image),
    placeOf: (path) => set.placeOf(path),
  }
}

function imageIn(object: KubeObject, member: MemberContainer, image: string): KubeObject {
  const { spec } = shape.parse(object)
  const containers = spec.template.spec.containers.map((container) =>
    container.name === member.name ? { ...container, image } : container,
  )
  return {
    ...object,
    spec: { ...spec, template: { ...spec.template, spec: { ...spec.template.spec, containers } } },
  }
}
