// The course of a run as a picture: who was away when, and when clients could not write. Every fact
// in it stands in the timeline too, for those who read the source or a screen reader.

import { formatSpan } from '../clock.ts'
import { clip, plainLine } from './escape.ts'
import type { MemberEvent, NodeRow, RunReport } from './run-report.ts'

/** GitHub draws no chart of more than 50,000 characters, and nobody reads one of more bars. */
const LONGEST = 45_000
const MOST_BARS = 60
const LABEL = 40
/** A bar below this share of the whole can't be seen. */
const SLIVER = 1 / 200
/** Of the chart on the page of a run with its names, of a letter in a bar, and of one in a name; pixels. */
const CHART = 790
const LETTER = 5.9
const NAME_LETTER = 6.5
const LEAST_NAME = 90
/** Ticks of the axis, seconds apart, with the words of the library. */
const TICKS: readonly (readonly [number, string])[] = [
  ...[1, 2, 5, 10, 15, 30].map((n) => [n, `${n}second`] as const),
  ...[1, 2, 5, 10, 15, 30].map((n) => [n * 60, `${n}minute`] as const),
  ...[1, 2, 6, 12].map((n) => [n * 3600, `${n}hour`] as const),
]
const MOST_TICKS = 12

const WAITS = 'waits for a node'

interface Bar {
  readonly label: string
  readonly kind: 'done' | 'active' | 'crit' | ''
  readonly from: number
  readonly to: number
}

interface Lane {
  readonly title: string
  readonly bars: readonly Bar[]
}

/** `room`: pixels for the names of lanes, which would stand on the bars. */
function head(room: number): readonly string[] {
  return [
    '---',
    'displayMode: compact',
    'config:',
    `  gantt: { leftPadding: ${room}, barHeight: 20, barGap: 4, fontSize: 11, sectionFontSize: 12, topPadding: 40, topAxis: true }`,
    '---',
    'gantt',
    '  dateFormat YYYY-MM-DD HH:mm:ss',
    '  axisFormat %H:%M:%S',
  ]
}

/**
 * A fenced mermaid block; undefined where no running member was replaced or moved, and where there
 * is too much to draw.
 */
export function ganttOf(report: RunReport): string | undefined {
  const members = memberLanes(report)
  const nodes = report.nodes
    .map((row) => nodeLane(row, report))
    .filter(({ bars }) => bars.length > 0)
  const away = members.some(({ bars }) => bars[0]?.kind === 'done' && bars.length > 1)
  if (!away && nodes.length === 0) return undefined
  const clients = report.writeGaps.map(({ from, ms }): Bar => ({
    label: `no write ${formatSpan(ms)}`,
    kind: 'crit',
    from,
    to: from + ms,
  }))
  // Of other ensembles on the node those members that moved, after its own.
  const own = members.filter(({ title }) => !title.includes('/'))
  const others = members.filter(({ title, bars }) => title.includes('/') && bars.length > 1)
  const all = [{ title: 'clients', bars: clients }, ...own, ...others, ...nodes].filter(
    ({ bars }) => bars.length > 0,
  )
  const lanes = count(all) > MOST_BARS ? all.filter(({ bars }) => bars.length > 1) : all
  const span = Math.max(1, (report.ended - report.started) / 1000)
  const tick = TICKS.find(([seconds]) => span / seconds <= MOST_TICKS)
  const longest = Math.max(...lanes.map(({ title }) => word(title).length))
  const names = Math.max(LEAST_NAME, Math.ceil(longest * NAME_LETTER) + 16)
  const text = [
    '```mermaid',
    ...head(names),
    ...(tick === undefined ? [] : [`  tickInterval ${tick[1]}`]),
    ...lanes.flatMap((lane) => laneLines(lane, span, CHART - names)),
    '```',
  ].join('\n')
  return lanes.length === 0 || count(lanes) > MOST_BARS || text.length > LONGEST ? undefined : text
}

function count(lanes: readonly Lane[]): number {
  return lanes.reduce((sum, { bars }) => sum + bars.length, 0)
}

/**
 * In whole seconds, one after the other: what overlaps would get a line of its own. `width`: of the
 * whole time, in pixels.
 */
function laneLines({ title, bars }: Lane, span: number, width: number): string[] {
  let end = 0
  const lines = bars.map(({ label, kind, from, to }, index) => {
    const start = Math.max(end, Math.floor(from / 1000))
    end = Math.max(start + 1, Math.floor(to / 1000))
    // Beside a fault the chart shows the words that don't fit into it, up to the bar that follows.
    const until = kind === 'crit' ? (bars[index + 1]?.from ?? Infinity) : to
    const shown = fitting(word(label), kind, ((until - from) / 1000 / span) * width)
    return `  ${shown} :${kind === '' ? '' : `${kind}, `}${stamp(start * 1000)}, ${end - start}s`
  })
  return [`  section ${word(title)}`, ...lines]
}

/**
 * A label that doesn't fit into its bar would stand on the one beside it: it is shown without its
 * time then, by its first fault, in one word, or not at all. `room`: pixels.
 */
function fitting(label: string, kind: Bar['kind'], room: number): string {
  const forms = [
    label,
    label.replace(/,? [\d.]+[hms].*$/, ''),
    label.replace(/^on /, ''),
    ...(kind === 'crit' ? [label.replace(/, .*$/, '')] : []),
    ...(kind === 'active' ? ['away'] : []),
  ]
  return forms.find((form) => (form.length + 1) * LETTER <= room) ?? '·'
}

