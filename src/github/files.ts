// The runner's files and programs as loading manifests sees them.

import { glob, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ManifestIo } from '../manifests/io.ts'

export function runnerFiles(workspace: string, temp: string): ManifestIo {
  return {
    workspace,
    temp,
    readFile: (path) => readFile(path),
    realpath: (path) => realpath(path),
    async stat(path) {
      const found = await stat(path).catch(() => undefined)
      if (found === undefined) return undefined
      return { kind: found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other', size: found.size }
    },
    readDirectory: (path) => readdir(path),
    async glob(pattern, directory) {
      const paths: string[] = []
      for await (const path of glob(pattern, { cwd: directory })) paths.push(join(directory, path))
      return paths
    },
    async run(program, args, signal) {
      signal.throwIfAborted()
      const { getExecOutput } = await import('@actions/exec')
      // The toolkit can't kill a child: what is run here is short (kubectl kustomize).
      const { exitCode, stdout, stderr } = await getExecOutput(program, [...args], { silent: true, ignoreReturnCode: true })
      return { exitCode, stdout, stderr }
    },
    fetch: (url, init) => fetch(url, init),
  }
}
