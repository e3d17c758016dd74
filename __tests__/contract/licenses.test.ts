// The licences of what is in the bundle ask that their notices go with copies: one that is missing
// is a breach by everybody who uses the action.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { z } from 'zod'

const root = join(import.meta.dirname, '..', '..')
const lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
      peer: z.boolean().optional(),
      license: z.string().optional(),
    }),
  ),
})

/** Licences that ask for no more than their notice, and go with Apache-2.0. */
const TAKEN = [
  'Apache-2.0',
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Unlicense',
  'PSF-2.0',
]

interface Shipped {
  readonly name: string
  readonly license: string
}

function shippedPackages(): Shipped[] {
  const { packages } = lock.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
  return Object.entries(packages)
    .filter(
      ([place, one]) =>
        place !== '' &&
        one.dev !== true &&
        one.optional !== true &&
        one.peer !== true &&
        !place.includes('@types/'),
    )
    .map(([place, { license }]) => ({
      name: place.replace(/^.*node_modules\//, ''),
      license: license ?? 'none',
    }))
}

test('dist/licenses.txt has a notice for every package that may be in the bundle', () => {
  const shipped = shippedPackages().map(({ name }) => name)
  const lines = new Set(readFileSync(join(root, 'dist', 'licenses.txt'), 'utf8').split('\n'))
  expect(shipped).toEqual(expect.arrayContaining(['zod', 'yaml', '@kubernetes/client-node']))
  expect(shipped.filter((name) => !lines.has(name))).toEqual([])
})

test('every package that may be in the bundle may be passed on with it', () => {
  expect(shippedPackages().filter(({ license }) => !TAKEN.includes(license))).toEqual([])
})
