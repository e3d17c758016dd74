// What an object would be if a manifest were applied to it, for whoever may not ask the server:
// fields that the manifest writes, over what is there. Nothing is removed, and no default is
// known.

import { quantityOf } from '../../view/quantity.ts'

/**
 * Quantities, or maps of them, that the server writes in its own form: `0.5` cores are `500m` in
 * its answer.
 */
const QUANTITIES = new Set(['requests', 'limits', 'overhead', 'hard', 'sizeLimit', 'divisor'])

/** Keys by which items of lists are told apart, as the API does. */
const KEYS = ['name', 'mountPath', 'containerPort', 'port', 'ip', 'topologyKey'] as const

export function overlaid(live: unknown, wanted: unknown): unknown {
  if (Array.isArray(live) && Array.isArray(wanted)) return lists(live, wanted)
  if (!isMap(live) || !isMap(wanted)) return wanted ?? live
  return {
    ...live,
    ...Object.fromEntries(
      Object.entries(wanted).map(([key, value]) => [
        key,
        QUANTITIES.has(key) ? amounts(live[key], value) : overlaid(live[key], value),
      ]),
    ),
  }
}

/** As `overlaid`; an amount that is the same stays in the form in which the server has it. */
function amounts(live: unknown, wanted: unknown): unknown {
  if (isMap(live) && isMap(wanted)) {
    const laid = Object.entries(wanted).map(([key, value]) => [key, amounts(live[key], value)])
    return { ...live, ...Object.fromEntries(laid) }
  }
  const amount = quantityOf(wanted)
  return amount !== undefined && amount === quantityOf(live) ? live : overlaid(live, wanted)
}

function lists(live: readonly unknown[], wanted: readonly unknown[]): unknown {
  const key = KEYS.find((name) =>
    [...live, ...wanted].every((item) => isMap(item) && item[name] !== undefined),
  )
  if (key === undefined)
    return live.length === wanted.length
      ? wanted.map((item, index) => overlaid(live[index], item))
      : wanted
  const at = (item: unknown): unknown => (isMap(item) ? item[key] : undefined)
  const changed = live.map((item) => {
    const own = wanted.find((one) => at(one) === at(item))
    return own === undefined ? item : overlaid(item, own)
  })
  return [...changed, ...wanted.filter((item) => !live.some((one) => at(one) === at(item)))]
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
