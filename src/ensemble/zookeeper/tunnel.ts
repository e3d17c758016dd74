// A byte stream to a member's client port from inside its container, at the address that its
// configuration names: what bash or nc can do, and no more.

import type { Duplex } from 'node:stream'
import type { Member, Reach } from '../profile.ts'
import { VALUE_OF } from './read-identity.ts'

/** The script's name as its process shows it: `sh -c <script> <this> <port> [<place>]`. */
export const TUNNEL_MARKER = 'zk-ensemble-action-tunnel'
/** The first line that it says once it is connected: this, and host/port. */
export const CONNECTED = 'connected'
/** How the script ends where it made no connection. */
const EXIT = { closed: 1, tlsOnly: 3, listens: 4, noTool: 127 } as const

/*
 * A place that worked before comes first, and costs next to nothing. Then, in this order: the
 * loopback address, the pod's own, what the configuration of the running server
 * says (clientPortAddress, or behind the semicolon of its own server line), and every address at
 * which the kernel shows a listener on one of these ports. Where it shows
 * none, and no configuration is left unread, nothing listens: that is proven; a listener that takes
 * no connection proves nothing. When our side ends, so does the standard
 * input, and with it all of this; so it does when the server ends. Every process is waited for by
 * its parent: the first process of a container, which would get those that
 * are left, is mostly a server that waits for none. Bytes are passed on by dd: the cat of busybox
 * sends a socket's bytes with sendfile, which waits for them with the
 * pipe to us locked, and what was written into it before is stuck. The standard error stays open:
 * containerd ends the standard input once that is closed.
 */
const SCRIPT = `port=$1
NEXT=99
dial='failed=$1
shift
exec 4<&0
for at; do
  if { exec 3<>"/dev/tcp/\${at%/*}/\${at##*/}"; } 2>/dev/null; then
    printf "${CONNECTED} %s\\n" "$at"
    dd bs=65536 <&3 2>/dev/null &
    out=$!
    dd bs=65536 <&4 >&3 2>/dev/null &
    in=$!
    exec 3>&- 4<&-
    if [ "\${BASH_VERSINFO[0]}" -gt 4 ]; then wait -n
    else while kill -0 $out 2>/dev/null && kill -0 $in 2>/dev/null; do sleep 1; done; fi
    kill $out $in 2>/dev/null
    wait
    exit 0
  fi
done
exit "$failed"'
program=
if command -v bash >/dev/null 2>&1; then program=bash
elif command -v nc >/dev/null 2>&1; then program=nc
else exit ${EXIT.noTool}; fi
by_nc() {
  for at; do
    if nc -w 3 "\${at%/*}" "\${at##*/}" </dev/null >/dev/null 2>&1; then
      printf '${CONNECTED} %s\\n' "$at"
      exec nc "\${at%/*}" "\${at##*/}"
    fi
  done
}
if [ -n "$2" ]; then
  case $program in
    bash) bash -c "$dial" bash $NEXT "$2"; code=$?; if [ $code -ne $NEXT ]; then exit $code; fi ;;
    nc) by_nc "$2" ;;
  esac
fi
name=$(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)
${VALUE_OF}
server= conf=
for p in /proc/[0-9]*; do
  args=$({ tr '\\000' '\\n' <"$p/cmdline"; } 2>/dev/null) || continue
  printf '%s\\n' "$args" | grep -q '^org\\.apache\\.zookeeper\\.[^ ]*Main$' || continue
  server=yes
  conf=$(printf '%s\\n' "$args" | tail -n 1)
  case $conf in /*) ;; *) conf=$p/cwd/$conf ;; esac
  if [ -f "$conf" ]; then break; fi
done
set -f
ports= places= plain= secure=
place() { places="$places $1/$2"; }
both() {
  case $1 in ''|*[!0-9]*) return ;; esac
  ports="$ports $1"
  place 127.0.0.1 "$1"
  place "$name" "$1"
}
both "$port"
if [ -f "$conf" ] && [ -r "$conf" ]; then
  own=$(value clientPort "$conf") address=$(value clientPortAddress "$conf") secure=$(value secureClientPort "$conf") dynamic=$(value dynamicConfigFile "$conf") data=$(value dataDir "$conf")
  plain=$own
  if [ "$own" != "$port" ]; then both "$own"; fi
  if [ -n "$address" ]; then place "$address" "\${own:-$port}"; fi
  id=$(cat "$data/myid" 2>/dev/null)
  for client in $(sed -n "s/^[[:space:]]*server\\.$id[[:space:]]*=.*;[[:space:]]*//p" "$conf" "$dynamic" 2>/dev/null | tr -d '\\r'); do
    plain=$client
    if [ "\${client##*:}" != "$port" ]; then both "\${client##*:}"; fi
    case $client in *:*) place "\${client%:*}" "\${client##*:}" ;; esac
  done
fi
found=
for at in $ports; do
  for hex in $(sed -n "s/^ *[0-9]*: \\([0-9A-F]*\\):$(printf %04X "$at") [0-9A-F]*:[0-9A-F]* 0A .*/\\1/p" /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    sed 's/^0000000000000000FFFF0000//; s/\\(..\\)\\(..\\)\\(..\\)\\(..\\)/\\4\\3\\2\\1/g'); do
    found=yes
    case \${#hex} in
      8) place "$(printf '%d.%d.%d.%d' $(printf %s "$hex" | sed 's/../0x& /g'))" "$at" ;;
      32) place "$(printf %s "$hex" | sed 's/..../&:/g; s/:$//')" "$at" ;;
    esac
  done
done
places=$(printf %s "$places" | tr -d '[]')
end=${EXIT.listens}
if [ -z "$found" ]; then
  if [ -n "$secure" ] && [ -z "$plain" ]; then end=${EXIT.tlsOnly}
  elif [ -r /proc/net/tcp ] && { [ -z "$server" ] || [ -r "$conf" ]; }; then end=${EXIT.closed}; fi
fi
if [ $program = bash ]; then exec bash -c "$dial" bash "$end" $places; fi
by_nc $places
exit "$end"
`

