import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { MirrorSide, ownProcess, type OwnProcess } from './mirror-side'
import { eventually } from './worker-host'

const ROOT = join(__dirname, '..', '..')
const EXECUTABLES = {
  holdfast: 'holdfast.ts',
  'holdfast-worker': 'vm-worker.ts',
  'holdfast-witness': 'holdfast-witness.ts',
}

/** Two machines, as far as `holdfast mirror serve` can tell, and a witness: every process real, every address its own. */
export class MirrorPair {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-mirror-'))
  readonly keyFile = join(this.folder, 'pool.key')
  readonly holdfast: string
  readonly a: MirrorSide
  readonly b: MirrorSide
  /** Loopback addresses of this process alone, so that any port is free on them. */
  readonly net = `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 255}`
  readonly witness = `${this.net}.50:7788`
  private readonly sides: MirrorSide[] = []
  private readonly bin = join(this.folder, 'bin')
  private witnessProcess: OwnProcess | null = null

  constructor(readonly size = '24M') {
    for (const [name, entry] of Object.entries(EXECUTABLES)) this.build(name, entry)
    this.holdfast = join(this.bin, 'holdfast')
    writeFileSync(this.keyFile, '42'.repeat(32), { mode: 0o600 })
    this.a = this.side('a')
    this.b = this.side('b')
  }

  /** Both sides serve, the first with --create, and both replicas are up-to-date. */
  static async mirrored(size?: string): Promise<MirrorPair> {
    const pair = new MirrorPair(size)
    await pair.begin()
    return pair
  }

  /** `more`: arguments for both sides. */
  async begin(...more: string[]): Promise<void> {
    await this.startWitness()
    this.b.start(...more)
    this.a.start('--create', ...more)
    await this.untilMirrored(this.a)
  }

  /** Makes an executable of plugin/`entry`, beside the others. */
  build(name: string, entry: string): void {
    const entryPoints = [join(ROOT, 'plugin', entry)]
    const outfile = join(this.bin, name)
    buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile, logLevel: 'error' })
  }

  /** A machine with a folder, an image and a log of its own. */
  side(name: string): MirrorSide {
    const side = new MirrorSide(name, this)
    this.sides.push(side)
    return side
  }

  /** Where the sides meet: two links. */
  links(name: string): string {
    const first = name === 'a' ? 30 : 40
    return `${this.net}.${first}:7801,${this.net}.${first + 1}:7801`
  }

  async startWitness(): Promise<void> {
    const script = join(this.bin, 'holdfast-witness')
    const argv = [script, '--listen', this.witness, '--data', join(this.folder, 'witness'), '--key', this.keyFile]
    const witness = ownProcess(argv, join(this.folder, 'witness.log'))
    this.witnessProcess = witness
    await eventually('the witness serves', () => Promise.resolve(/ serving /.test(witness.log()) ? true : null))
  }

  async killWitness(): Promise<void> {
    await this.witnessProcess?.kill()
  }

  async untilMirrored(primary: MirrorSide): Promise<void> {
    const other = primary === this.a ? this.b : this.a
    await primary.until('both replicas count', ({ role, degraded, claim }) => {
      const upToDate = Object.values(claim?.claim.upToDate ?? {}).flat()
      return role === 'primary' && degraded === '' && upToDate.length === 2
    })
    await other.until('the other side knows it', ({ volumes }) => volumes[0]?.localReplica === 'up-to-date')
  }

  /** Both images hold the same bytes; asked for when no write is under way. */
  expectSameBytes(): void {
    const [a, b] = [readFileSync(this.a.image), readFileSync(this.b.image)]
    const first = a.equals(b) ? -1 : a.findIndex((byte, at) => byte !== b[at])
    expect({ bytes: a.length, firstDifference: first }).toEqual({ bytes: b.length, firstDifference: -1 })
  }

  async close(): Promise<void> {
    await Promise.all([...this.sides.map((side) => side.kill()), this.killWitness()])
    rmSync(this.folder, { recursive: true })
  }
}
