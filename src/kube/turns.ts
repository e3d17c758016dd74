// Takes what is waiting one after the other.

/**
 * Each call resolves once those before it have called what they got, or once `gone` has settled;
 * what it resolves with ends the turn.
 */
export type Turns = (gone: Promise<unknown>) => Promise<() => void>

export function turns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  return async (gone) => {
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const before = last
    last = before.then(() => promise)
    await Promise.race([before, gone])
    return () => resolve(undefined)
  }
}
