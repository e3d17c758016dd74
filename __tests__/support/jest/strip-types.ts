// Jest's transformer: Node itself strips the types, so line numbers stay those of the source and no
// compiler is needed.

import { stripTypeScriptTypes } from 'node:module'

const transformer = {
  // Only asked for synchronously where jest requires CommonJS; ESM takes processAsync when there is
  // one, else this too.
  process(source: string, path: string): { code: string } {
    return { code: path.endsWith('.ts') ? stripTypeScriptTypes(source, { mode: 'strip' }) : source }
  },
}

// oxlint-disable-next-line import/no-default-export -- jest reads a transformer from its default export: there is no other form
export default transformer
