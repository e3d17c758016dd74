// The shape of the JSON report, said once: the published schema is generated from it and every
// sample report is held against it. Types only at run time.

import { z } from 'zod'
import { CODES } from '../codes.ts'
import { NODE_PHASES } from './run-report.ts'

const time = z.iso.datetime().describe('UTC, ISO 8601')
const text = z.string()
const orNull = <T extends z.ZodType>(type: T): z.ZodNullable<T> => type.nullable()

const place = z.strictObject({ file: text, line: orNull(z.int()), column: orNull(z.int()) })

const finding = z
  .strictObject({
    code: z.enum(CODES),
    severity: z.enum(['error', 'warning', 'notice']),
    message: text,
    fix: orNull(text).describe('What to change'),
    place: orNull(place).describe('A place in a file of the workspace'),
    input: orNull(text).describe('The input at fault'),
    object: orNull(text).describe('kind/name of the object at fault'),
    ordinal: orNull(z.int()),
  })
  .describe('One fault or warning')

const member = z.strictObject({
  pod: text,
  ordinal: z.int(),
  id: orNull(z.union([z.int(), text])).describe('Server id as the member itself has it'),
  role: orNull(text),
  node: orNull(text),
  claim: orNull(text),
  version: orNull(text),
  zxid: orNull(text).describe('Last transaction the member has seen, hexadecimal'),
  revision: orNull(text),
  restarts: z.int(),
  ready: z.boolean(),
  readySince: orNull(time),
  trouble: orNull(text),
  identity: orNull(
    z.strictObject({
      name: orNull(text).describe('Its own full name'),
      listed: orNull(text).describe('Its own line in the member list that it has'),
      user: orNull(z.strictObject({ uid: z.number(), from: z.enum(['process', 'spec']) })).describe(
        'Who its server runs as; spec: by the spec of its pod, where no process could be looked at',
      ),
      data: orNull(text).describe('Mode and owner of its data directory'),
    }),
  ).describe('Who it says it is; null where it was not asked'),
})

const check = z.strictObject({
  name: text,
  outcome: z.enum(['passed', 'failed', 'warned', 'skipped']),
  detail: text,
  ms: z.number(),
  findings: z.array(finding),
})

const cell = z.union([
  z.strictObject({ kind: z.literal('self') }),
  z.strictObject({ kind: z.literal('ok'), ms: z.number() }),
  z.strictObject({ kind: z.literal('failed'), why: text }),
  z.strictObject({ kind: z.literal('not tried') }),
])

const evidence = z
  .strictObject({
    object: text,
    container: orNull(text),
    reason: text,
    message: text,
    exitCode: orNull(z.int()),
    restarts: orNull(z.int()),
    events: z.array(z.strictObject({ reason: text, message: text, count: z.int(), last: time })),
    logs: z.array(z.strictObject({ container: text, previous: z.boolean(), lines: z.array(text) })),
  })
  .describe('The proof of a failure, gathered before anything is undone')

const revision = z.strictObject({
  revision: orNull(z.int()).describe('null for one that only the record still knows'),
  name: text,
  image: text,
  changeCause: text,
  created: orNull(time),
  current: z
    .boolean()
    .describe('What the template asks for, whether or not every member runs it yet'),
  members: z.int().describe('Pods that run it now'),
  verified: orNull(z.boolean()).describe('null where the record could not be read'),
})

const node = z
  .strictObject({
    node: text,
    outcome: z.enum(['waiting', 'under way', 'drained', 'gone', 'uncordoned', 'failed', 'skipped']),
    placement: orNull(z.enum(['elsewhere', 'in-place'])).describe(
      'Where its members went; null where it has none, or before that is known',
    ),
    members: z.array(text).describe('Members that were on it'),
    cordon: z.enum(['ours', 'theirs', 'none']).describe('As it stands at the end'),
    phases: z.array(
      z.strictObject({
        phase: z.enum(NODE_PHASES),
        at: time,
        ms: orNull(z.number()).describe('null for one that has not ended'),
      }),
    ),
    seconds: z
      .record(text, z.number())
      .describe('By phase, those of one kind added up, and total from the first to the last'),
    pods: z.array(
      z.strictObject({
        pod: text,
        outcome: z.enum(['evicted', 'deleted', 'skipped', 'gone', 'waiting']),
        note: text,
      }),
    ),
    note: text,
  })
  .describe('One node of a drain or an uncordon')

const namespace = z
  .strictObject({
    namespace: text,
    age: text.describe('Since it was made'),
    verdict: z.enum(['gone', 'stays', 'left', 'failed', 'would go', 'would stay']),
    note: text,
  })
  .describe('One namespace with the label of this action, of a sweep')

