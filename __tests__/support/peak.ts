// Loaded into the bundle by NODE_OPTIONS: at its end it writes how much memory it had at most, in
// KiB, to the file that PEAK_FILE names.

import { writeFileSync } from 'node:fs'

process.on('exit', () =>
  writeFileSync(process.env['PEAK_FILE'] ?? '', String(process.resourceUsage().maxRSS)),
)
