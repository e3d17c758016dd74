// What is wrong with a secured connection, in our words: the library's are of its own insides.

export type TlsFaultKind =
  | 'time'
  | 'name'
  | 'revoked'
  | 'untrusted'
  | 'unreadable'
  | 'not-tls'
  | 'version'
  | 'client'
  | 'other'

export interface TlsFault {
  readonly kind: TlsFaultKind
  /** What follows on the name of the server, without a full stop. */
  readonly what: string
}

/** The first that fits an error's code, or the library's words where the code says too little. */
const FAULTS: readonly (readonly [RegExp, TlsFault])[] = [
  [/CERT_HAS_EXPIRED/, { kind: 'time', what: 'has a certificate that has expired' }],
  [/CERT_NOT_YET_VALID/, { kind: 'time', what: 'has a certificate that is not valid yet' }],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    { kind: 'name', what: 'has a certificate for other names' },
  ],
  [/^CERT_REVOKED/, { kind: 'revoked', what: 'has a certificate that was revoked' }],
  [
    /UNABLE_TO_(?:VERIFY|GET)|SELF_SIGNED|CERT_UNTRUSTED|INVALID_CA|CERT_CHAIN_TOO_LONG|CERT_SIGNATURE_FAILURE/,
    { kind: 'untrusted', what: 'has a certificate of an authority that is not trusted here' },
  ],
  [
    /^ERR_OSSL_/,
    {
      kind: 'unreadable',
      what: 'can not be asked: the certificate or key that is to be shown to it can not be read, or they do not belong together',
    },
  ],
  [
    /wrong.version.number|packet.length.too.long|http.request|unexpected.message/i,
    { kind: 'not-tls', what: 'does not answer in TLS' },
  ],
  [
    /protocol.version|unsupported.protocol|no.shared.cipher/i,
    { kind: 'version', what: 'speaks no version of TLS that is safe (1.2 or later)' },
  ],
  [
    /certificate.required|bad.certificate|unknown.ca\b|certificate.(?:unknown|expired|revoked)|handshake.failure|access.denied/i,
    {
      kind: 'client',
      what: 'refused the connection at the handshake: it wants a client certificate, or another one',
    },
  ],
  [/ERR_TLS|ERR_SSL|^EPROTO$|CERT/, { kind: 'other', what: 'could not be connected to securely' }],
]

/** Of an error by its code and message; undefined for one of another kind. */
export function tlsFault(code: string, message: string): TlsFault | undefined {
  const first = (text: string): TlsFault | undefined =>
    FAULTS.find(([pattern]) => pattern.test(text))?.[1]
  const found = first(code)
  return found?.kind === 'other' ? (first(message) ?? found) : found
}
