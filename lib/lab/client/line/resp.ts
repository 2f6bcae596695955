/** What redis answers, out of whatever pieces it arrives in. */

export class RedisError {
  constructor(readonly text: string) {}
}

export type Reply = string | number | null | RedisError | readonly Reply[]

/** No answer of redis begins like that: bytes are missing, or came twice. */
export class NotRedis extends Error {
  override readonly name = 'NotRedis'
}

type Parsed = { readonly reply: Reply; readonly end: number } | null

const CRLF = '\r\n'

/** A function that takes the next bytes of a connection and gives the answers that are complete with them. Throws NotRedis. */
export function replies(): (chunk: Buffer) => Reply[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const found: Reply[] = []
    let at = 0
    for (let next = parse(rest, at); next !== null; next = parse(rest, at)) {
      found.push(next.reply)
      at = next.end
    }
    rest = rest.subarray(at)
    return found
  }
}

function parse(bytes: Buffer, at: number): Parsed {
  const lineEnd = bytes.indexOf(CRLF, at)
  if (lineEnd < 0) return null
  const text = bytes.toString('utf8', at + 1, lineEnd)
  const end = lineEnd + CRLF.length
  const kind = String.fromCharCode(bytes[at] ?? 0)
  if (kind === '+') return { reply: text, end }
  if (kind === '-') return { reply: new RedisError(text), end }
  if (!/^-?\d+$/.test(text))
    throw new NotRedis(`not an answer of redis: ${JSON.stringify(bytes.toString('latin1', at, at + 60))}`)
  const count = Number(text)
  if (kind === ':') return { reply: count, end }
  if (kind === '$') return count < 0 ? { reply: null, end } : bulk(bytes, end, count)
  if (kind === '*') return count < 0 ? { reply: null, end } : many(bytes, end, count)
  throw new NotRedis(`not an answer of redis: ${JSON.stringify(bytes.toString('latin1', at, at + 60))}`)
}

function bulk(bytes: Buffer, from: number, length: number): Parsed {
  const end = from + length + CRLF.length
  if (bytes.length < end) return null
  if (bytes.toString('latin1', end - CRLF.length, end) !== CRLF)
    throw new NotRedis('a text of redis does not end where it should')
  return { reply: bytes.toString('utf8', from, from + length), end }
}

function many(bytes: Buffer, from: number, count: number): Parsed {
  const found: Reply[] = []
  let end = from
  for (let left = count; left > 0; left -= 1) {
    const next = parse(bytes, end)
    if (next === null) return null
    found.push(next.reply)
    end = next.end
  }
  return { reply: found, end }
}

/** As redis wants it on a connection. */
export const command = (...words: readonly string[]): string =>
  `*${words.length}${CRLF}${words.map((word) => `$${Buffer.byteLength(word)}${CRLF}${word}${CRLF}`).join('')}`
