import type { Generations } from '../../../../lib/core/domain/volume'
import { compareHistories, STRATEGIES, type Verdict } from '../../../../lib/core/mirror/handshake'
import { announced, inStep, isAnnounced, parted, recounted, targeted, unmirrored } from '../../../../lib/core/mirror/lineage'
import { allBlocks, copyBlock, hasData, isEmpty, newBody, type Body } from './body'

type Name = 'a' | 'b'
const NAMES: readonly Name[] = ['a', 'b']
const other = (name: Name): Name => (name === 'a' ? 'b' : 'a')

/** A resync on its way; a crash or a lost link forgets it. */
interface Session {
  readonly target: Name
  readonly left: Set<number>
  /** Copied, but not known to be on stable storage. */
  readonly unflushed: Set<number>
  /** What the source is to say of itself; null when it has said it. */
  sourceMark: Generations | null
  /** The generation that the target is to count as. */
  readonly counted: string
  targetMarked: boolean
}

/**
 * Two replicas of a disk and the claim, through whatever may happen to them: one step at a time, each of them on stable storage when
 * it is done, so that between any two steps everything may crash. It knows what is really written where.
 */
export class Lives {
  readonly bodies: Record<Name, Body> = { a: newBody('a'), b: newBody('b') }
  readonly listed = new Set<Name>(['a'])
  readonly acknowledged = new Set<string>()
  /** Disks that were taken out, with whose they are. */
  readonly shelf: Record<Name, Body[]> = { a: [], b: [] }
  tracked = true
  #session: Session | null = null
  /** Both are in use and get every write. */
  #paired = false
  #compared = false
  /** Writes that both have and that may be in a cache only. */
  #cached: { block: number; write: string }[] = []
  #writes = 0
  #generations = 0

  /** What can happen now. */
  acts(): Map<string, () => void> {
    const acts = new Map<string, () => void>()
    const can = (text: string, condition: boolean, act: () => void): void => {
      if (condition) acts.set(text, act)
    }
    this.#alone(can)
    this.#together(can)
    this.#resync(can)
    this.#accidents(can)
    return acts
  }

