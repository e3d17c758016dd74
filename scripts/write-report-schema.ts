// Writes docs/report.schema.json from the schema in the code.

import { writeFileSync } from 'node:fs'
import { jsonSchemaText } from '../src/report/report-schema.ts'

writeFileSync(new URL('../docs/report.schema.json', import.meta.url), jsonSchemaText())
