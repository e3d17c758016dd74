// What users are told and what the code does must be one thing: action.yml, the schema of the
// inputs, the outputs and the README.

import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../src/inputs/parse.ts'
import { INPUT_IDS, SCHEMA, useOf } from '../../src/inputs/schema.ts'
import { OPERATIONS } from '../../src/inputs/inputs.ts'
import { OUTPUT_NAMES } from '../../src/report/outputs.ts'
import {
  GROUPS,
  PAGES,
  readAction,
  readPage,
  section,
  withTables,
} from '../support/readme-tables.ts'

const action = readAction()

describe('inputs', () => {
  test('an input that a workflow may set is read, and one that is read may be set', () => {
    expect(Object.keys(action.inputs)).toEqual(Object.keys(SCHEMA.shape))
    expect(INPUT_IDS).toEqual(Object.keys(SCHEMA.shape))
  })

  test('a run by hand behaves as a run by the runner: the defaults are the same', () => {
    const declared = Object.fromEntries(
      Object.entries(action.inputs).map(([id, input]) => [id, input.default]),
    )
    const used = Object.fromEntries(INPUT_IDS.map((id) => [id, useOf(id).default]))
    expect(used).toEqual(declared)
  })

  test('every default is a value that the schema takes', () => {
    const defaults = Object.fromEntries(INPUT_IDS.map((id) => [id, useOf(id).default]))
    expect(SCHEMA.safeParse(defaults).error?.issues ?? []).toEqual([])
  })

  test('every operation is named where a person looks for it, and each has an input of its own or shares one', () => {
    for (const operation of OPERATIONS)
      expect(action.inputs['operation']?.description).toContain(`\`${operation}\``)
  })

  /** Inputs that take one of some words, with the words: a wrong one is answered with all of them. */
  const choices = INPUT_IDS.flatMap((id) => {
    const { faults } = readInputs({ [`INPUT_${id.toUpperCase()}`]: 'something else' })
    const said = faults.find(({ input }) => input === id)?.fix
    const values = said?.startsWith('write one of ') === true ? said.slice(13).split(', ') : []
    return values.length === 0 ? [] : [[id, values] as const]
  })

  test('inputs with a choice are found', () => {
    expect(choices.map(([id]) => id)).toEqual(expect.arrayContaining(['profile', 'verify', 'lint']))
  })

  test.each(choices)('%s: every word that it takes is in its description', (id, values) => {
    for (const value of values) expect(action.inputs[id]?.description).toContain(`\`${value}\``)
  })
})

describe('outputs', () => {
  test('an output that a later step may read is written, and one that is written may be read', () => {
    expect(Object.keys(action.outputs)).toEqual([...OUTPUT_NAMES])
  })
})

describe('pages', () => {
  test('every input is in one group: who looks for it finds it, and finds it once', () => {
    expect(Object.values(GROUPS).flat().toSorted()).toEqual(Object.keys(action.inputs).toSorted())
  })

  test.each(PAGES)(
    'the tables of %s are those of action.yml (npm run schema writes them)',
    (page) => {
      expect(withTables(page, readPage(page), action)).toBe(readPage(page))
      expect(section(readPage(page), 'inputs')).toContain('`operation`')
    },
  )

  test('the README has every output', () => {
    for (const output of OUTPUT_NAMES)
      expect(section(readPage('README.md'), 'outputs')).toContain(`| \`${output}\` |`)
  })

  test('the README is read to its end: at most 200 lines, with the word that people search for', () => {
    const readme = readPage('README.md')
    expect(readme.split('\n').length).toBeLessThanOrEqual(201)
    expect(readme).toMatch(/rollback/i)
    for (const operation of OPERATIONS) expect(readme).toContain(`| \`${operation}\` |`)
  })
})
