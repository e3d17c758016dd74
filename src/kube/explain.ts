// An answer of the API as one finding for a person: whose fault, what to change. Told apart as the
// API server words it (k8s.io/apiserver, k8s.io/apimachinery).

import type { Code } from '../codes.ts'
import type { Finding, WayAround } from '../errors.ts'
import { immutableFault } from './immutable.ts'
import { tlsFault, type TlsFaultKind } from '../tls-fault.ts'
import { BLOCKED, BLOCKED_FIX, type KubeFailure } from './failure.ts'
import { codeOf, messageOf } from './node-error.ts'
import { ProxyFault, proxyWords } from './proxy-fault.ts'
import type { Access } from './kube.ts'
import { roleFor } from './rules.ts'
import { NO_STATUS } from './status.ts'

export function explainFailure(failure: KubeFailure): Finding {
  return {
    severity: 'error',
    ...(unanswered(failure) ?? admission(failure) ?? byWords(failure) ?? byStatus(failure)),
  }
}

interface Found {
  readonly code: Code
  readonly message: string
  readonly fix?: string
  readonly orSet?: WayAround
}

function unanswered(failure: KubeFailure): Found | undefined {
  if (failure.status !== 0) return undefined
  switch (failure.reason) {
    case 'Credentials':
      return {
        code: 'CLUSTER_UNREACHABLE',
        message: failure.message,
        fix: 'Log in to the cluster in a step before this one, or correct the user of the kubeconfig.',
      }
    case 'Unparsable':
      return {
        code: 'CLUSTER_UNREACHABLE',
        message: `${failure.message} (${failure.request})`,
        fix: 'Check the server address of the kubeconfig.',
      }
    case 'InternalError':
      return {
        code: 'CHECK_IMPOSSIBLE',
        message: `could not ${failure.request}: ${failure.message}`,
      }
    default:
      if (failure.reason === BLOCKED)
        return {
          code: 'CHECK_IMPOSSIBLE',
          message: `could not ${failure.request}: ${failure.message}`,
          fix: BLOCKED_FIX,
        }
      if (/^(exec|forward) /.test(failure.request))
        return {
          code: 'CHECK_IMPOSSIBLE',
          message: `could not ${failure.request}: ${failure.message}`,
        }
      return {
        code: 'CLUSTER_UNREACHABLE',
        message: failure.message,
        fix:
          proxyFix(failure) ??
          tlsFix(failure) ??
          'Check the server address of the kubeconfig, and that this runner may reach it (VPN, firewall, proxy, an allow-list of addresses).',
      }
  }
}

const TLS_FIXES: Readonly<Record<TlsFaultKind, string>> = {
  time: "Renew the server's certificate, or correct the clock of this runner.",
  name: "Write a name that the certificate is for into the kubeconfig's server, or set tls-server-name there.",
  revoked: "Renew the server's certificate.",
  untrusted:
    'Correct certificate-authority-data in the kubeconfig: it holds the authority of the cluster; where a proxy opens TLS connections, that of the proxy too.',
  unreadable:
    'Correct client-certificate and client-key in the kubeconfig (PEM; in the -data fields as base64).',
  'not-tls':
    'Check the server address of the kubeconfig: what listens at this port speaks plain http, or is something else than an API server.',
  version: 'Update the server, or what stands before it.',
  client:
    'Correct client-certificate and client-key in the kubeconfig: the server does not know this one, or gets none.',
  other:
    'Check the server address of the kubeconfig, and what stands on the way (a proxy that opens TLS connections).',
}

function tlsFix({ cause }: KubeFailure): string | undefined {
  const fault = tlsFault(codeOf(cause), messageOf(cause))
  return fault === undefined ? undefined : TLS_FIXES[fault.kind]
}

function proxyFix({ cause }: KubeFailure): string | undefined {
  return cause instanceof ProxyFault ? proxyWords(cause).fix : undefined
}

interface Refusal {
  readonly said: RegExp
  /** By what the expression found. */
  readonly what: (first: string, second: string | undefined) => string
  readonly fix: string
}

