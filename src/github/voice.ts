// One stream, two voices: while a script's lines are passed on, the runner must obey none of them,
// and yet what is ours. A token renewed meanwhile is masked by a command:
// unheard, that command would show it.

import { randomUUID } from 'node:crypto'

export interface Voice {
  /**
   * A line of ours, with its end; one that is a command is obeyed also while somebody is quoted.
   */
  readonly write: (line: string) => void
  /** Whatever `work` writes to the same stream before it returns is obeyed too. */
  readonly aside: (work: () => void) => void
  /** From here on lines of others are passed on; one at a time. */
  readonly quote: () => Quote
}

export interface Quote {
  /** One line without its end, and nothing but text to the runner. */
  say(line: string): void
  end(): void
}

/** `raw` takes whole lines with their ends. */
export function createVoice(raw: (line: string) => void): Voice {
  let token: string | undefined

  function stop(): void {
    // A new one each time: nobody who is quoted can have read it.
    token = randomUUID()
    raw(`::stop-commands::${token}\n`)
  }

  function resume(): void {
    if (token !== undefined) raw(`::${token}::\n`)
    token = undefined
  }

  function aside(work: () => void): void {
    const quoting = token !== undefined
    if (quoting) resume()
    try {
      work()
    } finally {
      if (quoting) stop()
    }
  }

  return {
    aside,
    write: (line) => (line.startsWith('::') ? aside(() => raw(line)) : raw(line)),
    quote: () => {
      if (token !== undefined) throw new Error('somebody is quoted already')
      stop()
      return {
        // The token would let commands work again, and the runner compares it without regard to
        // case (actions/runner, ActionCommandManager).
        say: (line) =>
          raw(`${token === undefined ? line : line.replace(new RegExp(token, 'gi'), '***')}\n`),
        end: resume,
      }
    },
  }
}
