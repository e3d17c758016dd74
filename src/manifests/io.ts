// What loading manifests needs of the world: the runner's files, kubectl for kustomizations, and
// the network for pinned addresses.

import type { OpenedFile } from '../opened-file.ts'
import type { RunProgram } from '../program.ts'

export interface ManifestIo {
  /**
   * Absolute path of the workspace; sources are relative to it, and files are named relative to it.
   */
  readonly workspace: string
  /**
   * Absolute path of RUNNER_TEMP, the other place where files may lie; undefined where there is
   * none.
   */
  readonly temp: string | undefined
  /**
   * What lies at the path, links followed, with its bytes where it is a file of at most `limit`:
   * opened once, so that it is what is judged. Undefined where nothing can be read.
   */
  open(path: string, limit: number): Promise<OpenedFile | undefined>
  realpath(path: string): Promise<string>
  /** What lies at the path, links followed; undefined when nothing does. `size` in bytes. */
  stat(
    path: string,
  ): Promise<{ readonly kind: 'file' | 'directory' | 'other'; readonly size: number } | undefined>
  /** Names in a directory, in no order. */
  readDirectory(path: string): Promise<readonly string[]>
  /** Absolute paths of files that match a pattern relative to `directory`, in no order. */
  glob(pattern: string, directory: string): Promise<readonly string[]>
  /** Runs a program of the runner. */
  readonly run: RunProgram
  /** As the runtime's fetch, by the proxy of the step where there is one. */
  fetch(
    url: string,
    init: {
      readonly signal: AbortSignal
      readonly redirect: 'manual'
      readonly headers: Readonly<Record<string, string>>
    },
  ): Promise<Response>
  /** Told secrets that an address holds, before anything is sent. */
  hide(secrets: readonly string[]): void
}
