// What Node's own errors carry. They are looked at by shape: an error may come from another realm,
// where instanceof says no.

/** Node's code, such as ECONNREFUSED; '' when there is none. */
export function codeOf(error: unknown): string {
  return field(error, 'code')
}

/** The message of whatever was thrown, '' when there is none. */
export function messageOf(error: unknown): string {
  return field(error, 'message')
}

/** A field of an error that is a string, '' otherwise. */
export function field(error: unknown, name: string): string {
  const value: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined
  return typeof value === 'string' ? value : ''
}