  #alone(can: Can): void {
    const one = this.#loneName()
    if (one === null) return
    const body = this.bodies[one]
    can('part', this.tracked && !this.#mayAnswer(one), () => {
      const wasTracked = body.generations.current !== ''
      body.generations = parted(body.generations, () => this.#newGeneration())
      body.state = 'up-to-date'
      body.eras.add(body.generations.current)
      if (!wasTracked) for (const block of allBlocks()) body.bits.add(block)
    })
    for (const block of allBlocks()) {
      can(`write ${block}`, this.#mayAnswer(one), () => {
        if (this.tracked) body.bits.add(block)
        this.#write(block, this.#session === null ? [body] : [body, this.bodies[this.#session.target]])
      })
    }
    can('unprotect', this.tracked && this.#session === null && body.state === 'up-to-date', () => {
      this.#notesAreOfOthers(body)
      body.generations = unmirrored(body.generations)
      body.bits.clear()
      this.tracked = false
    })
    can('protect', !this.tracked, () => {
      this.tracked = true
    })
  }

  #together(can: Can): void {
    const { a, b } = this.bodies
    const both = this.listed.size === 2
    can('meet', both && !this.#paired && this.verdict.strategy === 'in-step' && !a.cacheLost && !b.cacheLost, () => {
      this.#paired = true
      this.#compared = false
    })
    for (const block of allBlocks()) {
      can(`write ${block}`, this.#paired, () => {
        this.#cached.push({ block, write: this.#write(block, [a, b]) })
        for (const one of NAMES) this.#noteIfAlone(one, block)
      })
    }
    can('settle', this.#paired, () => {
      this.#cached = []
    })
    for (const one of NAMES) {
      const [body, peer] = [this.bodies[one], this.bodies[other(one)]]
      can(`compare from ${one}`, this.#paired && !this.#compared, () => {
        for (const block of new Set([...a.bits, ...b.bits])) copyBlock(body, peer, block)
        this.#compared = true
      })
      can(`forget ${one}`, this.#paired && this.#compared && this.#cached.length === 0 && body.generations.bitmap === '', () => {
        body.bits.clear()
      })
      can(`rejoin ${one}`, this.#paired && this.#compared && body.generations.bitmap !== '', () => {
        body.generations = inStep(body.generations)
      })
      can(`unlist ${one}`, both && hasData(peer) && !peer.cacheLost, () => {
        this.listed.delete(one)
        this.#crash()
      })
    }
  }

  #resync(can: Can): void {
    const one = this.#loneName()
    if (one === null) return
    const [source, target] = [this.bodies[one], this.bodies[other(one)]]
    const session = this.#session
    if (session === null) {
      const { rule, strategy } = compareHistories(source, target)
      const { allowed, wholeDisk, source: from } = STRATEGIES[strategy]
      can(`begin ${rule}`, this.tracked && this.#mayAnswer(one) && allowed && from !== 'peer', () => {
        const left = new Set(wholeDisk ? allBlocks() : [...source.bits, ...target.bits])
        const sourceMark = wholeDisk ? recounted(source.generations, () => this.#newGeneration()) : null
        const counted = (sourceMark ?? source.generations).bitmap
        this.#session = { target: other(one), left, unflushed: new Set(), sourceMark, counted, targetMarked: false }
      })
      return
    }
    can('mark source', session.sourceMark !== null, () => {
      this.#notesAreOfOthers(source)
      for (const block of allBlocks()) source.bits.add(block)
      source.generations = session.sourceMark ?? source.generations
      session.sourceMark = null
      if (session.targetMarked) target.resyncedBy = source
    })
    can('mark target', !session.targetMarked, () => {
      const wasTracked = target.generations.current !== ''
      target.state = 'inconsistent'
      target.generations = targeted(target.generations, session.counted)
      if (!wasTracked) for (const block of allBlocks()) target.bits.add(block)
      session.targetMarked = true
      target.resyncedBy = session.sourceMark === null ? source : null
    })
    const copying = session.sourceMark === null && session.targetMarked && target.state === 'inconsistent'
    for (const block of session.left) {
      can(`copy ${block}`, copying, () => {
        copyBlock(source, target, block)
        session.left.delete(block)
        session.unflushed.add(block)
      })
    }
    can('flush', session.unflushed.size > 0, () => {
      for (const block of session.unflushed) for (const { bits } of [source, target]) bits.delete(block)
      session.unflushed.clear()
    })
    const copied = copying && session.left.size === 0 && session.unflushed.size === 0
    can('announce', copied && !isAnnounced(source.generations), () => {
      source.generations = announced(source.generations)
    })
    can('finish', copied && isAnnounced(source.generations), () => {
      target.state = 'up-to-date'
      target.generations = inStep(source.generations)
      target.bits.clear()
      target.eras = new Set(source.eras)
      target.cacheLost = false
    })
    can('list', target.state === 'up-to-date' && session.targetMarked, () => {
      this.listed.add(session.target)
      this.#session = null
      this.#paired = true
      this.#compared = true
      this.#cached = []
    })
  }

  #accidents(can: Can): void {
    can('crash', this.#session !== null || this.#paired, () => this.#crash())
    for (const one of NAMES) {
      const [body, peer] = [this.bodies[one], this.bodies[other(one)]]
      // A write that only this one got before the primary died: nobody was told of it.
      for (const block of allBlocks()) {
        can(`torn ${block} on ${one}`, this.#paired, () => {
          body.blocks[block]?.push(`w${++this.#writes}`)
          body.bits.add(block)
          this.#crash()
        })
      }
      can(`power ${one}`, this.#paired, () => {
        for (const { block, write } of this.#cached) {
          const writes = body.blocks[block] ?? []
          writes.splice(writes.indexOf(write))
          for (const each of NAMES) this.bodies[each].bits.add(block)
        }
        body.cacheLost = true
        this.#crash()
      })
      const spare = this.listed.size === 2 ? hasData(peer) && !peer.cacheLost : !this.listed.has(one)
      can(`new disk ${one}`, spare, () => this.#put(one, newBody(one)))
      this.shelf[one].forEach((old, place) =>
        can(`old disk ${one} ${place}`, spare, () => {
          this.shelf[one].splice(place, 1)
          this.#put(one, old)
        }),
      )
      // The operator does away with the claim, and takes this one.
      can(
        `force ${one}`,
        this.tracked && !body.cacheLost && (hasData(body) || isEmpty(body)) && (peer.generations.current !== '' || isEmpty(peer)),
        () => {
          this.listed.clear()
          this.listed.add(one)
          this.tracked = true
          this.#crash()
        },
      )
    }
  }

  get verdict(): Verdict {
    return compareHistories(this.bodies.a, this.bodies.b)
  }

  /** Unprotected, and in the moment after, a disk is without a history, whatever is on it: nobody asks. */
  get isTold(): boolean {
    return NAMES.every((one) => this.bodies[one].generations.current !== '' || isEmpty(this.bodies[one]))
  }

  #newGeneration(): string {
    return `g${++this.#generations}`
  }

  /** What this one noted to be lacking elsewhere is forgotten, or is now what another disk lacks. */
  #notesAreOfOthers(body: Body): void {
    for (const one of [...NAMES.map((name) => this.bodies[name]), ...this.shelf.a, ...this.shelf.b])
      if (one.resyncedBy === body) one.resyncedBy = null
  }

  #put(one: Name, body: Body): void {
    this.shelf[one].push(this.bodies[one])
    this.bodies[one] = body
    this.#crash()
  }

  #crash(): void {
    this.#session = null
    this.#paired = false
    this.#compared = false
    this.#cached = []
  }

  #loneName(): Name | null {
    const [one] = this.listed
    return this.listed.size === 1 && one !== undefined ? one : null
  }

  /** What the mirror waits for before it acknowledges anything alone. */
  #mayAnswer(one: Name): boolean {
    const { generations } = this.bodies[one]
    if (!this.tracked) return true
    return generations.bitmap !== '' && (!isAnnounced(generations) || this.#session !== null)
  }

  #noteIfAlone(one: Name, block: number): void {
    if (this.bodies[one].generations.bitmap !== '') this.bodies[one].bits.add(block)
  }

  #write(block: number, bodies: readonly Body[]): string {
    const write = `w${++this.#writes}`
    for (const { blocks } of bodies) blocks[block]?.push(write)
    this.acknowledged.add(write)
    return write
  }
}

type Can = (text: string, condition: boolean, act: () => void) => void
