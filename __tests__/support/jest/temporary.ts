// A jest reporter that gives a run one directory for everything temporary and removes it at the
// end; what killed runs left is swept up.

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Handed down to jest's workers. */
export const TEMPORARY = 'ZK_TESTS_TEMPORARY'

// oxlint-disable-next-line import/no-default-export -- jest makes an instance of a reporter's default export: there is no other form
export default class Temporary {
  readonly #path = join(tmpdir(), `zk-tests-${process.pid}`)

  onRunStart(): void {
    for (const name of readdirSync(tmpdir())) {
      const pid = /^zk-tests-(\d+)$/.exec(name)?.[1]
      if (pid !== undefined && !isRunning(Number(pid))) remove(join(tmpdir(), name))
    }
    mkdirSync(this.#path, { recursive: true })
    process.env[TEMPORARY] = this.#path
  }

  onRunComplete(): void {
    remove(this.#path)
  }
}

function remove(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
