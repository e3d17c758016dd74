// Jest's transformer: Node itself strips the types, so line numbers stay those of the source and no compiler is needed.
const { stripTypeScriptTypes } = require('node:module')

module.exports = {
  process(source, path) {
    return { code: path.endsWith('.ts') ? stripTypeScriptTypes(source, { mode: 'strip' }) : source }
  },
}
