// From objects of the API to the views of src/view. Unknown fields are let be; a wrong shape is a
// ViewError that names object and field.

export { toEndpoints } from './endpoints.ts'
export { toPod } from './pod.ts'
export { placedPodReader } from './scheduling.ts'
export { toRevision } from './revision.ts'
export { toSet } from './set.ts'
export { selectorText, ViewError } from './shape.ts'
export {
  toAttachLimits,
  toAttachment,
  toPlacedClaim,
  toPlacedClass,
  toOfferedVolume,
  toVolume,
} from './storage.ts'
export { toBudget, toClaim, toEvent, toKeptVolume, toNode, toStorageClass } from './surroundings.ts'
