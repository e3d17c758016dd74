// Kubernetes quantities: read as numbers so that they can be compared, with the traps of their
// units named.

import { quantityOf } from '../view/quantity.ts'
import { optional, quote } from './values.ts'

const MIB = 2 ** 20

/** An amount of bytes of at least one MiB: `512m` is half a byte to Kubernetes and never meant. */
export function bytes() {
  return optional((text) => {
    const value = quantityOf(text)
    if (value === undefined)
      return {
        message: `${quote(text)} is not a quantity`,
        fix: 'write a number with a unit, such as 512Mi or 10Gi',
      }
    if (value < MIB)
      return {
        message: `${text} is less than a megabyte`,
        fix: 'write a number with a unit of bytes, such as 512Mi or 10Gi',
      }
    return { value: text }
  })
}

export function cores() {
  return optional((text) => {
    const value = quantityOf(text)
    if (value === undefined || text.endsWith('i'))
      return {
        message: `${quote(text)} is not an amount of CPU`,
        fix: 'write cores or thousandths of a core, such as 0.5 or 500m',
      }
    if (value < 0.001 || value > 1024)
      return {
        message: `${text} is out of bounds`,
        fix: 'write cores or thousandths of a core, such as 0.5 or 500m',
      }
    return { value: text }
  })
}

/**
 * A Java heap, `512M`, `512Mi` or `1G`, in MiB: Java counts in powers of two whatever the spelling.
 */
export function heapSize() {
  return optional((text) => {
    const match = /^(\d{1,6})([mMgG])i?$/.exec(text)
    if (match === null)
      return {
        message: `${quote(text)} is not a heap size`,
        fix: 'write megabytes or gigabytes, such as 512M or 1G',
      }
    const value = Number(match[1]) * (match[2] === 'g' || match[2] === 'G' ? 1024 : 1)
    return value >= 32
      ? { value }
      : { message: `${text} is too small for a server`, fix: 'write at least 32M' }
  })
}