export const jsonReportSchema = z
  .strictObject({
    schemaVersion: z
      .literal(1)
      .describe('Raised when a field changes its meaning or goes away; new fields come without'),
    operation: text,
    result: z.enum([
      'succeeded',
      'unchanged',
      'planned',
      'undone',
      'failed',
      'refused',
      'cancelled',
    ]),
    code: orNull(z.enum(CODES)).describe('null after a success'),
    message: text.describe('One line for a chat'),
    now: text.describe(
      'Whether clients can read and write at the end, in words; empty where no ensemble was seen',
    ),
    clients: orNull(
      z.strictObject({
        read: orNull(z.boolean()),
        write: orNull(z.boolean()),
        serving: z.int().describe('Members that said they serve'),
        members: z.int().describe('Members that there should be and that have a vote'),
        needed: orNull(z.int()).describe('How many must serve'),
        mayGo: orNull(z.int()).describe('How many more may be down before clients stop'),
        unasked: z.array(text).describe('Members that could not be asked, or were not'),
        asked: orNull(time),
      }),
    ).describe('The same in figures, from what members said; null where it is not known'),
    advice: orNull(text).describe('What to do next'),
    help: orNull(text).describe('Address of the heading for the code in the docs'),
    changed: z.boolean(),
    doing: text.describe('Title of the phase that the run was in at its end'),
    standing: text.describe('The state that the run leaves behind, in words'),
    name: text,
    namespace: text,
    context: text,
    profile: text,
    version: text.describe('Version of the servers'),
    connectionString: text,
    revision: text,
    previousRevision: text,
    replicas: orNull(z.int()),
    readyReplicas: orNull(z.int()),
    leader: text.describe('Pod of the leader'),
    verifyLevel: text,
    pairs: text.describe('Passed and tried pairs of the write-then-read matrix, 6/6'),
    members: z.array(member),
    changes: z.array(
      z.strictObject({
        object: text,
        change: z.enum(['created', 'configured', 'unchanged', 'deleted']),
        note: orNull(text),
      }),
    ),
    impact: orNull(z.enum(['none', 'objects', 'roll', 'scale'])).describe(
      'plan: what the changes mean for members; null where that is not known',
    ),
    meaning: z.array(text).describe('The same in sentences'),
    diffs: z.array(
      z.strictObject({
        object: text,
        change: z.enum(['created', 'configured', 'unchanged', 'deleted', 'rendered']),
        lines: z.array(text).describe('As diff -u has them, without secrets'),
        lost: z.array(text).describe('Fields that other managers would lose'),
      }),
    ),
    checks: z.array(check),
    matrix: orNull(
      z.strictObject({ members: z.array(text), cells: z.array(z.array(cell)) }),
    ).describe('cells[w][r]: the write through member w, read through member r'),
    phases: z.array(
      z.strictObject({ title: text, ms: z.number(), outcome: z.enum(['done', 'failed']) }),
    ),
    timeline: z.array(
      z.strictObject({
        at: time,
        what: text,
        member: orNull(text),
        node: orNull(text),
        event: orNull(
          z.enum(['ready', 'fault', 'pending', 'away', 'hand-over', 'evicted', 'deleted']),
        ).describe('What became of the member; null for what is about none'),
      }),
    ),
    evidence: z.array(evidence),
    memberLogs: z
      .array(
        z.strictObject({
          pod: text,
          container: text,
          lines: z.array(text),
          noise: z.int().describe('Lines left out because a probe wrote them'),
        }),
      )
      .describe('Of a thorough check: the last log lines of each member'),
    findings: z.array(finding),
    notes: z.array(text),
    byHand: z.array(text).describe('kubectl commands that finish or undo by hand what was begun'),
    drainedNodes: z.array(text),
    remainingNodes: z.array(text),
    nodes: z.array(node),
    unfit: z
      .array(
        z.strictObject({
          pod: text,
          node: text,
          member: z.boolean(),
          reasons: z.array(z.strictObject({ reason: text, nodes: z.int(), names: z.array(text) })),
        }),
      )
      .describe('Pods that no other node takes, of a drain that was refused'),
    namespaces: z.array(namespace),
    revisions: z.array(revision),
    longestWriteGapMs: orNull(z.number()),
    acknowledgedWritesLost: orNull(z.int()),
    writeGaps: z
      .array(z.strictObject({ from: time, ms: z.number() }))
      .describe('Times of more than a second without a write'),
    others: z
      .array(z.strictObject({ name: text, serves: z.boolean() }))
      .describe(
        'Other ensembles, namespace/name, of which members were moved, and whether every member was seen to serve since',
      ),
    undoTo: orNull(z.strictObject({ revision: orNull(z.int()), name: text })).describe(
      'The verified revision that an undo would go to, where that is known',
    ),
    requests: z.record(text, z.int()).describe('Requests to the API server by kind'),
    started: time,
    ended: time,
    runUrl: text,
    helpUrl: text,
  })
  .meta({ title: 'Report of one run of zk-ensemble-action' })

export type JsonReport = z.infer<typeof jsonReportSchema>

/** The published JSON schema (draft 2020-12), as text with a final newline. */
export function jsonSchemaText(): string {
  return `${JSON.stringify(z.toJSONSchema(jsonReportSchema), null, 2)}\n`
}
