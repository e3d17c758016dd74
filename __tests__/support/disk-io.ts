// The disk as manifests are read from it, for tests: no programs and no network unless a test gives
// them.

import { glob, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ManifestIo } from '../../src/manifests/io.ts'
import { readOpened } from '../../src/opened-file.ts'

export function diskIo(workspace: string, more: Partial<ManifestIo> = {}): ManifestIo {
  return {
    workspace,
    temp: undefined,
    async open(path, limit) {
      try {
        return readOpened(path, limit)
      } catch {
        return undefined
      }
    },
    realpath: (path) => realpath(path),
    async stat(path) {
      try {
        const found = await stat(path)
        return {
          kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other',
          size: found.size,
        }
      } catch {
        return undefined
      }
    },
    readDirectory: (path) => readdir(path),
    async glob(pattern, directory) {
      const found: string[] = []
      for await (const path of glob(pattern, { cwd: directory })) found.push(join(directory, path))
      return found
    },
    run: () => Promise.reject(new Error('this test runs no program')),
    hide: () => undefined,
    fetch: () => Promise.reject(new Error('this test has no network')),
    ...more,
  }
}
