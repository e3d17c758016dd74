// An error that is one member's: whose it is, for every finding that names its pod.

import type { Finding } from '../errors.ts'
import type { Member } from './profile.ts'

export function ofMember({ pod, ordinal }: Pick<Member, 'pod' | 'ordinal'>): OfMember {
  return { severity: 'error', ordinal, object: `pod/${pod}` }
}

type OfMember = Pick<Finding, 'ordinal' | 'object'> & { readonly severity: 'error' }
