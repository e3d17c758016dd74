// A manifest's text to its objects in one go.

import {
  manifestAllowance,
  readText,
  type ParsedText,
  type SourceText,
} from '../../src/manifests/parse.ts'
import { atOnce } from '../../src/unhurried.ts'

export function parseText(source: SourceText): ParsedText {
  return atOnce(readText(source, manifestAllowance()))
}
