// What a warm process is told and tells. Without a library: the bundle would find that in it.

export interface Start {
  readonly entry: string
  readonly directory: string
  readonly env: Readonly<Record<string, string>>
  /** Ends what the run wrote, on standard output and on standard error. */
  readonly mark: string
}

export function readStart(message: unknown): Start {
  if (!isRecord(message)) throw new Error('no start of a run')
  const { entry, directory, env, mark } = message
  if (typeof entry !== 'string' || typeof directory !== 'string' || typeof mark !== 'string')
    throw new Error('no start of a run')
  return { entry, directory, env: isTexts(env) ? env : {}, mark }
}

/** The exit code of a run. */
export function readCode(message: unknown): number {
  if (!isRecord(message) || typeof message['code'] !== 'number') throw new Error('no end of a run')
  return message['code']
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((one) => typeof one === 'string')
}
