/** xe's command line: a command, name=value pairs, and flags. */

export interface XeArguments {
  readonly command: string
  /** In the order given; of a name given twice the last counts. */
  readonly pairs: ReadonlyMap<string, string>
  /** Without their dashes: minimal, force, multiple. */
  readonly flags: ReadonlySet<string>
  /** -s, -p, -u, -pw: for a server over TCP instead of the host's own socket. */
  readonly server: ReadonlyMap<string, string>
}

const WITH_VALUE: ReadonlySet<string> = new Set(['-s', '-p', '-u', '-pw'])

export function readArguments(argv: readonly string[]): XeArguments {
  const pairs = new Map<string, string>()
  const flags = new Set<string>()
  const server = new Map<string, string>()
  let command = ''
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (WITH_VALUE.has(word)) server.set(word, argv[++at] ?? '')
    else if (word.startsWith('--')) flags.add(word.slice(2))
    else if (command === '') command = word
    else pair(pairs, word)
  }
  return { command, pairs, flags, server }
}

/** A word without "=" is a name with an empty value. */
function pair(pairs: Map<string, string>, word: string): void {
  const equals = word.indexOf('=')
  if (equals < 0) pairs.set(word, '')
  else pairs.set(word.slice(0, equals), word.slice(equals + 1))
}

export const isForced = ({ flags, pairs }: XeArguments): boolean => flags.has('force') || pairs.get('force') === 'true'

/** The members of a map given as `name:key=value`. */
export function mapArgument({ pairs }: XeArguments, name: string): { [key: string]: string } {
  const members = [...pairs].filter(([key]) => key.startsWith(`${name}:`))
  return Object.fromEntries(members.map(([key, value]) => [key.slice(name.length + 1), value]))
}
