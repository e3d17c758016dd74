// Objects of another tool's life cycle, such as Helm's hooks and tests or Argo CD's hooks: what
// that tool would run at a certain moment is left out, and named.

import type { Finding } from '../errors.ts'
import type { Manifest } from './manifest.ts'

/** Annotations that bind an object to a moment; their presence is the sign, whatever they say. */
const HOOKS: readonly {
  readonly annotation: string
  readonly tool: string
  readonly what: string
}[] = [
  { annotation: 'helm.sh/hook', tool: 'Helm', what: 'hook' },
  { annotation: 'argocd.argoproj.io/hook', tool: 'Argo CD', what: 'hook' },
  { annotation: 'werf.io/deploy-on', tool: 'werf', what: 'hook' },
]

export interface WithoutHooks {
  readonly manifests: readonly Manifest[]
  readonly findings: readonly Finding[]
}

/**
 * Helm takes several hooks in one annotation (`pre-install,post-upgrade`); a test is a hook as
 * well.
 */
export function withoutHooks(manifests: readonly Manifest[]): WithoutHooks {
  const findings = manifests.flatMap((manifest) => noticeOf(manifest) ?? [])
  return { manifests: manifests.filter((manifest) => hookOf(manifest) === undefined), findings }
}

function hookOf({ object }: Manifest):
  | {
      readonly annotation: string
      readonly tool: string
      readonly what: string
      readonly when: string
    }
  | undefined {
  const { annotations = {} } = object.metadata
  for (const hook of HOOKS) {
    const when = annotations[hook.annotation]
    if (when !== undefined && when !== '') return { ...hook, when }
  }
  return undefined
}

function noticeOf(manifest: Manifest): Finding | undefined {
  const hook = hookOf(manifest)
  if (hook === undefined) return undefined
  const { kind, metadata } = manifest.object
  const what = hook.when.startsWith('test') ? 'test' : hook.what
  return {
    code: 'MANIFEST_INVALID',
    severity: 'notice',
    object: `${kind.toLowerCase()}/${metadata.name}`,
    place: manifest.placeOf(['metadata', 'annotations', hook.annotation]),
    message: `${kind} ${metadata.name} is a ${what} of ${hook.tool} (${hook.annotation}: ${hook.when}) and is left out: only ${hook.tool} knows when it is to run`,
    fix: `nothing is to be done; where the ensemble needs it, apply it in a step before this one`,
  }
}
