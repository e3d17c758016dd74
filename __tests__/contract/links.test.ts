// A link that leads nowhere costs a reader the page that was to help: every relative link and
// anchor of what people read leads to a file and a heading that there are, and a source that is
// named is there.

import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { describe, expect, test } from '@jest/globals'

const root = join(import.meta.dirname, '..', '..')
const pages = globSync(['*.md', 'docs/*.md', '.github/*.md'], { cwd: root }).toSorted()
const sources = globSync(['*.ts', '{src,scripts,__tests__}/**/*.ts'], { cwd: root })

/** What is no code: a link in a code block is an example. */
function proseOf(text: string): string {
  return text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, 'code')
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const headings = text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6} (.+)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) => {
      const plain = heading
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-')
      const before = seen.get(plain) ?? 0
      seen.set(plain, before + 1)
      return before === 0 ? plain : `${plain}-${before}`
    }),
  )
}

function linksOf(text: string): string[] {
  return [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to)
}

/** Sources that a page names by the end of their path, and that there are not. */
function lostSources(text: string): readonly string[] {
  const named = [...text.matchAll(/[\w./-]*\w\.ts\b/g)].map(([name]) => name)
  return [...new Set(named)].filter(
    (name) => !sources.some((path) => `/${path}`.endsWith(`/${name}`)),
  )
}

/** Undefined for a link that leads somewhere. */
function faultOf(page: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(root, target))) return `${link}: there is no ${target}`
  if (anchor === undefined || !target.endsWith('.md')) return undefined
  return anchorsOf(readFileSync(join(root, target), 'utf8')).has(anchor)
    ? undefined
    : `${link}: ${target} has no heading for #${anchor}`
}

describe('pages', () => {
  test.each(pages)('every link of %s leads somewhere', (page) => {
    const links = linksOf(readFileSync(join(root, page), 'utf8')).filter(
      // Addresses, and pages of GitHub's own beside the files.
      (link) => !/^[a-z]+:|^(\.\.\/)+issues\//.test(link),
    )
    expect(links.flatMap((link) => faultOf(page, link) ?? [])).toEqual([])
  })

  test.each(pages)('every source that %s names is there', (page) => {
    expect(lostSources(readFileSync(join(root, page), 'utf8'))).toEqual([])
  })

  test('a source that was renamed is found', () => {
    expect(
      lostSources('`src/main.ts` calls drain (operations/drain.ts), not `pain/drain.ts`'),
    ).toEqual(['pain/drain.ts'])
  })

  test('a link and an anchor that lead nowhere are found', () => {
    expect(faultOf('README.md', 'docs/no-such-page.md')).toMatch(/there is no/)
    expect(faultOf('README.md', 'docs/troubleshooting.md#no_such_code')).toMatch(/no heading/)
    expect(faultOf('docs/maintenance.md', 'troubleshooting.md#drain_refused')).toBeUndefined()
  })

  test('every page of docs is in its index, so that somebody finds it', () => {
    const listed = linksOf(readFileSync(join(root, 'docs', 'README.md'), 'utf8')).map((link) =>
      relative('docs', join('docs', link.split('#')[0] ?? '')),
    )
    const there = globSync('docs/*.*', { cwd: root })
      .map((path) => basename(path))
      .filter((name) => name !== 'README.md')
    expect(listed).toEqual(expect.arrayContaining(there))
  })
})
