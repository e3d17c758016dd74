// Which values of a kubeconfig are secret, in every form in which they may come up; and which can't
// be sent at all.

import { readFileSync } from 'node:fs'
import { failure } from '../errors.ts'
import type { ExecEntry, UserEntry } from './kubeconfig.ts'
import { present } from './kubeconfig.ts'

/** A shorter value would star out half the log and protects nothing. */
const SHORTEST = 4
/** Names of variables and flags whose values are secret. */
const NAMED_SECRET = /secret|token|passw|pwd|\bkey\b|_key|-key|api-?key|cred|auth|private|cert/i
/** A word as keys and tokens are: long, of letters and digits, neither a path nor an address. */
const LIKE_A_KEY = /^(?=.*\d)(?=.*[A-Za-z])[\w+=~-]{20,}$/

/** Values to mask, each of one line. */
export function secretsOf(user: UserEntry, proxy: string | undefined): readonly string[] {
  const provider = user['auth-provider']?.config ?? {}
  const fromProvider = Object.entries(provider).flatMap(([name, value]) =>
    NAMED_SECRET.test(name) ? [value] : [],
  )
  const proxied = proxy === undefined ? undefined : URL.parse(proxy)?.password
  const key = present(user['client-key-data']) ? user['client-key-data'] : undefined
  const values = [
    user.token?.trim(),
    user.password,
    key,
    decoded(key),
    fileText(user['client-key']),
    basic(user),
    ...fromProvider,
    proxied,
    percentDecoded(proxied),
    ...execSecrets(user.exec ?? undefined),
  ]
  return singleLines(values)
}

/** Of PEM each line that is key, nothing of its frame. */
export function singleLines(values: readonly (string | null | undefined)[]): readonly string[] {
  const lines = values.flatMap((value) => (value ?? '').split(/\r?\n/)).map((line) => line.trim())
  return [...new Set(lines.filter((line) => line.length >= SHORTEST && !line.startsWith('-----')))]
}

/**
 * What must not be seen in a plugin's own words: more than is masked everywhere, since it is told
 * to nobody else.
 */
export function wordsOf(plugin: {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly stepSecrets: readonly string[]
}): readonly string[] {
  const values = Object.entries(plugin.env).flatMap(([name, value]) =>
    name !== 'KUBERNETES_EXEC_INFO' && (value.length >= 8 || NAMED_SECRET.test(name))
      ? [value]
      : [],
  )
  const args = plugin.args
    .flatMap((arg) => [arg, arg.slice(arg.indexOf('=') + 1)])
    .filter((arg) => !arg.startsWith('-') && arg.length >= 8 && /[A-Z\d]/.test(arg))
  return singleLines([...values, ...args, ...argSecrets(plugin.args), ...plugin.stepSecrets])
}

/**
 * Values of variables whose names say that they are secret, such as AWS_SECRET_ACCESS_KEY; a path
 * to one is none.
 */
export function envSecrets(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && value.length >= 8 && NAMED_SECRET.test(name) && !/^[/~.]/.test(value)
      ? [value]
      : [],
  )
}

export function struckOut(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= SHORTEST)
    .toSorted((a, b) => b.length - a.length)
    .reduce((left, secret) => left.replaceAll(secret, '***'), text)
}

/**
 * Values that no header takes are a fault of the input, and would be a bare TypeError of the HTTP
 * client.
 */
export function refuseOddHeaders(user: UserEntry): void {
  const values = [
    ['token', user.token?.trim()],
    ['as', user.as],
    ['as-uid', user['as-uid']],
    ...(user['as-groups'] ?? []).map((group) => ['as-groups', group] as const),
    ...Object.values(user['as-user-extra'] ?? {})
      .flat()
      .map((value) => ['as-user-extra', value] as const),
  ] as const
  for (const [name, value] of values) refuseOdd(value, `${name} of the kubeconfig's user`)
  if (present(user.tokenFile))
    refuseOdd(fileText(user.tokenFile)?.trim(), `the token file ${user.tokenFile}`)
}

/** `what`: where the value is from, in words; the value itself is not told. */
export function refuseOdd(value: string | null | undefined, what: string): void {
  if (!present(value) || !/[^\t\x20-\x7e\x80-\xff]/.test(value)) return
  const why = /[\r\n]/.test(value)
    ? 'has more than one line'
    : 'holds a character that no header takes'
  throw failure('refused', 'INPUT_INVALID', `${what} ${why}`, {
    input: 'kubeconfig',
    fix: 'Write the token alone, as one line without quotes or a comment; a secret that was pasted may hold a line break or a character of another alphabet.',
  })
}

function execSecrets(exec: ExecEntry | undefined): readonly string[] {
  if (exec === undefined) return []
  const fromEnv = (exec.env ?? []).flatMap(({ name, value }) =>
    NAMED_SECRET.test(name) || LIKE_A_KEY.test(value) ? [value] : [],
  )
  return [...fromEnv, ...argSecrets(exec.args ?? [])]
}

function argSecrets(args: readonly string[]): readonly string[] {
  return args.flatMap((arg, index) => {
    const flag = /^--?([\w-]+)(?:=(.*))?$/s.exec(arg)
    if (flag?.[2] !== undefined)
      return NAMED_SECRET.test(flag[1] ?? '') || LIKE_A_KEY.test(flag[2]) ? [flag[2]] : []
    const before = /^--?([\w-]+)$/.exec(args[index - 1] ?? '')?.[1]
    return flag === null &&
      ((before !== undefined && NAMED_SECRET.test(before)) || LIKE_A_KEY.test(arg))
      ? [arg]
      : []
  })
}

function basic({ username, password }: UserEntry): string | undefined {
  return present(username)
    ? Buffer.from(`${username}:${password ?? ''}`).toString('base64')
    : undefined
}

function decoded(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8')
}

function percentDecoded(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function fileText(path: string | null | undefined): string | undefined {
  try {
    return present(path) ? readFileSync(path, 'utf8') : undefined
  } catch {
    // Told when it is used.
    return undefined
  }
}
