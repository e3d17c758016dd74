// A manifest: one object of the user's, with the place it came from, so that every finding can name
// its line.

import type { Place } from '../errors.ts'
import type { KubeObject } from '../kube/kube.ts'

export interface Manifest {
  readonly object: KubeObject
  /**
   * Where the object begins. A file's path is relative to the workspace; for the built-in ensemble
   * and kustomizations it says so in words.
   */
  readonly place: Place
  /**
   * The place of a field, such as `['spec', 'replicas']`; the nearest enclosing place when the
   * field itself isn't written.
   */
  placeOf(path: readonly (string | number)[]): Place
}