/** Letters, digits and what no parser of such charts takes for more: a colon ends a name. */
function word(text: string): string {
  const plain = plainLine(text, 200)
    .replace(/[^\p{L}\p{N} ().,/_+×-]/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return plain === '' ? '-' : clip(plain, LABEL)
}

function stamp(ms: number): string {
  const at = Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? ms : 0
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ')
}

interface Told {
  readonly at: number
  readonly member: string
  /** Of which it was evicted. */
  readonly node: string | undefined
  readonly event: MemberEvent
}

/** A lane for each member whose state was told, by name. */
function memberLanes(report: RunReport): Lane[] {
  const told = report.timeline.flatMap(({ at, member, node, event }): readonly Told[] =>
    member === undefined || event === undefined ? [] : [{ at, member, node, event }],
  )
  const byMember = Map.groupBy(told, ({ member }) => member)
  return [...byMember]
    .toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([title, entries]) => ({ title, bars: memberBars(entries, report) }))
}

function memberBars(entries: readonly Told[], { started, ended }: RunReport): Bar[] {
  const ordered = withoutTries(entries.toSorted((a, b) => a.at - b.at))
  const bars: Bar[] = homeOf(ordered[0], started)
  for (const [index, { at, event }] of ordered.entries()) {
    const to = Math.max(at, ordered[index + 1]?.at ?? ended)
    const { kind, label } = drawn(event)
    const last = bars.at(-1)
    // Who stands well when it is first looked at has done so since the run began.
    const from = last === undefined && kind === 'done' ? Math.min(started, at) : at
    // What follows one another while it is away is one absence; so are its faults one trouble.
    if (last?.kind === kind && (kind !== 'done' || last.label === label))
      bars[bars.length - 1] = { ...last, label: joined(last, label), to }
    else bars.push({ label, kind, from, to })
  }
  const shortest = (ended - started) * SLIVER
  const seen = bars.filter(
    ({ from, to, kind }, index) => kind === 'crit' || index === 0 || to - from >= shortest,
  )
  return seen.map((bar, index) =>
    bar.kind === 'active'
      ? {
          ...bar,
          label: absence(
            bar,
            seen.slice(0, index).findLast(({ kind }) => kind === 'done'),
            seen[index + 1],
          ),
        }
      : bar,
  )
}

/** One that ends, runs a moment and ends again has the same trouble all the time. */
function withoutTries(ordered: readonly Told[]): readonly Told[] {
  let troubled = false
  return ordered.filter(({ event: { kind } }, index) => {
    const next = ordered.slice(index + 1).find(({ event }) => event.kind !== 'away')
    if (kind === 'away' && troubled && next?.event.kind === 'fault') return false
    troubled = kind === 'fault'
    return true
  })
}

/** The words of a bar that grows: who has its node waits for none; faults are told once each. */
function joined({ kind, label: first }: Bar, label: string): string {
  if (kind === 'crit') return first.split(', ').includes(label) ? first : `${first}, ${label}`
  return first === WAITS ? label : first
}

/** Who was evicted first of all had stood on that node till then. */
function homeOf(first: Told | undefined, started: number): Bar[] {
  return first?.node === undefined || first.event.kind !== 'evicted'
    ? []
    : [{ label: `on ${first.node}`, kind: 'done', from: started, to: first.at }]
}

/** `to node-4, 22.0s`, `away 16.2s`; of a member that comes `starts 16.2s`. */
function absence(
  { from, to, label }: Bar,
  before: Bar | undefined,
  after: Bar | undefined,
): string {
  const moved =
    after?.kind === 'done' && before !== undefined && after.label !== before.label
      ? `to ${after.label.replace(/^on /, '')}, `
      : ''
  const words = before === undefined && label === 'away' ? 'starts' : label
  return `${moved === '' ? `${words} ` : moved}${formatSpan(to - from)}`
}

/** The bar that begins with it. */
function drawn(event: MemberEvent): Pick<Bar, 'kind' | 'label'> {
  switch (event.kind) {
    case 'ready':
      return { kind: 'done', label: event.node === undefined ? 'available' : `on ${event.node}` }
    case 'fault':
      return { kind: 'crit', label: event.reason }
    case 'pending':
      return { kind: 'active', label: WAITS }
    case 'hand-over':
      return { kind: 'active', label: 'hands over leadership' }
    case 'away':
    case 'evicted':
    case 'deleted':
      return { kind: 'active', label: 'away' }
  }
}

/** Cordoned from its cordon until it takes pods again, with the work on it told apart. */
function nodeLane({ node, phases, cordon }: NodeRow, { ended }: RunReport): Lane {
  const begun = phases.find(({ phase }) => phase === 'cordon')
  if (begun === undefined) return { title: node, bars: [] }
  const given = phases.findLast(({ phase, ms }) => phase === 'uncordon' && ms !== undefined)
  const last = phases.findLast(({ ms }) => ms !== undefined)
  const until =
    given !== undefined
      ? given.at + (given.ms ?? 0)
      : cordon === 'none' && last !== undefined
        ? last.at + (last.ms ?? 0)
        : ended
  const work = phases.find(({ phase }) => phase === 'maintenance')
  const cordoned = (from: number, to: number): Bar => ({
    label: `cordoned ${formatSpan(to - from)}`,
    kind: '',
    from,
    to,
  })
  if (work === undefined) return { title: node, bars: [cordoned(begun.at, until)] }
  const done = work.at + (work.ms ?? Math.max(0, until - work.at))
  return {
    title: node,
    bars: [
      cordoned(begun.at, work.at),
      {
        label: `maintenance ${formatSpan(done - work.at)}`,
        kind: work.ms === undefined ? 'crit' : 'active',
        from: work.at,
        to: done,
      },
      ...(until - done >= 1000 ? [cordoned(done, until)] : []),
    ],
  }
}
