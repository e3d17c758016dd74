// One exec that reads who a member is: its myid, configuration and names, from where the running
// server has them, whatever the image.

/** The script's name as its process shows it: `sh -c <script> <this> <nonce>`. */
export const IDENTITY_MARKER = 'zk-ensemble-action-locate'

/**
 * A shell function: `value KEY FILE` prints what a configuration says for a key, the last one where
 * there are several.
 */
export const VALUE_OF = `value() { sed -n "s/^[[:space:]]*$1[[:space:]]*[=:][[:space:]]*//p" "$2" 2>/dev/null | tr -d '\\r' | tail -n 1 | sed 's/[[:space:]]*$//'; }`

/*
 * The server's process is the one with QuorumPeerMain or ZooKeeperServerMain as an argument of its
 * own; its last argument is the configuration.
 * A bare name of the class can't be this script's own process, where it stands amid a longer
 * argument. Lines with a password in them stay in the member.
 */
const SCRIPT = `nonce=$1
section() { printf '\\n--- %s %s\\n' "$nonce" "$1"; }
${VALUE_OF}
conf= cwd=
for p in /proc/[0-9]*; do
  args=$(tr '\\000' '\\n' 2>/dev/null <"$p/cmdline") || continue
  class=
  while IFS= read -r arg; do
    case $arg in *' '*) ;; org.apache.zookeeper.*Main) class=$arg ;; esac
    last=$arg
  done <<EOT
$args
EOT
  if [ -n "$class" ] && [ "$last" != "$class" ]; then conf=$last cwd=$p/cwd; break; fi
done
section found
printf '%s\\n' "$conf"
case $conf in ''|/*) ;; *) conf=$cwd/$conf ;; esac
if [ -n "$conf" ]; then
  if [ -r "$conf" ]; then section config; grep -iv password "$conf"; fi
  dynamic=$(value dynamicConfigFile "$conf")
  if [ -n "$dynamic" ] && [ -r "$dynamic" ]; then section dynamic; cat "$dynamic"; fi
  data=$(value dataDir "$conf")
  if [ -r "$data/myid" ]; then section myid; cat "$data/myid"; fi
  section user
  sed -n 's/^Uid:[[:space:]]*[0-9]*[[:space:]]*\\([0-9]*\\).*/\\1/p' "$p/status" 2>/dev/null
  set -- $(ls -ldn "$data/" 2>/dev/null)
  section data
  printf '%s %s:%s\\n' "$1" "$3" "$4"
fi
host=$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)
section host
printf '%s\\n' "$host"
section fqdn
hostname -f 2>/dev/null || sed -n "s/^[0-9a-fA-F.:]*[[:space:]][[:space:]]*\\([^[:space:]]*\\.[^[:space:]]*\\)[[:space:]].*\\b$host\\b.*/\\1/p" /etc/hosts | head -n 1
section end
`

/**
 * The command to run in the server's container; `nonce` separates what it prints from what the
 * files hold.
 */
export function identityCommand(nonce: string): readonly [string, ...string[]] {
  return ['sh', '-c', SCRIPT, IDENTITY_MARKER, nonce]
}

export interface IdentityTexts {
  /** Path that the running server was given; undefined when no server runs in this container. */
  readonly configPath: string | undefined
  /** Text of the configuration; undefined when it can't be read. */
  readonly config: string | undefined
  readonly dynamic: string | undefined
  /** As it stands in the file, trimmed. */
  readonly myid: string | undefined
  readonly host: string | undefined
  readonly fqdn: string | undefined
  /** Effective uid of the server's process. */
  readonly uid: number | undefined
  /** Mode and owner of the data directory, `drwxr-sr-x 1000:1000`. */
  readonly data: string | undefined
}

/** Undefined when the script didn't run to its end. */
export function parseIdentity(stdout: string, nonce: string): IdentityTexts | undefined {
  const sections = new Map<string, string>()
  const separator = `--- ${nonce} `
  let name: string | undefined
  let lines: string[] = []
  for (const line of stdout.split('\n')) {
    if (!line.startsWith(separator)) {
      lines.push(line)
      continue
    }
    if (name !== undefined) sections.set(name, lines.join('\n'))
    name = line.slice(separator.length).trim()
    lines = []
  }
  if (name !== 'end') return undefined
  const trimmed = (key: string): string | undefined => sections.get(key)?.trim() || undefined
  return {
    configPath: trimmed('found'),
    config: sections.get('config'),
    dynamic: sections.get('dynamic'),
    myid: trimmed('myid'),
    host: trimmed('host'),
    fqdn: trimmed('fqdn'),
    uid: uidIn(trimmed('user')),
    data: ownerIn(trimmed('data')),
  }
}

function uidIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** Mode, user and group; what `ls` adds behind the mode (`+`, `.`) says nothing here. */
function ownerIn(text: string | undefined): string | undefined {
  const found = /^(d[rwxsStT-]{9})[+.@]? (\d{1,10}:\d{1,10})$/.exec(text ?? '')
  return found === null ? undefined : `${found[1] ?? ''} ${found[2] ?? ''}`
}
