// The addresses behind a service, as its EndpointSlices list them.

export interface EndpointsView {
  readonly service: string
  /** Names of the pods behind the service that are published as ready. */
  readonly readyPods: readonly string[]
}
