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
    }),
  ),
})

test('dist/licenses.txt has a notice for every package that may be in the bundle', () => {
  const { packages } = lock.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')))
  const shipped = Object.entries(packages)
    .filter(
      ([place, one]) =>
        place !== '' &&
        one.dev !== true &&
        one.optional !== true &&
        one.peer !== true &&
        !place.includes('@types/'),
    )
    .map(([place]) => place.replace(/^.*node_modules\//, ''))
  const lines = new Set(readFileSync(join(root, 'dist', 'licenses.txt'), 'utf8').split('\n'))
  expect(shipped).toEqual(expect.arrayContaining(['zod', 'yaml', '@kubernetes/client-node']))
  expect(shipped.filter((name) => !lines.has(name))).toEqual([])
})
