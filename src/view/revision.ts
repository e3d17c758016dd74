// One entry of a StatefulSet's history, as its ControllerRevision keeps it. Times are milliseconds
// since the epoch.

export interface RevisionView {
  /** The name stays when the controller renumbers a revision that is restored. */
  readonly name: string
  readonly uid: string
  /** The highest is the newest; 0 where the API leaves it out. */
  readonly revision: number
  /** When it was first made; a revision that is restored keeps this time. */
  readonly created: number | undefined
  /**
   * Annotation `kubernetes.io/change-cause` as it stood on the set when the revision was made;
   * empty for none.
   */
  readonly changeCause: string
  /** UID of the object that controls it. */
  readonly owner: string | undefined
  /**
   * The pod template that the stored patch holds (`spec.template`, without its `$patch`); undefined
   * for a revision of another shape.
   */
  readonly template: Readonly<Record<string, unknown>> | undefined
}
