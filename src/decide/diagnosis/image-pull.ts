// What counts as an image that can't be pulled (IMAGE_PULL), and for how long it may: a wrong name
// or a refusal is final soon, a registry that doesn't answer gets a minute.

import { gist, isAbout, isNew, place, type MemberCase, type Symptom } from './symptom.ts'

/** The kubelet's reasons for a container that waits for an image which it can't have. */
const CANT_BE_PULLED: ReadonlySet<string> = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImagePullBackOff',
  'ImageInspectError',
  'RegistryUnavailable',
  'SignatureValidationFailed',
  'ErrImageNeverPull',
  'InvalidImageName',
])
/** Final at once: no registry was asked, so none can come back. */
const AT_ONCE = new Set(['InvalidImageName', 'ErrImageNeverPull'])
/**
 * The registry or the way to it, which may be back in a moment: it gets the long grace, and speaks
 * never against the revision, whatever else the text says.
 */
const OVERLOADED =
  /toomanyrequests|too many requests|\b429\b|rate limit|timeout|timed out|deadline exceeded|connection (?:refused|reset)|no route to host|network is unreachable|unexpected EOF|\bEOF$|\b50[0-4]\b|service unavailable|bad gateway|context canceled|no space left/i
/** The long grace as well; but the host in the image name may be wrong, which a revision brings. */
const NAME_UNRESOLVED = /no such host|server misbehaving/i
/**
 * Answers of a registry that is up: the name, the tag or the right to it is wrong. They get the
 * short grace, unless the text has one of the above too.
 */
const REFUSED =
  /not found|manifest unknown|name unknown|does not exist|denied|unauthorized|authentication required|no basic auth credentials|forbidden|insufficient_scope|no match for platform|invalid reference|unsupported|signature/i

const SHORT_GRACE_MS = 10_000
const LONG_GRACE_MS = 60_000

export function imagePullSymptoms(member: MemberCase): readonly Symptom[] {
  const { pod, set, events } = member
  return [...pod.initContainers, ...pod.containers].flatMap((container): Symptom[] => {
    const { state } = container
    if (state.kind !== 'waiting' || !CANT_BE_PULLED.has(state.reason)) return []
    // Older kubelets say in the back-off only that they wait; the cause is in the event then.
    const event = events.findLast(
      (one) => isAbout(one, container.name) && one.message.startsWith('Failed to pull image'),
    )
    const told = gist(state.message)
    const cause =
      told === '' || told.startsWith('Back-off pulling image')
        ? gist(event?.message ?? state.reason)
        : told
    return [
      {
        key: `image/${pod.uid}/${container.name}`,
        code: 'IMAGE_PULL',
        ordinal: member.ordinal,
        object: `pod/${pod.name}`,
        container: container.name,
        reason: state.reason,
        message: `${place(pod, container.name)}: ${wording(state.reason, container.image)}: ${withoutImage(cause, container.image)}`,
        ...fixFor(cause, state.reason, pod.node),
        graceMs: graceFor(state.reason, cause),
        againstRevision: isNew(set, pod) && !OVERLOADED.test(cause),
        explains: true,
      },
    ]
  })
}

/** How long it may last: until a registry that is out of reach has had time to come back. */
function graceFor(reason: string, cause: string): number {
  if (AT_ONCE.has(reason)) return 0
  const outOfReach = OVERLOADED.test(cause) || NAME_UNRESOLVED.test(cause)
  return !outOfReach && REFUSED.test(cause) ? SHORT_GRACE_MS : LONG_GRACE_MS
}

/** Most runtimes begin with the image, which has been named. */
function withoutImage(cause: string, image: string): string {
  return cause.startsWith(`${image}: `) ? cause.slice(image.length + 2) : cause
}

function wording(reason: string, image: string): string {
  switch (reason) {
    case 'InvalidImageName':
      return 'the image name is not valid'
    case 'ErrImageNeverPull':
      return `image ${image} is not on the node and imagePullPolicy is Never`
    default:
      return `image ${image} can't be pulled (${reason})`
  }
}

function fixFor(
  cause: string,
  reason: string,
  node: string | undefined,
): { readonly fix?: string } {
  if (reason === 'ErrImageNeverPull')
    return { fix: `Put the image on ${node ?? 'the node'}, or set imagePullPolicy: IfNotPresent.` }
  if (/no match for platform/i.test(cause))
    return { fix: "Use an image that is built for the nodes' processor architecture." }
  if (/toomanyrequests|too many requests|\b429\b|rate limit/i.test(cause))
    return {
      fix: 'The registry limits pulls: give the ServiceAccount an imagePullSecret, or pull through a mirror.',
    }
  if (NAME_UNRESOLVED.test(cause) || OVERLOADED.test(cause))
    return { fix: 'Check the registry host in the image name, and that the nodes can reach it.' }
  return {}
}
