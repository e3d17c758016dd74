// Writes dist/licenses.txt: the notice of every package that may be in the bundle, as their
// licences ask of copies. From the lock file, since a bundler lists only what it could trace.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const root = join(import.meta.dirname, '..')
const lock = z
  .object({
    packages: z.record(
      z.string(),
      z.looseObject({
        dev: z.boolean().optional(),
        optional: z.boolean().optional(),
        license: z.string().optional(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))

/** Types alone leave nothing in the bundle; a package of another platform isn't installed. */
const places = Object.keys(lock.packages).filter(
  (place) =>
    place !== '' &&
    lock.packages[place]?.dev !== true &&
    lock.packages[place]?.optional !== true &&
    !place.includes('@types/') &&
    existsSync(join(root, place)),
)

const sections = new Map<string, string>()
for (const place of places.toSorted()) {
  const name = place.replace(/^.*node_modules\//, '')
  const file = readdirSync(join(root, place)).find((entry) => /^(licen[cs]e|copying)/i.test(entry))
  const text = file === undefined ? '' : readFileSync(join(root, place, file), 'utf8').trim()
  sections.set(name, [name, lock.packages[place]?.license ?? '', text, ''].join('\n'))
}
writeFileSync(join(root, 'dist', 'licenses.txt'), [...sections.values()].join('\n'))
