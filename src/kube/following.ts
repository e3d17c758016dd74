// Several followed lists as one: ready with the last of them, failing with the first that can't be
// followed, ended together.

import type { Clock } from '../clock.ts'
import type { Kube } from './kube.ts'
import { Subject } from './subject.ts'
import type { SubjectOptions } from './subject.ts'
import { createWaker } from './waker.ts'
import type { Waker } from './waker.ts'

type Followed<View> = Omit<SubjectOptions<View>, 'kube' | 'clock' | 'signal' | 'onChange'>

export class Following {
  readonly #kube: Kube
  readonly #clock: Clock
  readonly #ending = new AbortController()
  readonly #until: AbortSignal
  readonly #waker: Waker
  readonly #subjects: Subject<unknown>[] = []

  constructor(kube: Kube, clock: Clock, signal: AbortSignal) {
    this.#kube = kube
    this.#clock = clock
    this.#until = AbortSignal.any([signal, this.#ending.signal])
    this.#waker = createWaker(clock, this.#until)
  }

  /** Follows one more list, from now on. */
  add<View>(followed: Followed<View>): Subject<View> {
    const subject = new Subject<View>({
      ...followed,
      kube: this.#kube,
      clock: this.#clock,
      signal: this.#until,
      onChange: () => this.#waker.wake(),
    })
    this.#subjects.push(subject)
    return subject
  }

  async ready(): Promise<void> {
    await Promise.all(this.#subjects.map((subject) => subject.listed))
    this.#complain()
    this.#until.throwIfAborted()
  }

  /** What is known now is being looked at. Throws where it can't be followed any more. */
  looked(): void {
    this.#complain()
    this.#waker.looked()
  }

  async changed(timeoutMs: number): Promise<void> {
    this.#complain()
    await this.#waker.changed(timeoutMs)
    this.#complain()
  }

  wake(): void {
    this.#waker.wake()
  }

  notes(): readonly string[] {
    return this.#subjects.flatMap((subject) => subject.note() ?? [])
  }

  async stop(why: Error): Promise<void> {
    this.#ending.abort(why)
    await Promise.all(this.#subjects.map((subject) => subject.ended))
  }

  #complain(): void {
    for (const subject of this.#subjects) {
      const fatal = subject.fatal()
      if (fatal !== undefined) throw fatal
    }
  }
}
