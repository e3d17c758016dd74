// What a server wrote before it died says more than its exit code: known last words, put into one
// line of cause and one of fix.

import type { Diagnosis } from './diagnose.ts'
import { oneLine } from './symptom.ts'
import { LEARNS_WITHIN_MS } from '../members/patience.ts'

interface Known {
  readonly words: RegExp
  readonly reason: string
  readonly cause: string
  readonly fix: string
  /** Told also of a member that lives and is not Ready. */
  readonly alive?: true
}

const SEEDS =
  'Let the seeds name members of this set in this namespace (cassandra-0.SERVICE.NAMESPACE.svc.cluster.local), and set publishNotReadyAddresses: true on the headless service: a seed is looked up before it is Ready.'

/**
 * In the order of preference: a log may hold several, and the first in this list is nearest to the
 * cause.
 */
const KNOWN: readonly Known[] = [
  {
    words: /exec format error/i,
    reason: 'ExecFormatError',
    cause: 'the program is built for another processor architecture',
    fix: "Use an image that is built for the nodes' processor architecture.",
  },
  {
    words: /No space left on device/i,
    reason: 'DiskFull',
    cause: 'its disk is full',
    fix: 'Grow the claim, or set autopurge and clean old snapshots and logs.',
  },
  {
    words: /My id \d+ not in the peer list/,
    reason: 'NotInPeerList',
    cause: 'its id is not in the member list that it was given',
    fix: 'Let the member list have a server.N line for each ordinal, or delete a claim that is left over from an earlier, larger ensemble.',
  },
  {
    words: /myid file is missing/,
    reason: 'IdMissing',
    cause: 'it has no myid file',
    fix: 'Write myid before the server starts; see that the data directory belongs to the user that runs it (fsGroup).',
  },
  {
    words: /No snapshot found, but there are log entries/,
    reason: 'SnapshotMissing',
    cause: 'its data has a transaction log and no snapshot',
    fix: 'If the others are in quorum, delete the claim of this one member: it is filled again from them. Coming from 3.4: set snapshot.trust.empty=true once.',
  },
  {
    words:
      /Unable to load database on disk|Severe unrecoverable error|Last transaction was partial|CRC check failed/,
    reason: 'DataUnreadable',
    cause: "it can't read its data on disk",
    fix: 'If the others are in quorum, delete the claim of this one member: it is filled again from them.',
  },
  {
    words: /Cannot assign requested address/,
    reason: 'NameElsewhere',
    cause: 'the name that it listens at does not lead to its own address',
    fix: 'In the first minute of a pod this passes by itself: caches keep the old address for so long. If it lasts, let it listen at all addresses (a port alone behind the semicolon of its server line, no clientPortAddress), or at an address that its pod has.',
  },
  {
    words: /Address already in use|BindException/,
    reason: 'PortTaken',
    cause: 'a port that it listens on is taken',
    fix: 'Free the port on the node (hostNetwork, hostPort), or use other ports.',
  },
  {
    words:
      /java\.lang\.OutOfMemoryError|Could not reserve enough space|insufficient memory for the Java Runtime/i,
    reason: 'HeapTooSmall',
    cause: 'the Java heap is too small or does not fit into the container',
    fix: 'Set the heap to half or two thirds of the memory limit.',
  },
  {
    words: /This node was decommissioned and will not rejoin/,
    reason: 'Decommissioned',
    cause: 'its claim is that of a decommissioned node',
    fix: 'If that data may go: delete the claim of this member (kubectl delete pvc with --wait=false, since its pod holds it), then its pod; the controller makes new ones of both.',
  },
  {
    words: /removed by source filters|A node with address .* already exists/,
    reason: 'RingRemembersIt',
    cause: 'the ring still has the node that it replaces',
    fix: 'Remove the node that is down: nodetool removenode HOST_ID, on a member that is up.',
  },
  {
    words: /Seed provider couldn't lookup host/i,
    reason: 'SeedUnknown',
    cause: 'a seed has no address: no such name, or one of another namespace',
    fix: SEEDS,
  },
  {
    words: /The seed provider lists no seeds/i,
    reason: 'SeedUnknown',
    cause: 'none of its seeds has an address, or it has none',
    fix: SEEDS,
  },
  {
    words:
      /Unable to contact any seeds|lookup host .*seed|Unable to gossip with any (?:seeds|peers)/i,
    reason: 'NoSeeds',
    cause: 'it reaches none of its seeds',
    fix: 'Check the seed addresses (their namespace), and publishNotReadyAddresses on the headless service.',
  },
  {
    words:
      /Permission denied|AccessDeniedException|Unable to create data directory|Unable to access datadir/i,
    reason: 'PermissionDenied',
    cause: 'it may not read or write its files',
    fix: 'Set securityContext.fsGroup of the pod to the group that the image runs as.',
  },
  {
    words:
      /UnknownHostException|Unresolved address|Failed to resolve address|Name or service not known|Temporary failure in name resolution/,
    reason: 'NameUnknown',
    alive: true,
    cause: 'it can’t look up a name of the member list',
    fix: 'In the first minute of the pod behind the name this passes by itself: caches keep “no such name” for so long. If it lasts, compare the names with the pods and Services that there are, and see that the headless service publishes addresses that are not Ready. A Service for each member, made before the pods, leaves nothing to wait for: docs/moved-members.md.',
  },
  {
    words:
      /Invalid config, exiting abnormally|ConfigException|Error: Could not find or load main class/,
    reason: 'InvalidConfig',
    cause: 'it refuses its configuration',
    fix: 'Correct the configuration; the log below names the line.',
  },
]

/**
 * The diagnosis with the cause that the dying container's last lines tell; unchanged where they
 * tell nothing that is known.
 */
export function withLastWords(diagnosis: Diagnosis, lines: readonly string[]): Diagnosis {
  const crashes = diagnosis.code === 'CRASH_LOOP' && diagnosis.reason !== 'OOMKilled'
  for (const known of KNOWN) {
    if (!crashes && !(diagnosis.code === 'NOT_READY' && known.alive === true)) continue
    const line = lines.findLast((one) => known.words.test(one))
    if (line !== undefined)
      return {
        ...diagnosis,
        reason: known.reason,
        message: `${diagnosis.message}; ${known.cause}: ${lastPart(line)}`,
        fix: known.fix,
      }
  }
  return diagnosis
}

/**
 * Causes that time alone removes: caches lack a new pod's name, or have the address of the one
 * before.
 */
const OF_CACHES: ReadonlySet<string> = new Set(['NameUnknown', 'NameElsewhere'])

/**
 * Until when a crash loop is lived through by its last words; undefined: time alone does not end
 * it.
 */
export function nameKnownBy(diagnosis: Diagnosis, lines: readonly string[]): number | undefined {
  return diagnosis.code === 'CRASH_LOOP' && OF_CACHES.has(withLastWords(diagnosis, lines).reason)
    ? diagnosis.since + LEARNS_WITHIN_MS
    : undefined
}

const LONGEST_QUOTE = 160

/** The words themselves, without time, level and class that Java loggers put before them. */
function lastPart(line: string): string {
  const text = oneLine(line)
    .replace(/^.*? - (?:ERROR|WARN|INFO|FATAL)\s+\[[^\]]*\](?:\s+-\s+)?/, '')
    .replace(/^\S+ \S+ \[myid:[^\]]*\] - (?:ERROR|WARN|INFO|FATAL)\s+/, '')
  return text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE - 1)}…` : text
}
