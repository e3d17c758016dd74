// The log of a run as the rest of the action sees it; behind it stands the runner, a terminal or a
// test.

import type { Place } from '../errors.ts'

export interface Journal {
  /**
   * One group in the log; `work` returns the line that says how it came out, printed after the
   * group is closed.
   */
  phase<T>(title: string, work: (done: (line: string) => void) => Promise<T>): Promise<T>
  info(line: string): void
  /** Only with step debugging switched on. */
  debug(line: string): void
  /**
   * A warning annotation within the step's budget of ten, else a plain line; the journal says how
   * many more there were.
   */
  warning(text: string, place?: Place): void
  /** A notice annotation, within a budget of its own: the step stays as green as it is. */
  notice(text: string, place?: Place): void
  /** The one error annotation of the run. */
  verdict(text: string, place?: Place, title?: string): void
}
