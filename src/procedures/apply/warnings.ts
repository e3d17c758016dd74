// What the API server warns of, as findings: of pods that a namespace's pod security would refuse,
// of API versions that go, of fields that it does not know.

import type { Finding } from '../../errors.ts'

export function warningFindings(
  warnings: readonly string[],
  about: Pick<Finding, 'object' | 'place'>,
): readonly Finding[] {
  return warnings.map((text): Finding => {
    const security = /^would violate PodSecurity "([^"]+)": (.*)$/s.exec(text)
    if (security !== null)
      return {
        ...about,
        code: 'CREATE_REJECTED',
        severity: 'warning',
        message: `the pods would violate the pod security standard ${security[1] ?? ''} of the namespace: ${security[2] ?? ''}`,
        fix: 'Set the securityContext that the standard asks for: where it is enforced the pods are refused.',
      }
    const gone =
      /^(\S+ \S+) is deprecated in (v\S+?)(?:, unavailable in (v\S+?))?(?:; use (.*))?$/.exec(text)
    if (gone !== null)
      return {
        ...about,
        code: 'MANIFEST_INVALID',
        severity: 'warning',
        message: `the API server warns: ${text}`,
        fix: gone[4] === undefined ? 'Write a version that stays.' : `Write ${gone[4]}.`,
      }
    return {
      ...about,
      code: 'MANIFEST_INVALID',
      severity: 'warning',
      message: `the API server warns: ${text}`,
    }
  })
}
