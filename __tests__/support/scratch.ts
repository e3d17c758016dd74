// Temporary directories that go with the tests of their file.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from '@jest/globals'

const made: string[] = []
afterAll(() => made.forEach((path) => rmSync(path, { recursive: true, force: true })))

/** A new one; its name begins with `name`. */
export function scratch(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `${name}-`))
  made.push(path)
  return path
}
