// Whether the claims that members need can be had: which class they get, whether it is there, and
// whether something makes its volumes.

import type { OfferedVolume } from '../../view/scheduling.ts'
import type { ClaimView, StorageClassView } from '../../view/surroundings.ts'
import type { ClaimTemplate } from '../../view/workload.ts'
import { claimName } from '../diagnosis/claims.ts'
import type { PreflightFinding, PreflightInput, StorageFinding } from './finding.ts'
import { shortageFindings, volumesOf, volumesToMake, type OpenClaim } from './hand-made.ts'
import { claimsOf, leftOverFindings, reuseFindings } from './left-over-claims.ts'

const NO_PROVISIONER = 'kubernetes.io/no-provisioner'
/**
 * Provisioners that run only where their own tool has made the cluster; manifests copied from
 * tutorials name them elsewhere.
 */
const LOCAL_TOOLS: Readonly<Record<string, string>> = {
  'k8s.io/minikube-hostpath': 'minikube.k8s.io/name',
  'docker.io/hostpath': '',
}
/** In-tree names that are served by these CSI drivers today. */
const MIGRATED: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/azure-file': 'file.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/vsphere-volume': 'csi.vsphere.vmware.com',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
}

/**
 * A class that is not there, or gives no volumes by itself, asks for volumes made by hand; one of a
 * CSI driver that has given none yet asks for that driver.
 */
export function storageNeeds(
  classes: readonly StorageClassView[] | undefined,
  claims: readonly ClaimView[] | undefined,
  wanted: readonly (string | undefined)[],
): { readonly volumes: boolean; readonly drivers: boolean } {
  if (classes === undefined) return { volumes: false, drivers: false }
  const found = wanted.map((name) =>
    name === undefined
      ? classes.find((one) => one.isDefault)
      : classes.find((one) => one.name === name),
  )
  const byHand = (one: StorageClassView | undefined): boolean =>
    one === undefined || one.provisioner === NO_PROVISIONER
  const proven = (one: StorageClassView): boolean =>
    (claims ?? []).some((claim) => claim.phase === 'Bound' && claim.storageClass === one.name)
  return {
    volumes: found.some(byHand),
    drivers: found.some(
      (one) =>
        one !== undefined &&
        !byHand(one) &&
        !proven(one) &&
        /(?:^|\.)csi\.|^kubernetes\.io\//.test(one.provisioner),
    ),
  }
}

export function storageFindings(input: PreflightInput): readonly PreflightFinding[] {
  const { wanted } = input
  return [
    ...wanted.claimTemplates.flatMap((template, index) => [
      ...classFindings(input, template, index),
      ...leftOverFindings(input, template),
    ]),
    ...reuseFindings(input),
  ]
}

function classFindings(
  input: PreflightInput,
  template: ClaimTemplate,
  index: number,
): readonly PreflightFinding[] {
  const { classes, wanted } = input
  if (classes === undefined || openClaims(input, template).length === 0) return []
  return judgeClass(input, classes, template).map((found) => ({
    code: 'CLAIM_PENDING',
    object: `statefulset/${wanted.name}`,
    path: ['spec', 'volumeClaimTemplates', index, 'spec', 'storageClassName'],
    ...found,
  }))
}

function judgeClass(
  input: PreflightInput,
  classes: readonly StorageClassView[],
  template: ClaimTemplate,
): readonly StorageFinding[] {
  const found = classOf(input, classes, template)
  if (found === undefined || found.provisioner === NO_PROVISIONER) {
    // No object of its name is needed for volumes that were made by hand; without a name and a
    // default, or with an empty name, those without a class are meant.
    const volumes = volumesOf(input, found?.name ?? template.storageClass ?? '')
    if (volumes.length > 0)
      return handMadeFindings(input, template, { volumes, mayCome: found !== undefined })
  }
  if (found === undefined) return absentClass(input, classes, template)
  return [...severalDefaults(classes, template, found), ...provisionerDoubt(input, found)]
}

/** The default classes, the one that is taken first. */
function defaultsOf(classes: readonly StorageClassView[]): readonly StorageClassView[] {
  return classes
    .filter((one) => one.isDefault)
    .toSorted((a, b) => b.created - a.created || a.name.localeCompare(b.name))
}

/**
 * The class that claims of the template get. One that the manifests bring will be there by then:
 * whether it gives volumes is as doubtful as of any other.
 */
function classOf(
  { ownClasses }: PreflightInput,
  classes: readonly StorageClassView[],
  { storageClass }: ClaimTemplate,
): StorageClassView | undefined {
  if (storageClass === undefined)
    return defaultsOf(classes)[0] ?? ownClasses.find((one) => one.isDefault)
  return [...classes, ...ownClasses].find((one) => one.name === storageClass)
}

