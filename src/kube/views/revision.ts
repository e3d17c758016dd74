// A ControllerRevision of the API as an entry of a set's history, the pod template taken out of the
// patch that it stores.

import { z } from 'zod'
import type { RevisionView } from '../../view/revision.ts'
import type { KubeObject } from '../kube.ts'
import { metadataSchema } from '../objects.ts'
import { controllerOf, count, read, time } from './shape.ts'

const CHANGE_CAUSE = 'kubernetes.io/change-cause'

const schema = z.object({
  metadata: metadataSchema.extend({ creationTimestamp: time }),
  revision: count,
  data: z.unknown().optional(),
})
/** What the StatefulSet controller stores: a strategic merge patch of the template alone. */
const patchSchema = z.object({ spec: z.object({ template: z.record(z.string(), z.unknown()) }) })

/**
 * Throws a ViewError that names object and field. Data that is no patch of a template leaves
 * `template` undefined.
 */
export function toRevision(object: KubeObject): RevisionView {
  const { metadata, revision, data } = read(schema, object)
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    revision,
    created: metadata.creationTimestamp,
    changeCause: metadata.annotations?.[CHANGE_CAUSE] ?? '',
    owner: controllerOf(metadata)?.uid,
    template: templateOf(data),
  }
}

function templateOf(data: unknown): RevisionView['template'] {
  const parsed = patchSchema.safeParse(data)
  if (!parsed.success) return undefined
  const { $patch: _directive, ...template } = parsed.data.spec.template
  return template
}
