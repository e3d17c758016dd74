// Text from the cluster is somebody else's: here it loses whatever a terminal, a Markdown page or a
// shell would obey.

/** What stands where there is nothing: an empty table cell would break the row. */
export const NOTHING = '–'

// CSI and OSC sequences of terminals, then every other control or invisible format character but
// the tab.
const TERMINAL_SEQUENCE =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g
const CONTROL = /[^\P{Cc}\t\n]|\p{Cf}/gu
const LINE_END = /\r\n|[\r\n\u0085\u2028\u2029]/

/**
 * The text without colours and control characters, split at whatever counts as a line's end
 * somewhere.
 */
export function plainLines(text: string): string[] {
  return text
    .replace(TERMINAL_SEQUENCE, '')
    .split(LINE_END)
    .map((line) => line.replace(CONTROL, ''))
}

/** The text as one line, runs of white space made one blank, at most `limit` characters. */
export function plainLine(text: string, limit = 1000): string {
  return clip(plainLines(text).join(' ').replace(/\s+/g, ' ').trim(), limit)
}

/** `zk-0, zk-1 and 3 more`: at most `most` of the names, each as a short plain line. */
export function someOf(names: readonly string[], most: number): string {
  const shown = names
    .slice(0, most)
    .map((name) => plainLine(name, 100))
    .join(', ')
  return names.length > most ? `${shown} and ${names.length - most} more` : shown
}

/**
 * At most `limit` characters, never half of a surrogate pair; what was cut is shown by an ellipsis.
 */
export function clip(text: string, limit: number): string {
  if (text.length <= limit) return text
  const end = limit - 1
  return `${text.slice(0, isLeadingSurrogate(text.charCodeAt(end - 1)) ? end - 1 : end)}…`
}

function isLeadingSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

/** Bytes of the text in UTF-8: limits of the runner are in bytes. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function html(text: string): string {
  return text.replace(/[&<>"']/g, (character) => HTML[character] ?? character)
}

/**
 * What GitHub makes links and pictures of after Markdown is read, where references are characters
 * again: mentions, issues, emoji. A comment keeps them apart.
 */
const APART = '<!-- -->'

/**
 * One line of Markdown that shows exactly this text, in a paragraph, a heading or a table cell.
 * Character references are used, since
 * Markdown takes them for text alone (CommonMark 0.31 §2.5), and they mean the same inside of HTML
 * tags.
 */
export function inline(text: string, limit = 1000): string {
  return html(plainLine(text, limit))
    .replace(
      /[\\`*[\]|~$@]|(?<!\w)_|_(?!\w)|(?<!&)#|:(?=\/\/)|:(?=[a-z+-][\w+-]*:)|(?<=www)\./gi,
      (character) => `&#${character.charCodeAt(0)};`,
    )
    .replace(/&#64;|&#35;(?=\d)|&#58;(?=[a-z+-])|\bGH-(?=\d)/gi, (mark) => `${mark}${APART}`)
    .replace(/^([-+=])/, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/^(\d+)\./, '$1&#46;')
}

/** A table cell; nothing becomes a dash. */
export function cell(value: string | number | undefined, limit = 300): string {
  const text = value === undefined ? '' : inline(String(value), limit)
  return text === '' ? NOTHING : text
}

/** The text in code type, in a paragraph or a cell. */
export function code(text: string, limit = 300): string {
  const shown = inline(text, limit)
  return shown === '' ? NOTHING : `<code>${shown}</code>`
}

/** A block in which the lines stand as they are; a line of more than `width` characters is cut. */
export function block(lines: readonly string[], width = 500): string {
  const shown = lines.flatMap((line) => plainLines(line)).map((line) => html(clip(line, width)))
  return ['<pre>', ...shown, '</pre>'].join('\n')
}

/** Lines of a diff in its colours: a fence that none of them can close. */
export function diffBlock(lines: readonly string[], width = 2_001): string {
  const shown = lines.map((line) => clip(plainLines(line).join(' '), width))
  const longest = Math.max(
    2,
    ...shown.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)),
  )
  const fence = '`'.repeat(longest + 1)
  return [`${fence}diff`, ...shown, fence].join('\n')
}

/** The word as a POSIX shell reads it back, for commands to copy. */
export function shellWord(word: string): string {
  const plain = plainLine(word, 500)
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`
}
