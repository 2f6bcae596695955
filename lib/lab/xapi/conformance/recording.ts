/** Conversations recorded from a real toolstack: one file is one array of steps, sorted by time. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface Step {
  readonly name: string
  /** Seconds since the recording began; `ms` later the answer had come. */
  readonly t: number
  readonly ms: number
  readonly transport: string
  readonly host: string
  /** The whole step, for what only some have. */
  readonly members: Readonly<Record<string, unknown>>
}

export interface Recording {
  readonly name: string
  /** The machines that were there when it was made, by their names: vm0, vmA. */
  readonly machines: readonly string[]
  readonly steps: readonly Step[]
}

/** Only a step of the first three kinds has an answer to compare. */
export type StepKind = 'call' | 'watch' | 'xe' | 'deed'

export function kindOf({ name, transport, members }: Step): StepKind {
  const { argv } = members
  if (Array.isArray(argv) && argv[0] === 'xe') return 'xe'
  if (!/^(?:json|xml)-rpc/u.test(transport)) return 'deed'
  return members['method'] === 'event.from' && name.startsWith('watcher') ? 'watch' : 'call'
}

/** Files of one number (06-, 06b-, 06c-) are parts of one conversation, each going on where the one before it ended. */
export function readConversations(folder: string): Recording[][] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const conversations = new Map<string, Recording[]>()
  for (const file of files.sort()) {
    const number = /^\d+/u.exec(file)?.[0] ?? file
    conversations.set(number, [...(conversations.get(number) ?? []), readRecording(join(folder, file))])
  }
  return [...conversations.values()]
}

/** Tokens of event.from differ from pool to pool; but for those that no server made. */
const TOKEN = /\d{20},\d{20}/gu
const UNMADE = /^(?:0{20},0{20}|0*9{9,},.*)$/u
/** The recorded hosts' addresses. */
const ADDRESS = /10\.199\.0\.(\d)/gu

export function readRecording(path: string): Recording {
  const text = readFileSync(path, 'utf8')
    .replace(ADDRESS, (_, index: string) => `$address${index}`)
    .replace(/trackid=[0-9a-f]{32}/gu, 'trackid=$trackid')
    .replace(TOKEN, (token) => (UNMADE.test(token) ? token : `$token${token.replace(/\D/gu, '_')}`))
  const value: unknown = JSON.parse(text)
  if (!Array.isArray(value)) throw new SyntaxError(`${path} is not a list of steps`)
  return { name: basename(path, '.json'), machines: machinesIn(text, value), steps: value.map(readStep) }
}

const USUAL = ['vm0', 'vm1', 'vm2']

/** A recording either makes its machines itself or names some that were there: the usual three, and others. */
function machinesIn(text: string, steps: readonly unknown[]): string[] {
  const makesThem = steps.some((step) => /"method":"VM.create".*"result":"\$vm0"/u.test(JSON.stringify(step)))
  const named = new Set([...text.matchAll(/\$(vm[0-9A-Z])\b/gu)].map(([, name]) => name ?? ''))
  return makesThem || named.size === 0 ? [] : [...new Set([...USUAL, ...named])]
}

function readStep(value: unknown): Step {
  if (typeof value !== 'object' || value === null) throw new SyntaxError('a step is not an object')
  const members: Readonly<Record<string, unknown>> = { ...value }
  const word = (name: string): string => (typeof members[name] === 'string' ? members[name] : '')
  const number = (name: string): number => (typeof members[name] === 'number' ? members[name] : 0)
  return { name: word('name'), t: number('t'), ms: number('ms'), transport: word('transport'), host: word('host'), members }
}

const REPEATED = /^(.)\1*\.\.\.\((\d+)(?: bytes of this| bytes| characters)?\)$/su

/** Texts that the recorder shortened, at full length again. */
export function lengthened(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(REPEATED, (_, char: string, count: string) => char.repeat(Number(count)))
  if (Array.isArray(value)) return value.map(lengthened)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, lengthened(member)]))
}

/** The plug-ins and extensions that a recording carries along, by their path below /etc/xapi.d. */
export function carriedTools({ steps }: Recording): ReadonlyMap<string, string> {
  const tools = new Map<string, string>()
  for (const { name, members } of steps) {
    for (const [key, value] of Object.entries(members)) {
      if (key.startsWith('plugin_') && typeof value === 'string') tools.set(`plugins/${key.slice('plugin_'.length)}`, value)
    }
    const named = /^plug-in (\S+)$/.exec(name)?.[1]
    if (named !== undefined && typeof members['source'] === 'string') tools.set(`plugins/${named}`, members['source'])
    const { extensions } = members
    if (typeof extensions !== 'object' || extensions === null) continue
    for (const [file, source] of Object.entries(extensions))
      if (typeof source === 'string') tools.set(`extensions/${file}`, source)
  }
  return tools
}
