// Warnings that the API server sends beside an answer that is success (RFC 7234, `299 - "text"`):
// deprecations, pod security, webhooks.

/** Of one answer, and of each in characters; the server itself bounds them too. */
const MOST = 20
const LONGEST = 500

/** Their texts, each once; what has another form is passed over. */
export function warningsIn(headers: readonly string[]): readonly string[] {
  const texts = headers.flatMap((header) =>
    [...header.matchAll(/(?:^|,\s*)299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) =>
      text.replaceAll(/\\(.)/g, '$1').slice(0, LONGEST),
    ),
  )
  return [...new Set(texts.filter((text) => text.trim() !== ''))].slice(0, MOST)
}
