import { fields, jsonObject, text, wholeNumber, type Fields } from './shape'

/** What QEMU's machine protocol says, one line each. */
export type QmpLine =
  | { readonly kind: 'greeting' }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly why: string }
  | { readonly kind: 'event'; readonly name: string; readonly data: Fields }

const NAME_LENGTH_MAX = 100
const WHY_LENGTH_MAX = 4096

/** Throws Malformed. A refusal of what could not be read has no number: the caller never writes such a line, and it is malformed. */
export function qmpLine(line: string): QmpLine {
  const message = jsonObject(line)
  if ('QMP' in message) return { kind: 'greeting' }
  if ('event' in message) {
    const data = 'data' in message ? fields(message['data'], 'data') : {}
    return { kind: 'event', name: text(message['event'], 'event', NAME_LENGTH_MAX), data }
  }
  const id = wholeNumber(message['id'], 'id')
  if (!('error' in message)) return { kind: 'answer', id, value: message['return'] }
  return { kind: 'refused', id, why: text(fields(message['error'], 'error')['desc'], 'desc', WHY_LENGTH_MAX) }
}

/** With its newline. */
export const qmpCommand = (id: number, execute: string, given: Fields): string =>
  `${JSON.stringify({ execute, arguments: given, id })}\n`
