// The journal on a runner or a terminal: groups, annotations within their budget, and no line of
// the cluster's that could become a command.

import { formatSpan } from '../clock.ts'
import type { Place } from '../errors.ts'
import { ANNOTATION_LIMIT, ANNOTATIONS_PER_STEP, moreAnnotation } from '../report/annotations.ts'
import { clip, plainLine, plainLines } from '../report/escape.ts'
import type { Journal } from '../report/journal.ts'
import type { PhaseRow } from '../report/run-report.ts'
import { command, harmlessLines, type CommandProperties } from './command.ts'

export interface LogOptions {
  /** Takes one line with its end. */
  readonly write: (line: string) => void
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Step debugging is switched on. */
  readonly debug: boolean
  /** Told after each phase, also a failed one. */
  readonly onPhase?: (row: PhaseRow) => void
}

export interface Log extends Journal {
  /** Says how many warnings got no annotation; call once, before the verdict. */
  closeWarnings(): void
}

interface Warned {
  readonly text: string
  readonly place: Place | undefined
}

export function createLog(options: LogOptions): Log {
  const emit = (line: string): void => options.write(`${line}\n`)
  const say = (text: string): void => harmlessLines(text).forEach(emit)
  return {
    phase: groups(options, emit, say),
    info: say,
    debug: (line) => {
      if (options.debug) for (const one of plainLines(line)) emit(command('debug', {}, one))
    },
    ...annotations(emit, say),
  }
}

type Say = (text: string) => void

/** Phases as groups. The runner doesn't nest groups: an inner phase is a line in the outer one. */
function groups(options: LogOptions, emit: Say, say: Say): Log['phase'] {
  let open = 0
  return async (title, work) => {
    const began = options.now()
    let result = ''
    if (open === 0) emit(command('group', {}, plainLine(title)))
    else say(title)
    open += 1
    const close = (outcome: PhaseRow['outcome']): void => {
      const ms = options.now() - began
      open -= 1
      if (open === 0) emit('::endgroup::')
      const told = outcome === 'failed' ? 'failed' : result === '' ? 'done' : result
      say(`${plainLine(title)}: ${plainLine(told)} (${formatSpan(ms)})`)
      options.onPhase?.({ title: plainLine(title), ms, outcome })
    }
    try {
      const value = await work((line) => (result = line))
      close('done')
      return value
    } catch (error) {
      close('failed')
      throw error
    }
  }
}

/** Annotations within the budget of a step; what is beyond it is a line of the log. */
function annotations(
  emit: Say,
  say: Say,
): Pick<Log, 'warning' | 'notice' | 'verdict' | 'closeWarnings'> {
  let shown = 0
  let noticed = 0
  let spoken = false
  const held: Warned[] = []
  return {
    warning(text, place) {
      // The last slot is kept for the number of those that get none.
      if (shown < ANNOTATIONS_PER_STEP - 1) {
        shown += 1
        emit(annotation('warning', text, place, undefined))
      } else {
        held.push({ text, place })
        say(`Warning: ${placeText(place)}${text}`)
      }
    },
    notice(text, place) {
      noticed += 1
      if (noticed <= ANNOTATIONS_PER_STEP) emit(annotation('notice', text, place, undefined))
      else say(`Notice: ${placeText(place)}${text}`)
    },
    closeWarnings() {
      const [first, ...rest] = held.splice(0)
      if (first === undefined) return
      if (rest.length === 0) emit(annotation('warning', first.text, first.place, undefined))
      else emit(annotation('warning', moreAnnotation(rest.length + 1).text, undefined, undefined))
    },
    verdict(text, place, title) {
      if (spoken) {
        say(`Error: ${placeText(place)}${text}`)
        return
      }
      spoken = true
      emit(annotation('error', text, place, title))
    },
  }
}

function annotation(
  kind: 'notice' | 'warning' | 'error',
  text: string,
  place: Place | undefined,
  title: string | undefined,
): string {
  const at = lineOf(place)
  // What stands in no file is said in words instead.
  const told = at === undefined && !text.startsWith(placeText(place)) ? placeText(place) : ''
  return command(
    kind,
    { title: title === undefined ? undefined : plainLine(title, 200), ...at },
    clip(plainLines(`${told}${text}`).join('\n'), ANNOTATION_LIMIT),
  )
}

/**
 * A place that the page of a commit can show: a line of a file below the workspace. A built-in
 * ensemble, a kustomization or a rendered file elsewhere has none.
 */
function lineOf(
  place: Place | undefined,
): Pick<CommandProperties, 'file' | 'line' | 'col'> | undefined {
  if (place?.line === undefined || /^(?:\.\.?\/|\/)/.test(place.file)) return undefined
  return { file: plainLine(place.file), line: place.line, col: place.column }
}

function placeText(place: Place | undefined): string {
  if (place === undefined) return ''
  return place.line === undefined ? `${place.file}: ` : `${place.file}:${place.line}: `
}
