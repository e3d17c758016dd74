// Kubernetes quantities as numbers, so that `10Gi` and `10240Mi` are one and the same.

const QUANTITY =
  /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,2})?$/
const SCALE: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** In base units (bytes, cores); undefined for what isn't a quantity. A bare number is one too. */
export function quantityOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  const match = typeof value === 'string' ? QUANTITY.exec(value.trim()) : null
  if (match === null) return undefined
  const suffix = match[2] ?? ''
  const scale = SCALE[suffix]
  // What is no unit is an exponent: read as one number, `12E-1` is 1.2 and not a little more.
  return scale === undefined ? Number(`${match[1] ?? ''}${suffix}`) : Number(match[1]) * scale
}

/** `10Gi`, `512Mi`: bytes for people. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['Ti', 2 ** 40],
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (bytes >= size) return `${Math.round((bytes / size) * 100) / 100}${unit}`
  return `${bytes} bytes`
}

/**
 * What the scheduler counts in: thousandths of a core for cpu, base units for the rest. Parts are
 * rounded up as it does; what is only an error of the fraction isn't a part.
 */
export function whole(resource: string, amount: number): number {
  const scaled = resource === 'cpu' ? amount * 1000 : amount
  const near = Math.round(scaled)
  return Math.abs(scaled - near) < 1e-6 ? near : Math.ceil(scaled)
}
