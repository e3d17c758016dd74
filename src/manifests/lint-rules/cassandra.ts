// Cassandra's own traps: seeds that point into another namespace make every ring a ring of one.

import { inContainer, warning, type Rule } from './rule.ts'

export const seeds: Rule = (subject) => {
  const { set, settings, profile, namespace } = subject
  const setting = settings.env.get('CASSANDRA_SEEDS')
  if (profile !== 'cassandra' || namespace === undefined || setting?.value === undefined) return []
  const foreign = [...setting.value.matchAll(/\.([a-z0-9-]+)\.svc\b/g)].map((match) => match[1]).find((found) => found !== namespace)
  if (foreign === undefined) return []
  return [warning(set.manifest, inContainer(subject, ...setting.path), `CASSANDRA_SEEDS points into namespace ${foreign}, the members go to ${namespace}`, `write ${set.manifest.object.metadata.name}-0.${set.shape.spec.serviceName}, which is right in every namespace`)]
}
