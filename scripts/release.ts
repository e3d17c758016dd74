// What a release has to agree on, for the release workflow and for whoever makes one: tag, package
// and CHANGELOG (which `cut` writes), its notes, the major tag that moves with it, whether it is the
// latest, and the examples that pin it.

import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

export interface Release {
  readonly tag: string
  readonly packageVersion: string
  readonly lockVersion: string
  readonly changelog: string
}

const TAG = /^v(\d+)\.(\d+)\.(\d+)$/

/** Whatever speaks against publishing; empty when nothing does. */
export function faultsOf({ tag, packageVersion, lockVersion, changelog }: Release): string[] {
  if (!TAG.test(tag)) return [`the tag ${tag} is not of the form v1.2.3`]
  const version = tag.slice(1)
  const heading = headingOf(changelog, version)
  return [
    ...differs('package.json', packageVersion, version),
    ...differs('package-lock.json', lockVersion, version),
    ...(heading === undefined
      ? [`CHANGELOG.md has no heading "## [${version}] - YYYY-MM-DD"`]
      : notesOf(changelog, version) === ''
        ? [`CHANGELOG.md says nothing below "${heading}"`]
        : []),
    ...(sectionBelow(changelog, '## [Unreleased]') === ''
      ? []
      : [`CHANGELOG.md has lines below [Unreleased]: move them below [${version}]`]),
  ]
}

function differs(file: string, is: string, version: string): string[] {
  return is === version ? [] : [`${file} says ${is}, the tag ${version}`]
}

/** What the CHANGELOG says of a version; '' where it says nothing. */
export function notesOf(changelog: string, version: string): string {
  const heading = headingOf(changelog, version)
  return heading === undefined ? '' : sectionBelow(changelog, heading)
}

function headingOf(changelog: string, version: string): string | undefined {
  return changelog
    .split('\n')
    .find(
      (line) =>
        line.startsWith(`## [${version}] - `) &&
        /^\d{4}-\d\d-\d\d$/.test(line.split(' - ')[1] ?? ''),
    )
}

function sectionBelow(changelog: string, heading: string): string {
  const lines = changelog.split('\n')
  const from = lines.indexOf(heading)
  if (from < 0) return ''
  const length = lines.slice(from + 1).findIndex((line) => /^## |^\[[^\]]+\]: /.test(line))
  return lines
    .slice(from + 1, length < 0 ? undefined : from + 1 + length)
    .join('\n')
    .trim()
}

/**
 * The CHANGELOG with what is below [Unreleased] under the heading of the version, with its day; where
 * that heading is there, as of a version that was never tagged, at the end of its section.
 */
export function cutChangelog(changelog: string, version: string, day: string): string {
  const unreleased = '## [Unreleased]'
  const fresh = sectionBelow(changelog, unreleased)
  const heading = `## [${version}] - ${day}`
  const there = headingOf(changelog, version)
  const rest = fresh === '' ? changelog : changelog.replace(`${fresh}\n`, '')
  if (there === undefined)
    return squeezed(rest.replace(unreleased, () => `${unreleased}\n\n${heading}\n\n${fresh}`))
  const notes = sectionBelow(rest, there)
  const more = fresh === '' ? '' : `\n\n### Also\n\n${fresh}`
  return squeezed(rest.replace(notes, () => `${notes}${more}`).replace(there, heading))
}

function squeezed(text: string): string {
  return text.replace(/\n{3,}/g, '\n\n')
}

/** Whether no tag is of a newer version: a fix of an older one must not be offered as the latest. */
export function isLatest(tag: string, tags: readonly string[]): boolean {
  return !tags.some((other) => compare(numbersOf(other), numbersOf(tag)) > 0)
}

/** The major tag that moves to this release: none when a newer one of the same major is there. */
export function majorOf(tag: string, tags: readonly string[]): string | undefined {
  const [major, ...rest] = numbersOf(tag)
  const newer = tags.some((other) => {
    const [otherMajor, ...otherRest] = numbersOf(other)
    return otherMajor === major && compare(otherRest, rest) > 0
  })
  return major === undefined || newer ? undefined : `v${major}`
}

function numbersOf(tag: string): number[] {
  return (TAG.exec(tag) ?? []).slice(1).map(Number)
}

function compare(left: readonly number[], right: readonly number[]): number {
  return left.map((one, at) => one - (right[at] ?? 0)).find((difference) => difference !== 0) ?? 0
}

/** A workflow whose steps use this action at the commit of a release, named beside it. */
export function pinnedTo(workflow: string, commit: string, tag: string): string {
  return workflow.replaceAll(
    /uses: org\/zk-ensemble-action@\S+(?: # v[\d.]+)?$/gm,
    `uses: org/zk-ensemble-action@${commit} # ${tag}`,
  )
}

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const versioned = z.object({ version: z.string() })

/** Exit code 1 when something speaks against the release. */
function main([verb, tag = '']: readonly string[]): number {
  if (verb === 'cut') return cut(tag)
  const changelog = read('CHANGELOG.md')
  const faults = faultsOf({
    tag,
    packageVersion: versioned.parse(JSON.parse(read('package.json'))).version,
    lockVersion: versioned.parse(JSON.parse(read('package-lock.json'))).version,
    changelog,
  })
  if (verb === 'check') say(faults.length === 0 ? `${tag}: everything agrees` : faults.join('\n'))
  else if (verb === 'notes') say(notesOf(changelog, tag.slice(1)))
  else if (verb === 'major') say(majorOf(tag, tagsThere()) ?? '')
  else if (verb === 'latest') say(String(isLatest(tag, tagsThere())))
  else if (verb === 'pin') pinExamples(git('rev-parse', `${tag}^{commit}`), tag)
  else return wrong('npm run release -- cut|check|notes|major|latest|pin v1.2.3')
  return verb === 'check' && faults.length > 0 ? 1 : 0
}

function wrong(text: string): number {
  process.stderr.write(`${text}\n`)
  return 1
}

/** Writes the version into package, lock file and CHANGELOG. */
function cut(tag: string): number {
  if (!TAG.test(tag)) return wrong(`the tag ${tag} is not of the form v1.2.3`)
  if (tagsThere().includes(tag)) return wrong(`the tag ${tag} is there already`)
  const version = tag.slice(1)
  execFileSync('npm', ['version', version, '--no-git-tag-version', '--allow-same-version'], {
    cwd: root,
  })
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync(join(root, 'CHANGELOG.md'), cutChangelog(read('CHANGELOG.md'), version, day))
  say(`${tag}: package.json, package-lock.json and CHANGELOG.md say it`)
  return 0
}

function tagsThere(): readonly string[] {
  return git('tag', '--list', 'v*').split('\n')
}

function pinExamples(commit: string, tag: string): void {
  for (const file of globSync('examples/workflows/*.yml', { cwd: root }))
    writeFileSync(join(root, file), pinnedTo(read(file), commit, tag))
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

if (process.argv[1] === import.meta.filename) process.exitCode = main(process.argv.slice(2))
