// A login as an input gives it: user and password in one text, or the name of a Secret that has
// them.

/** What a login input may be: `user:password` or `secret/NAME`. */
export const LOGIN = /^(?:secret\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?|[^:\s]+:\S+)$/

/**
 * Name of the Secret; undefined for a login itself. A user has no colon in its name, so the two
 * can't be mixed up.
 */
export function secretNamed(text: string): string | undefined {
  return /^secret\/([^:]+)$/.exec(text)?.[1]
}

/** The first colon ends the user: a password may have more of them. */
export function splitLogin(text: string): { readonly user: string; readonly password: string } {
  const [user = '', ...rest] = text.split(':')
  return { user, password: rest.join(':') }
}

/** What of the input must not be shown: nothing of a Secret's name. */
export function secretsIn(text: string | undefined): readonly string[] {
  if (text === undefined || !text.includes(':')) return []
  return [text, splitLogin(text).password]
}