/** Refusals by quota, limits, policies and webhooks, by their words; the first that fits counts. */
const REFUSALS: readonly Refusal[] = [
  {
    said: /admission webhook "([^"]+)" denied the request(?: without explanation|: (.*))?/,
    what: (name, why) =>
      `the admission webhook ${name} refused it${why === undefined ? '' : `: ${why}`}`,
    fix: 'Change the object so that the policy allows it, or ask whoever runs the webhook.',
  },
  {
    said: /failed calling webhook "([^"]+)"/,
    what: (name) => `the admission webhook ${name} gave no answer`,
    fix: 'Ask whoever runs the webhook: while it is down the cluster accepts no such object.',
  },
  {
    said: /ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request: (.*)/,
    what: (name, why) => `the admission policy ${name} refused it: ${why ?? ''}`,
    fix: 'Change the object so that the policy allows it.',
  },
  {
    said: /failed quota: (.*)/,
    what: (why) =>
      `a quota of the namespace requires that each container states what it takes: ${why}`,
    fix: 'Set these requests and limits, or have a LimitRange with defaults made in the namespace.',
  },
  {
    said: /exceeded quota: (.*)/,
    what: (why) => `the quota of the namespace is used up: ${why}`,
    fix: 'Ask for less, free something, or have the quota raised.',
  },
  {
    said: /violates PodSecurity "([^"]+)": (.*)/,
    what: (name, why) => `the namespace enforces the pod security standard ${name}: ${why ?? ''}`,
    fix: 'Set the securityContext that the standard asks for.',
  },
  {
    said: /is forbidden: \[?((?:maximum|minimum) \w+ usage per .*?)\]?$/,
    what: (why) => `the limit range of the namespace refused it: ${why}`,
    fix: 'Set requests and limits within the range.',
  },
]

/** A refusal by admission, whatever its status. */
function admission({ message, request }: KubeFailure): Found | undefined {
  for (const { said, what, fix } of REFUSALS) {
    const match = said.exec(message)
    if (match === null) continue
    const words = what(match[1] ?? '', match[2])
    return { code: 'CREATE_REJECTED', message: `could not ${request}: ${words}`, fix }
  }
  return undefined
}

/** What the server says beside the status: a cause, or words that have one meaning only. */
function byWords({ message, request, causes }: KubeFailure): Found | undefined {
  if (causes.some((cause) => cause.reason === 'NamespaceTerminating'))
    return {
      code: 'NOT_FOUND',
      message: `could not ${request}: the namespace is being deleted`,
      fix: 'Wait until it is gone, then run again, or name another namespace.',
    }
  if (causes.some((cause) => cause.reason === 'DisruptionBudget')) {
    const arithmetic = causes
      .map((cause) => cause.message)
      .filter((line) => line !== '')
      .join('; ')
    return {
      code: 'DRAIN_BLOCKED',
      message: `could not ${request}: ${arithmetic === '' ? 'its disruption budget does not allow it now' : arithmetic}`,
    }
  }
  if (message.includes('more than one PodDisruptionBudget'))
    return {
      code: 'DRAIN_REFUSED',
      message: `could not ${request}: more than one budget selects this pod`,
      fix: 'Leave one PodDisruptionBudget whose selector matches the pod.',
    }
  if (message.includes('failed to create typed patch object'))
    return {
      code: 'MANIFEST_INVALID',
      message: `could not ${request}: ${message.replace(/^failed to create typed patch object \([^)]*\): /, '')}`,
      fix: 'Correct the field named above.',
    }
  return undefined
}

function byStatus(failure: KubeFailure): Found {
  const { status, message, request } = failure
  switch (status) {
    case 400:
    case 413:
      return badRequest(failure)
    case 401:
      return {
        code: 'ACCESS_DENIED',
        message: 'the API server does not accept the credentials',
        fix: 'Renew the credentials in a step before this one; for a long run use a token that outlives it.',
      }
    case 403:
      return forbidden(failure)
    case 404:
      return notFound(failure)
    case 409:
      return conflict(failure)
    case 422:
      return invalid(failure)
    case 429:
      return {
        code: 'CLUSTER_UNREACHABLE',
        message: `could not ${request}: the API server is overloaded (429)`,
        fix: 'Run again later.',
      }
    default:
      return {
        code: 'CLUSTER_UNREACHABLE',
        message: `could not ${request}: ${message}`,
        fix: 'Look at the health of the API server; run again later.',
      }
  }
}

function badRequest({ status, message, request }: KubeFailure): Found {
  return status === 400 && message.endsWith(NO_STATUS)
    ? {
        code: 'CLUSTER_UNREACHABLE',
        message: `could not ${request}: ${message}`,
        fix: 'Check the server address of the kubeconfig: a port that speaks TLS is asked by https, and what answers may be something else than a Kubernetes API server.',
      }
    : {
        code: 'MANIFEST_INVALID',
        message: `could not ${request}: ${message}`,
        fix: 'Correct the object.',
      }
}

