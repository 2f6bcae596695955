import { must } from '../../../lib/core/domain/assert'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DirtyBitmap, type BlockRun } from '../../../lib/core/domain/dirty-bitmap'
import type { GuestRequest, Hint, Mark, ReplicaRequest } from '../../../lib/core/domain/replica-request'
import { NO_GENERATIONS, type Generations } from '../../../lib/core/domain/volume'
import type { Members, MirrorEffect, MirrorEvent, Side } from '../../../lib/core/mirror/events'
import { Mirror } from '../../../lib/core/mirror/mirror'
import { performed } from './buffer-disk'

type Io = Extract<MirrorEffect, { do: 'io' }>
const BLOCKS = 16
/** The last block is short. */
const SIZE = BLOCKS * BLOCK_BYTES - 4096

/** A mirror on two disks, told line by line what befalls it; answers with what it does. */
export class Stage {
  readonly #disks: Record<Side, Buffer> = { local: Buffer.alloc(SIZE), peer: Buffer.alloc(SIZE) }
  readonly #asked = new Map<number, Io>()
  #mirror: Mirror | null = null
  #generations = 0

  run(line: string): string[] {
    const [verb = '', ...words] = line.split(' ')
    if (verb === 'begin') {
      const listed = { local: words.includes('local'), peer: words.includes('peer') }
      this.#mirror = new Mirror({
        ...{ sizeBytes: SIZE, listed, tracked: !words.includes('untracked'), patient: words.includes('patient') },
        newGeneration: () => `g${++this.#generations}`,
      })
      return []
    }
    if (verb === 'fill') {
      const [side, byte, from, to] = words
      this.#disks[sideOf(side)].fill(Number(byte), Number(from) * BLOCK_BYTES, Math.min(SIZE, (Number(to) + 1) * BLOCK_BYTES))
      return []
    }
    if (verb === 'lacks') return [`${words[0] ?? ''} lacks ${runsOf(this.#it.replicas[sideOf(words[0])].dirty) || 'nothing'}`]
    if (verb === 'answer') return this.#answer(words)
    if (verb === 'done') return this.#done(this.#oldest(sideOf(words[0]), words[1] ?? ''), words[2] ?? '')
    return this.#apply(eventOf(verb, words))
  }

  get #it(): Mirror {
    return must(this.#mirror, 'a story begins with "begin"')
  }

  #apply(event: MirrorEvent): string[] {
    const effects = this.#it.apply(event)
    if (event.on === 'replica-down') for (const [op, { side }] of this.#asked) if (side === event.side) this.#asked.delete(op)
    for (const effect of effects) if (effect.do === 'io') this.#asked.set(effect.op, effect)
    return effects.map(told)
  }

  /** All that is asked, until nothing is; of one side only, or all but what some words describe. */
  #answer(words: readonly string[]): string[] {
    const said: string[] = []
    const next = (): Io | undefined =>
      [...this.#asked.values()].find((io) => words.length === 0 || words.every((word) => told(io).split(' ').includes(word)))
    for (let io = next(); io !== undefined; io = next()) said.push(...this.#done(io, ''))
    return said
  }

  /** `write`, or `write@4096`: the one that was asked first. */
  #oldest(side: Side, what: string): Io {
    const [kind, at] = what.split('@')
    const found = [...this.#asked.values()].find(
      (io) => io.side === side && io.request.kind === kind && (at === undefined || io.request.offset === Number(at)),
    )
    return must(found, `the ${side} one is asked for a ${what}`)
  }

  #done({ side, op, request }: Io, error: string): string[] {
    this.#asked.delete(op)
    const data = error === '' ? performed(this.#disks[side], request) : null
    return this.#apply({ on: 'done', side, op, error, ...(data === null ? {} : { data }) })
  }
}

const sideOf = (word: string | undefined): Side => {
  if (word === 'local' || word === 'peer') return word
  throw new Error(`${word ?? 'nothing'} is no side`)
}
const membersOf = (words: readonly string[]): Members => ({ local: words.includes('local'), peer: words.includes('peer') })

function eventOf(verb: string, words: readonly string[]): MirrorEvent {
  const [first, second] = words
  switch (verb) {
    case 'write':
    case 'zero':
    case 'read':
    case 'flush':
      return { on: 'request', id: Number(first), request: requestOf(verb, words) }
    case 'up':
      return upOf(words)
    case 'down':
      return { on: 'replica-down', side: sideOf(first), error: second ?? '' }
    case 'unkept':
      return { on: 'unkept', side: sideOf(first), error: second ?? '' }
    case 'claimed':
      return { on: 'claimed', members: membersOf(words), isStored: !words.includes('unstored') }
    case 'lease':
      return { on: 'lease', valid: first === 'valid' }
    case 'tracked':
      return { on: 'tracked', tracked: first === 'yes' }
    case 'give-up':
      return { on: 'give-up', side: sideOf(first) }
    case 'allow':
      return { on: 'allow', bytes: Number(first) }
    case 'verify':
      return { on: 'verify', repair: first === 'repair' }
    case 'answer-when':
      return { on: 'answer-when', when: first === 'local' ? 'local' : 'both' }
    case 'idle':
    case 'start-is-over':
      return { on: verb }
    default:
      throw new Error(`${verb}: unknown`)
  }
}