/** Templates of one class take from the same volumes: told once. */
function handMadeFindings(
  input: PreflightInput,
  template: ClaimTemplate,
  offer: { readonly volumes: readonly OfferedVolume[]; readonly mayCome: boolean },
): readonly StorageFinding[] {
  const alike = input.wanted.claimTemplates.filter(
    (one) => one.storageClass === template.storageClass,
  )
  if (alike[0] !== template) return []
  const claims = alike.flatMap((one) => openClaims(input, one))
  return shortageFindings(input, claims, offer)
}

function absentClass(
  input: PreflightInput,
  classes: readonly StorageClassView[],
  template: ClaimTemplate,
): readonly StorageFinding[] {
  const { name, storageClass } = template
  const there =
    classes.length === 0
      ? 'there is none'
      : `there are: ${classes.map((one) => `${one.name}${one.isDefault ? ' (default)' : ''}`).join(', ')}`
  const unseen = input.volumes === undefined
  if (storageClass === '')
    return unseen
      ? []
      : [
          {
            severity: 'error',
            message: `the claim template ${name} asks for volumes that were made by hand (storageClassName: ""), and there is none without a class`,
            fix: volumesToMake(openClaims(input, template)),
          },
        ]
  if (storageClass !== undefined && unseen)
    return [
      {
        severity: 'warning',
        message: `storage class "${storageClass}" of the claim template ${name} is not there, and whether volumes were made by hand for it could not be looked at (list persistentvolumes); ${there}`,
        fix: 'Name a class of this cluster, or make sure that a PersistentVolume with this storageClassName is available for each member.',
      },
    ]
  return [
    {
      severity: 'error',
      message:
        storageClass === undefined
          ? `the claim template ${name} names no storage class and no class is the default; ${there}`
          : `storage class "${storageClass}" of the claim template ${name} is not there; ${there}`,
      fix: 'Name a class of this cluster, or create the class first.',
    },
  ]
}

function severalDefaults(
  classes: readonly StorageClassView[],
  { storageClass }: ClaimTemplate,
  taken: StorageClassView,
): readonly StorageFinding[] {
  const defaults = defaultsOf(classes)
  if (storageClass !== undefined || defaults.length < 2) return []
  return [
    {
      severity: 'warning',
      message: `${defaults.length} storage classes are the default (${defaults.map((one) => one.name).join(', ')}); the newest, ${taken.name}, is taken`,
      fix: 'Name the class in the claim template, or leave one default.',
    },
  ]
}

function openClaims(input: PreflightInput, template: ClaimTemplate): readonly OpenClaim[] {
  return claimsOf(input, template).flatMap(({ ordinal, claim }) =>
    claim === undefined || claim.phase === 'Pending'
      ? [{ name: claimName(template.name, input.wanted.name, ordinal), ordinal, template }]
      : [],
  )
}

function provisionerDoubt(
  input: PreflightInput,
  storageClass: StorageClassView,
): readonly StorageFinding[] {
  const message = doubtOf(input, storageClass)
  return message === undefined
    ? []
    : [
        {
          severity: 'warning',
          message,
          fix: 'Use a class whose provisioner runs in this cluster, or make the volumes by hand.',
        },
      ]
}

/** Why the class may not give volumes here; a class that has given one already is beyond doubt. */
function doubtOf(
  { claims, volumes, drivers, nodes }: PreflightInput,
  storageClass: StorageClassView,
): string | undefined {
  const { name, provisioner } = storageClass
  if ((claims ?? []).some((claim) => claim.phase === 'Bound' && claim.storageClass === name))
    return undefined
  if (provisioner === NO_PROVISIONER) {
    return `storage class "${name}" has no provisioner: its volumes must be made by hand${volumes === undefined ? '' : ', and none is there'}`
  }
  const mark = LOCAL_TOOLS[provisioner]
  if (
    mark !== undefined &&
    nodes !== undefined &&
    !nodes.some((node) =>
      mark === '' ? node.name.startsWith('docker-desktop') : mark in node.labels,
    )
  ) {
    return `storage class "${name}" needs the provisioner ${provisioner}, which belongs to ${provisioner.startsWith('k8s.io') ? 'minikube' : 'Docker Desktop'}, and this cluster is none`
  }
  const driver =
    MIGRATED[provisioner] ?? (/(?:^|\.)csi\./.test(provisioner) ? provisioner : undefined)
  return driver !== undefined && drivers !== undefined && !drivers.includes(driver)
    ? `storage class "${name}" needs the CSI driver ${driver}, which is not installed`
    : undefined
}