function notFound({ reason, message, request }: KubeFailure): Found {
  if (reason === 'UnknownKind')
    return {
      code: 'MANIFEST_INVALID',
      message,
      fix: 'Correct apiVersion and kind, or install the CustomResourceDefinition first.',
    }
  return message.startsWith('namespaces "')
    ? {
        code: 'NOT_FOUND',
        message: `could not ${request}: there is no namespace ${/"([^"]*)"/.exec(message)?.[1] ?? ''}`,
        fix: 'Create it.',
        orSet: { input: 'create-namespace', value: 'true' },
      }
    : { code: 'NOT_FOUND', message: `could not ${request}: ${message}` }
}

function forbidden(failure: KubeFailure): Found {
  const { message, request } = failure
  const access = deniedAccess(message) ?? streamAccess(request)
  if (access === undefined)
    return { code: 'ACCESS_DENIED', message: `could not ${request}: ${message}` }
  const user = /User "([^"]+)"/.exec(message)?.[1] ?? 'the user of this kubeconfig'
  const plural = access.group === '' ? access.resource : `${access.resource}.${access.group}`
  const where =
    access.namespace === undefined ? 'in the whole cluster' : `in namespace ${access.namespace}`
  return {
    code: 'ACCESS_DENIED',
    message: `${user} may not ${access.verb} ${plural} ${where}`,
    fix: `Add this rule for ${user}:\n${roleFor(withBothVerbs(access))}`,
  }
}

/** The right that an RBAC refusal names; undefined for refusals of another kind. */
function deniedAccess(message: string): Access | undefined {
  const match =
    /cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/.exec(
      message,
    )
  const [, verb, resource, group, namespace] = match ?? []
  if (verb === undefined || resource === undefined || group === undefined) return undefined
  return { verb, resource, group, namespace }
}

/** Of an exec or a port-forward that a newer server refuses without naming the right. */
function streamAccess(request: string): Access | undefined {
  const [, what, namespace] = /^(exec|forward) .* in namespace (\S+)$/.exec(request) ?? []
  return what === undefined
    ? undefined
    : {
        verb: 'create',
        group: '',
        resource: what === 'exec' ? 'pods/exec' : 'pods/portforward',
        namespace,
      }
}

/**
 * Opening exec and port-forward by WebSocket needs get, and from Kubernetes 1.35 on create as well.
 */
function withBothVerbs(access: Access): readonly Access[] {
  return access.resource === 'pods/exec' || access.resource === 'pods/portforward'
    ? [
        { ...access, verb: 'get' },
        { ...access, verb: 'create' },
      ]
    : [access]
}

function conflict(failure: KubeFailure): Found {
  const { request, message, reason } = failure
  const fields = failure.conflictingManagers.map((cause) => ({
    manager: /conflict with "([^"]+)"/.exec(cause.message)?.[1] ?? 'another manager',
    field: cause.field,
  }))
  if (fields.length > 0) {
    const managers = [...new Set(fields.map((entry) => entry.manager))]
    const owned = managers.map(
      (manager) =>
        `${fields
          .filter((entry) => entry.manager === manager)
          .map((entry) => entry.field)
          .join(', ')} (owned by ${manager})`,
    )
    return {
      code: 'CONFLICT',
      message: `could not ${request}: other field managers own ${owned.join('; ')}`,
      fix: 'Leave these fields out of the manifest.',
      orSet: {
        input: 'force-conflicts',
        value: 'true',
        why: `to take them from ${managers.join(' and ')}`,
      },
    }
  }
  if (reason === 'AlreadyExists')
    return {
      code: 'CONFLICT',
      message: `could not ${request}: it exists already`,
      fix: 'Run again: it continues from what is there.',
    }
  if (/UID in (?:the )?precondition|uid mismatch/.test(message))
    return {
      code: 'CONFLICT',
      message: `could not ${request}: it was replaced by another of the same name meanwhile`,
      fix: 'Run again: it continues from what is there.',
    }
  return {
    code: 'CONFLICT',
    message: `could not ${request}: somebody else changed it meanwhile`,
    fix: 'Run again: it continues from what is there.',
  }
}

function invalid(failure: KubeFailure): Found {
  const { message, request, causes } = failure
  const immutable = immutableFault(failure)
  if (immutable !== undefined) return immutable
  const what =
    causes.length === 0
      ? message
      : causes.map((cause) => `${cause.field}: ${cause.message}`).join('; ')
  return {
    code: 'MANIFEST_INVALID',
    message: `could not ${request}: ${what}`,
    fix: 'Correct the fields named above.',
  }
}
