// Quantities as Kubernetes writes them (`500m`, `1Gi`, `1e3`), as plain numbers: cores for cpu, bytes for memory and storage.

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
}

/** The number in its base unit; undefined for what is no quantity. Source: k8s.io/apimachinery pkg/api/resource. */
export function parseQuantity(text: string | number): number | undefined {
  const [, number = '', exponent = '', suffix = ''] = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(String(text).trim()) ?? []
  const factor = FACTORS[suffix]
  return number === '' || factor === undefined ? undefined : Number(`${number}${exponent}`) * factor
}
