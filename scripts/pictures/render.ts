// npm run pictures: draws each stored job summary as GitHub shows it, in a real browser, says how
// high it is and what of it stands above the fold, and fails when one is too high or has a chart
// that can't be drawn. The pictures go to pictures/; with --docs those of the docs are taken again.

import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { openBrowser, type Browser } from './browser.ts'

const HERE = import.meta.dirname
const ROOT = join(HERE, '..', '..')
const PAGES = join(ROOT, '__tests__', 'summaries')
const OUT = join(ROOT, 'pictures')
const SHOWN_IN_DOCS = join(ROOT, 'docs', 'pictures')

/** Of a page's content, in pixels, as on the page of a run in a usual window. */
const WIDTH = 900
const MARGIN = 24
/** What is seen without scrolling. */
const FOLD = 700
/**
 * Higher than this is too long to be read at night: a run that went well, moved nobody and has no
 * diff to show; any other.
 */
const LIMITS = { well: 700, else: 1000 }
/** Bytes of a picture in the docs. */
const LARGEST = 150_000
const IN_DOCS = ['undone', 'drain']
const THEMES = ['light', 'dark'] as const
type Theme = (typeof THEMES)[number]

const drawnSchema = z.object({
  height: z.number(),
  charts: z.number(),
  drawn: z.number(),
  error: z.string(),
  /** Blocks that begin above the fold, in words. */
  above: z.array(z.string()),
})
type Drawn = z.infer<typeof drawnSchema>

function part(path: string): string {
  return readFileSync(join(HERE, 'node_modules', path), 'utf8')
}

function chromeOf(env: NodeJS.ProcessEnv): string | undefined {
  const given = env['CHROME_PATH']
  if (given !== undefined && given !== '') return given
  const names = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser']
  return (env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((directory) => names.map((name) => join(directory, name)))
    .find((path) => existsSync(path))
}

function frame(theme: Theme): string {
  return `<!doctype html><meta charset="utf-8"><style>${part(`github-markdown-css/github-markdown-${theme}.css`)}</style>
<style>body{margin:0} .markdown-body{box-sizing:border-box;width:${WIDTH + 2 * MARGIN}px;padding:${MARGIN}px;font-size:14px} .markdown-body pre.mermaid{background:none;padding:0}</style>
<div class="markdown-body"></div>`
}

/** Runs in the browser, after the libraries. */
function drawing(text: string, theme: Theme): string {
  return `(async () => {
const body = document.querySelector('.markdown-body')
body.innerHTML = globalThis.marked.parse(${JSON.stringify(text)}, { gfm: true })
const charts = [...body.querySelectorAll('code.language-mermaid')].map((code) => {
  const chart = document.createElement('pre')
  chart.className = 'mermaid'
  chart.textContent = code.textContent
  code.parentElement.replaceWith(chart)
  return chart
})
globalThis.mermaid.initialize({ startOnLoad: false, theme: ${theme === 'dark' ? "'dark'" : "'default'"} })
let error = ''
try { await globalThis.mermaid.run({ nodes: charts }) } catch (thrown) { error = String(thrown.message ?? thrown) }
await document.fonts.ready
const top = body.getBoundingClientRect().top + ${MARGIN}
return {
  height: Math.round(body.getBoundingClientRect().height) - ${2 * MARGIN},
  charts: charts.length,
  drawn: charts.filter((chart) => chart.querySelector('svg .task, svg rect') !== null).length,
  error,
  above: [...body.children].filter((block) => block.getBoundingClientRect().top - top < ${FOLD})
    .map((block) => block.className === 'mermaid' ? 'chart' : block.tagName === 'DETAILS' ? '+ ' + block.querySelector('summary').textContent : block.tagName === 'TABLE' ? 'table (' + block.querySelectorAll('tbody tr').length + ')' : block.textContent.trim().slice(0, 60)),
}
})()`
}

function faultsOf(name: string, text: string, { height, charts, drawn, error }: Drawn): string[] {
  const limit =
    text.startsWith('## ✅') && charts === 0 && !text.includes('What would change')
      ? LIMITS.well
      : LIMITS.else
  return [
    ...(height > limit ? [`${name}: ${height} px, at most ${limit}`] : []),
    ...(error === '' ? [] : [`${name}: mermaid: ${error}`]),
    ...(drawn === charts ? [] : [`${name}: ${drawn} of ${charts} charts drawn`]),
  ]
}

async function draw(
  browser: Browser,
  page: string,
  theme: Theme,
): Promise<{ readonly drawn: Drawn; readonly png: Buffer; readonly faults: readonly string[] }> {
  const text = readFileSync(page, 'utf8')
  const name = basename(page, '.md')
  const width = WIDTH + 2 * MARGIN
  const drawn = drawnSchema.parse(
    await browser.show(frame(theme), width, [
      // Nothing of a library is handed back.
      `${part('marked/lib/marked.umd.js')};0`,
      `${part('mermaid/dist/mermaid.min.js')};0`,
      drawing(text, theme),
    ]),
  )
  const png = await browser.photograph(width, drawn.height + 2 * MARGIN)
  return { drawn, png, faults: faultsOf(name, text, drawn) }
}

async function pictures(program: string, forDocs: boolean): Promise<readonly string[]> {
  mkdirSync(OUT, { recursive: true })
  const faults: string[] = []
  const browser = await openBrowser(program)
  try {
    for (const page of globSync(join(PAGES, '*.md')).toSorted()) {
      const name = basename(page, '.md')
      const { drawn, png, faults: found } = await draw(browser, page, 'light')
      faults.push(...found)
      writeFileSync(join(OUT, `${name}.png`), png)
      process.stdout.write(
        `${name.padEnd(22)} ${String(drawn.height).padStart(5)} px  above the fold: ${drawn.above.join(' | ')}\n`,
      )
      if (!forDocs || !IN_DOCS.includes(name)) continue
      mkdirSync(SHOWN_IN_DOCS, { recursive: true })
      for (const theme of THEMES) {
        const { png: shown } = await draw(browser, page, theme)
        if (shown.length > LARGEST) faults.push(`${name}, ${theme}: ${shown.length} bytes`)
        writeFileSync(join(SHOWN_IN_DOCS, `${name}-${theme}.png`), shown)
      }
    }
  } finally {
    await browser.close()
  }
  return faults
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { docs: { type: 'boolean', default: false } } })
  const program = chromeOf(process.env)
  const missing =
    program === undefined
      ? 'No browser was found: CHROME_PATH names a Chrome or Chromium.'
      : existsSync(join(HERE, 'node_modules'))
        ? undefined
        : 'First: npm ci --prefix scripts/pictures --ignore-scripts'
  const faults =
    program === undefined || missing !== undefined
      ? [missing ?? '']
      : await pictures(program, values.docs)
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  return faults.length === 0 ? 0 : 1
}

process.exitCode = await main()
