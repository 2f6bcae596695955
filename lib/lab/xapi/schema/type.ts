/** Types of the API's data model, parsed from their published spelling: `(string -> int) map`, `VM ref set`, `enum vbd_mode`. */
export type Type =
  | { readonly kind: 'string' | 'int' | 'float' | 'bool' | 'datetime' | 'void' }
  | { readonly kind: 'ref' | 'record' | 'enum'; readonly name: string }
  | { readonly kind: 'set'; readonly item: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type }

const SIMPLE = ['string', 'int', 'float', 'bool', 'datetime', 'void'] as const
const parsed = new Map<string, Type>()

export function typeOf(text: string): Type {
  let type = parsed.get(text)
  if (type === undefined) {
    type = parse(text)
    parsed.set(text, type)
  }
  return type
}

function parse(text: string): Type {
  const map = /^\((.+?) -> (.+)\) map$/.exec(text)
  if (map?.[1] !== undefined && map[2] !== undefined) return { kind: 'map', key: typeOf(map[1]), value: typeOf(map[2]) }
  if (text.endsWith(' set')) return { kind: 'set', item: typeOf(text.slice(0, -4)) }
  if (text.endsWith(' ref')) return { kind: 'ref', name: text.slice(0, -4) }
  if (text.endsWith(' record')) return { kind: 'record', name: text.slice(0, -7) }
  if (text.startsWith('enum ')) return { kind: 'enum', name: text.slice(5) }
  const simple = SIMPLE.find((name) => name === text)
  if (simple === undefined) throw new Error(`not a type of the data model: ${text}`)
  return { kind: simple }
}
