// The two faults that loading knows: of a source that the input names, and of a manifest at a
// place.

import type { Finding, Place } from '../errors.ts'

export function invalid(place: Place, message: string, fix: string): Finding {
  return { code: 'MANIFEST_INVALID', severity: 'error', message, fix, place }
}

/** `source` as the input has it, or as it may be shown. */
export function sourceFault(source: string, message: string, fix: string): Finding {
  return {
    code: 'INPUT_INVALID',
    severity: 'error',
    message: `manifests: ${source} ${message}`,
    fix,
    input: 'manifests',
  }
}
