// Has zod read what comes from outside without making code for it: a step reads each kind of answer
// a few times only, and making the code takes longer than it saves. Imported before any schema.

import { config } from 'zod'

config({ jitless: true })
