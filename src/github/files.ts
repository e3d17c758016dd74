// The runner's files and programs as loading manifests sees them.

import { glob, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ManifestIo } from '../manifests/io.ts'
import { readOpened } from '../opened-file.ts'
import type { RunProgram } from '../program.ts'
import type { Env } from './command.ts'

export function runnerFiles(
  workspace: string,
  temp: string,
  programs: {
    readonly env: Env
    readonly run: RunProgram
    readonly hide: (secrets: readonly string[]) => void
  },
): ManifestIo {
  return {
    workspace,
    temp,
    async open(path, limit) {
      try {
        return readOpened(path, limit)
      } catch {
        return undefined
      }
    },
    realpath: (path) => realpath(path),
    async stat(path) {
      const found = await stat(path).catch(() => undefined)
      if (found === undefined) return undefined
      return {
        kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other',
        size: found.size,
      }
    },
    readDirectory: (path) => readdir(path),
    async glob(pattern, directory) {
      const paths: string[] = []
      for await (const path of glob(pattern, { cwd: directory })) paths.push(join(directory, path))
      return paths
    },
    run: programs.run,
    hide: programs.hide,
    fetch: async (url, init) => (await import('./fetch.ts')).fetchByProxy(url, init, programs.env),
  }
}
