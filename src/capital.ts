// A sentence begins with a capital; whoever joins clauses makes it here.

/** The text with its first letter as a capital. */
export function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}
