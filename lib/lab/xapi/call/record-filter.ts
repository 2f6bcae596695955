/**
 * The expressions of get_all_records_where: `true`, `field "x" = "y"`, and, or, not, parentheses. Fields are spelled as in the
 * database, where the name of a group is followed by two underscores (name__label); all values compare as text.
 */
import type { Value } from '../../contract'
import { ApiError } from '../../contract'

type Fields = { [field: string]: Value }
type Filter = (fields: Fields) => boolean

const TOKEN = /\s*(?:(true|false|field|and|or|not|[()=])|"((?:[^"\\]|\\.)*)")/y

export function recordFilter(expr: string): Filter {
  return new FilterReader(expr, tokens(expr)).whole()
}

interface Token {
  readonly kind: 'word' | 'text'
  readonly text: string
}

function tokens(expr: string): Token[] {
  const found: Token[] = []
  TOKEN.lastIndex = 0
  while (expr.slice(TOKEN.lastIndex).trim() !== '') {
    const match = TOKEN.exec(expr)
    if (match === null) throw new ApiError('INVALID_VALUE', expr, 'Failure("lexing: empty token")')
    found.push(match[1] === undefined ? { kind: 'text', text: match[2] ?? '' } : { kind: 'word', text: match[1] })
  }
  return found
}

class FilterReader {
  private at = 0
  constructor(
    private readonly expr: string,
    private readonly tokens: readonly Token[],
  ) {}

  whole(): Filter {
    const filter = this.either()
    if (this.at < this.tokens.length) this.fail()
    return filter
  }

  private either(): Filter {
    const left = this.both()
    if (!this.accept('or')) return left
    const right = this.either()
    return (fields) => left(fields) || right(fields)
  }

  private both(): Filter {
    const left = this.one()
    if (!this.accept('and')) return left
    const right = this.both()
    return (fields) => left(fields) && right(fields)
  }

  private one(): Filter {
    if (this.accept('true')) return () => true
    if (this.accept('false')) return () => false
    if (this.accept('not')) {
      const inner = this.one()
      return (fields) => !inner(fields)
    }
    if (this.accept('(')) {
      const inner = this.either()
      if (!this.accept(')')) this.fail()
      return inner
    }
    const left = this.term()
    if (!this.accept('=')) this.fail()
    const right = this.term()
    return (fields) => left(fields) === right(fields)
  }

  private term(): (fields: Fields) => string {
    const isField = this.accept('field')
    const token = this.tokens[this.at++]
    if (token?.kind !== 'text') return this.fail()
    return isField ? (fields) => fieldText(fields, token.text) : () => token.text
  }

  private accept(word: string): boolean {
    const token = this.tokens[this.at]
    if (token?.kind !== 'word' || token.text !== word) return false
    this.at++
    return true
  }

  private fail(): never {
    throw new ApiError('INVALID_VALUE', this.expr, 'Xapi_database.Db_filter_parse.MenhirBasics.Error')
  }
}

const GROUPED = new Set(['name_label', 'name_description', 'message_body'])

function fieldText(fields: Fields, name: string): string {
  const value = GROUPED.has(name) ? undefined : (fields[name] ?? fields[name.replaceAll('__', '_')])
  if (value === undefined) throw new ApiError('INTERNAL_ERROR', 'missing field', name, '')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
