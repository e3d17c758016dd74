// What the lint could not look at: said once, so that nobody takes its silence for a good word.

import { imageFamily } from './images.ts'
import { inContainer, warning, type Rule } from './rule.ts'

/** Only when the cluster was asked as well: until then it is open and not unseen. */
export const unseen: Rule = (subject) => {
  const { set, profile, config, cluster, settings, container } = subject
  if (profile !== 'zookeeper' || cluster === undefined || config.unseen.length === 0) return []
  const what = [...new Set(config.unseen)].join(', ')
  const left =
    config.from === 'unknown'
      ? 'member list, ids and directories were not checked'
      : 'what it may change in member list, ids and directories was not checked'
  const path =
    settings.openEnv.length > 0 && settings.unread.length === 0
      ? 'envFrom'
      : container.command.length > 0
        ? 'command'
        : 'image'
  const fix =
    imageFamily(subject) === 'other'
      ? 'nothing, if the image knows its members; verify asks them when they run'
      : 'nothing, if it is right; verify asks the members when they run'
  return [
    warning(
      set.manifest,
      inContainer(subject, path),
      `the lint could not look at ${what}: ${left}`,
      fix,
    ),
  ]
}
