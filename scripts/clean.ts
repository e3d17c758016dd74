// Removes what the build makes.

import { rmSync } from 'node:fs'
import { join } from 'node:path'

for (const directory of ['lib', 'dist'])
  rmSync(join(import.meta.dirname, '..', directory), { recursive: true, force: true })