/** `place`: where an earlier one connected to, as `openTunnel` told. */
export function tunnelCommand(port: number, place?: string): readonly [string, ...string[]] {
  return ['sh', '-c', SCRIPT, TUNNEL_MARKER, String(port), ...(place === undefined ? [] : [place])]
}

export interface InnerStream {
  readonly stream: Duplex
  /** Host and port that it is connected to, for the next time. */
  readonly place: string
}

/**
 * Asked from inside its container: the kernel shows no listener on any port that its server may
 * have for clients.
 */
export class NothingListens extends Error {
  constructor(port: number) {
    super(`nothing listens on its client port ${port}, asked from inside its container`)
    this.name = 'NothingListens'
  }
}

/** The configuration of the running server has a client port for TLS, and no plain one. */
export class TlsOnly extends Error {}

/** What is run in the container could not connect for want of a tool, or was not what ran. */
export class NoTunnel extends Error {}

/**
 * Rejects with NothingListens, which proves that it does not serve, with TlsOnly, with NoTunnel,
 * and with a KubeFailure.
 */
export async function openTunnel(
  member: Member,
  port: number,
  place: string | undefined,
  reach: Pick<Reach, 'tunnel'>,
  signal: AbortSignal,
): Promise<InnerStream> {
  const through = await reach.tunnel(member, tunnelCommand(port, place), signal)
  if (through.kind === 'open') {
    if (through.line.startsWith(`${CONNECTED} `))
      return { stream: through.stream, place: through.line.slice(CONNECTED.length + 1).trim() }
    through.stream.destroy()
    throw new NoTunnel('its container answers with something else than what was run in it')
  }
  switch (through.exitCode) {
    case EXIT.closed:
      throw new NothingListens(port)
    case EXIT.tlsOnly:
      throw new TlsOnly('its configuration has a client port for TLS alone')
    case EXIT.listens:
      throw new NoTunnel(
        'it seems to listen on its client port, but no connection to it could be made from inside its container',
      )
    case EXIT.noTool:
      throw new NoTunnel('neither bash nor nc is in its container')
    default:
      throw new NoTunnel(`what was run in its container ended with exit code ${through.exitCode}`)
  }
}
