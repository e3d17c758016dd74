// Whether clients that come through the service reach exactly the members that serve.

import type { Finding } from '../../errors.ts'
import type { EndpointsView } from '../../view/endpoints.ts'
import type { StandingCheck } from './placement-check.ts'

/** `serving`: pods whose server said that it serves. */
export function checkService(endpoints: EndpointsView, serving: readonly string[]): StandingCheck {
  const missing = serving.filter((pod) => !endpoints.readyPods.includes(pod))
  const wrong = endpoints.readyPods.filter((pod) => !serving.includes(pod))
  const object = `service/${endpoints.service}`
  const findings: Finding[] = []
  if (endpoints.readyPods.length === 0) {
    findings.push({
      code: 'CHECK_FAILED',
      severity: 'error',
      object,
      message: `the service ${endpoints.service} has no endpoint: clients reach nobody`,
      fix: 'Compare the selector of the service with the labels of the pods.',
    })
  } else {
    if (wrong.length > 0)
      findings.push({
        code: 'CHECK_FAILED',
        severity: 'error',
        object,
        message: `the service ${endpoints.service} sends clients to ${wrong.join(', ')}, which ${wrong.length === 1 ? 'is no serving member' : 'are no serving members'}`,
        fix: 'Make the selector of the service match the members only, and let the readiness probe ask for quorum.',
      })
    if (missing.length > 0)
      findings.push({
        code: 'CHECK_FAILED',
        severity: 'warning',
        object,
        message: `${missing.join(', ')} ${missing.length === 1 ? 'serves but is' : 'serve but are'} not behind the service ${endpoints.service}`,
        fix: 'Endpoints follow readiness within seconds; look at the readiness probe if this stays.',
      })
  }
  const outcome = findings.some((finding) => finding.severity === 'error')
    ? 'failed'
    : findings.length > 0
      ? 'warned'
      : 'passed'
  return {
    outcome,
    detail: `${endpoints.service} has ${serving.length - missing.length} of ${serving.length} serving members${wrong.length === 0 ? '' : `, and ${wrong.length} that ${wrong.length === 1 ? 'does' : 'do'} not serve`}`,
    findings,
  }
}