/** `write 1 0+4096 fua`: its bytes are all the request's number. */
function requestOf(kind: GuestRequest['kind'], [id, range = '0+0', ...rest]: readonly string[]): GuestRequest {
  const [offset = 0, length = 0] = range.split('+').map(Number)
  const fua = rest.includes('fua')
  if (kind === 'flush') return { kind, offset: 0, length: 0 }
  if (kind === 'write') return { kind, offset, length, data: Buffer.alloc(length, Number(id)), fua }
  return kind === 'zero' ? { kind, offset, length, punch: rest.includes('punch'), fua } : { kind, offset, length }
}

/** `up peer g2<g1,g0 inconsistent cache-lost again noted=1,2`: in step with history g0 where nothing else is said. */
function upOf([word, ...words]: readonly string[]): MirrorEvent {
  const side = sideOf(word)
  const bits = new DirtyBitmap(SIZE)
  const noted = words.find((one) => one.startsWith('noted='))?.slice('noted='.length)
  for (const block of noted?.split(',') ?? []) bits.mark(Number(block) * BLOCK_BYTES, 1)
  const state = words.includes('inconsistent') ? 'inconsistent' : 'up-to-date'
  const history = words.find((one) => /^(?:g\d+|new)/.test(one)) ?? 'g0'
  const incarnation = words.includes('again') ? 'second' : 'first'
  const presence = {
    identity: side,
    incarnation,
    state,
    generations: generationsOf(history),
    cacheKept: !words.includes('cache-lost'),
  } as const
  return { on: 'replica-up', side, presence, bits }
}

/** `g2<g1,g0`: current, bitmap, older ones; `g3<g2/g1,g0`: the bits count from g1, too. */
function generationsOf(text: string): Generations {
  if (text === 'new') return NO_GENERATIONS
  const [current = '', rest = ''] = text.split('<')
  const [counted = '', ...history] = rest.split(',')
  const [bitmap = '', former = ''] = counted.split('/')
  return { current, bitmap, former, history }
}

function told(effect: MirrorEffect): string {
  switch (effect.do) {
    case 'io':
      return `${effect.side} ${effect.op} ${describe(effect.request)}`
    case 'hint':
      return `hint ${effect.side} ${hinted(effect.hint)}`
    case 'reply': {
      const { data } = effect
      const bytes = data === undefined ? '' : data.every((byte) => byte === data[0]) ? ` all ${data[0] ?? 'none'}` : ' mixed'
      return `reply ${effect.id} ${effect.error === '' ? 'done' : effect.error}${bytes}${effect.free ? '' : ' (its data is still in use)'}`
    }
    case 'propose':
      return `propose ${named(effect.members)} by ${effect.rule}`
    case 'note':
      return `note ${effect.side} ${effect.act} by ${effect.rule}${effect.error === '' ? '' : ` (${effect.error})`}`
    case 'differ':
      return `differ ${effect.runs.map(run).join(' ')}${effect.repaired ? ', repaired' : ''}`
    case 'verified':
      return `verified ${effect.why || 'all'}`
  }
}

const named = ({ local, peer }: Members): string => [local ? ['local'] : [], peer ? ['peer'] : []].flat().join(' ')
const run = ({ first, last }: BlockRun): string => (first === last ? `${first}` : `${first}-${last}`)
const hinted = (hint: Hint): string =>
  hint.kind === 'settled' ? `settled before ${hint.before}` : `clean ${hint.runs.map(run).join(' ') || 'nothing'}`

function describe(request: ReplicaRequest): string {
  const { kind, offset, length } = request
  if (kind === 'flush') return kind
  if (kind === 'mark') return `mark ${marked(request.mark)}`
  const flags = `${'punch' in request && request.punch ? ' punch' : ''}${'fua' in request && request.fua ? ' fua' : ''}`
  return `${kind} ${offset}+${length}${flags}`
}

const marked = ({ state, generations, bits }: Mark): string => {
  const { current, bitmap, former, history } = generations ?? NO_GENERATIONS
  const counted = former === '' ? bitmap || '-' : `${bitmap}/${former}`
  const who = generations === undefined ? [] : [`${current || 'none'}<${[counted, ...history].join(',')}`]
  return [...(state === undefined ? [] : [state]), ...who, `bits=${bits}`].join(' ')
}

function runsOf(dirty: DirtyBitmap): string {
  const blocks: number[] = []
  for (let block = dirty.next(0); block >= 0; block = dirty.next(block + 1)) blocks.push(block)
  return blocks.join(' ')
}
