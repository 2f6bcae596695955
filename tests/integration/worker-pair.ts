import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import type { StoredClaim } from '../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey, type VmUuid, type VolumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/replica/open-replica'
import type { WitnessClient } from '../../lib/dom0/witness/witness-client'
import type { WitnessPort } from '../../lib/ports/witness'
import type { PeerAddress, WorkerSpec } from '../../lib/wire/worker-api'
import { DiskWriter } from './disk-writer'
import { WitnessBench, POOL, type WitnessProcess } from './witness-process'
import { eventually, WorkerHost } from './worker-host'

const MIB = 1024 * 1024
export const DISK_BYTES = 24 * MIB
export const DOMAIN = '7'
const PEER_PORT = 7801
let pairs = 0

/** A toolstack with one domain for each host. */
const XL = `#!/bin/sh
case $1 in
list)
  printf 'Name ID Mem VCPUs State Time(s)\\n'
  [ -e "$XL_LOG.gone" ] || printf 'guest ${DOMAIN} 256 1 %s 1.0\\n' "$(cat "$XL_LOG.state" 2>/dev/null || echo r-----)"
  exit 0 ;;
pause) echo --p--- >"$XL_LOG.state" ;;
unpause) echo r----- >"$XL_LOG.state" ;;
destroy) : >"$XL_LOG.gone" ;;
esac
echo "$*" >>"$XL_LOG"
`

/** Another back end in the witness's place. */
export interface ClaimKeeper {
  readonly port: WitnessPort
  readonly spec: Pick<WorkerSpec, 'witness' | 'witnessTls'>
}

/** Two workers of one VM on two "hosts" of this machine, and a witness: every process real, every address its own. */
export class WorkerPair {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-pair-'))
  readonly bench = new WitnessBench()
  readonly vm: VmUuid
  readonly volume: VolumeKey
  readonly a: WorkerHost
  readonly b: WorkerHost
  witness!: WitnessProcess
  claims!: WitnessClient
  /** Who keeps the claim, and how the workers' specs name it; null: `witness`. */
  private keeper: ClaimKeeper | null = null
  private readonly net: string
  private readonly writers: DiskWriter[] = []

  private constructor() {
    const nth = ++pairs
    const serial = String(nth).padStart(12, '0')
    this.vm = vmUuid(`eeeeeeee-0000-4000-8000-${serial}`)
    this.volume = volumeKey(`dddddddd-0000-4000-8000-${serial}`)
    // Loopback addresses of this process alone, so that any port is free on them.
    this.net = `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 255}`
    const script = join(this.folder, 'holdfast-worker.js')
    const entryPoints = [join(__dirname, '..', '..', 'plugin', 'vm-worker.ts')]
    buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile: script, logLevel: 'error' })
    const bin = join(this.folder, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'xl'), XL)
    chmodSync(join(bin, 'xl'), 0o755)
    this.a = new WorkerHost(hostUuid(`aaaaaaaa-0000-4000-8000-${serial}`), join(this.folder, 'a'), script, bin)
    this.b = new WorkerHost(hostUuid(`bbbbbbbb-0000-4000-8000-${serial}`), join(this.folder, 'b'), script, bin)
  }

  /** The claim is stored, the primary has a whole replica; no worker runs yet. */
  static async make(leaseMs = 1500, keeper: ClaimKeeper | null = null): Promise<WorkerPair> {
    const pair = new WorkerPair()
    pair.keeper = keeper
    pair.witness = await pair.bench.serving()
    pair.claims = pair.bench.connect(pair.witness.port)
    const replica = await openReplica({ key: pair.volume, sizeBytes: DISK_BYTES, path: pair.a.image }, true)
    for (let at = 0; at < DISK_BYTES; at += MIB) await replica.device.write(at, stamped(at))
    await replica.save({ state: 'up-to-date' })
    await replica.close()
    const stored = await (keeper?.port ?? pair.claims).compareAndSwap(0, {
      ...{ vm: pair.vm, term: 1, holder: pair.a.uuid, leaseMs, lockstep: null },
      upToDate: { [pair.volume]: [pair.a.uuid] },
    })
    if (!stored.stored) throw new Error(`no claim: ${stored.why}`)
    return pair
  }

  /** Both workers run, the guest's disk is attached, both replicas are up-to-date. */
  static async redundant(leaseMs?: number, keeper?: ClaimKeeper): Promise<WorkerPair> {
    const pair = await WorkerPair.make(leaseMs, keeper)
    pair.b.start(pair.specOf(pair.b))
    pair.a.start(pair.specOf(pair.a))
    await pair.untilRedundant()
    await pair.attach(pair.a)
    return pair
  }

  specOf(host: WorkerHost, changes: Partial<WorkerSpec> = {}): WorkerSpec {
    const other = host === this.a ? this.b : this.a
    return {
      ...{ format: 1, id: this.vm, pool: POOL, host: host.uuid, vm: this.vm, witness: `127.0.0.1:${this.witness.port}` },
      ...{ poolKeyFile: this.bench.keyFile, timelineFile: host.timelineFile, leases: join(host.folder, 'leases') },
      claimNotesFolder: join(host.folder, 'claims'),
      volumes: [{ key: this.volume, sizeBytes: DISK_BYTES, path: host.image }],
      listen: { port: PEER_PORT, addresses: this.addressesOf(host) },
      peer: this.addressOf(other),
      attached: {},
      ...this.keeper?.spec,
      ...changes,
    }
  }

  /** Where a worker accepts its peer: two A-links. */
  addressOf(host: WorkerHost): PeerAddress {
    return { host: host.uuid, addresses: this.addressesOf(host), port: PEER_PORT }
  }

  private addressesOf(host: WorkerHost): string[] {
    const first = host === this.a ? 10 : 20
    return [`${this.net}.${first}`, `${this.net}.${first + 1}`]
  }

  async attach(host: WorkerHost): Promise<void> {
    await host.until('a role that serves', ({ role }) => role !== 'secondary')
    await host.ask('attach', { volume: this.volume, domain: DOMAIN })
    await host.ask('activate', { volume: this.volume, domain: DOMAIN })
  }

  /** A guest's disk client. Writers of one disk keep to different parts of it. */
  async writer(host: WorkerHost, part: 0 | 1, seed: number): Promise<DiskWriter> {
    const { socket, exportName } = await host.ask('attach', { volume: this.volume, domain: DOMAIN })
    const half = DISK_BYTES / 2
    const writer = new DiskWriter({ socket, exportName, offset: part * half, length: half, seed })
    this.writers.push(writer)
    return writer
  }

  async claim(): Promise<StoredClaim> {
    const stored = await (this.keeper?.port ?? this.claims).read(this.vm)
    if (stored === null) throw new Error('the witness has no claim')
    return stored
  }

  async upToDate(): Promise<readonly string[]> {
    return (await this.claim()).claim.upToDate[this.volume] ?? []
  }

  async untilRedundant(primary = this.a): Promise<void> {
    await eventually('both replicas in the claim', async () => ((await this.upToDate()).length === 2 ? true : null))
    await primary.until('redundant', ({ degraded, role }) => role === 'primary' && degraded === '')
  }

  /** Both images hold the same bytes; asked for when no write is under way. */
  expectSameBytes(): void {
    const [a, b] = [readFileSync(this.a.image), readFileSync(this.b.image)]
    let first = -1
    if (!a.equals(b)) first = a.findIndex((byte, at) => byte !== b[at])
    expect({ bytes: a.length, firstDifference: first }).toEqual({ bytes: b.length, firstDifference: -1 })
  }

  async restartWitness(): Promise<void> {
    this.witness = await this.bench.serving(this.witness.port)
  }

  async close(): Promise<void> {
    for (const writer of this.writers) await writer.close()
    await Promise.all([this.a.kill(), this.b.kill()])
    await this.bench.close()
    rmSync(this.folder, { recursive: true })
  }
}

/** A MiB that looks like no other. */
function stamped(at: number): Buffer {
  const bytes = Buffer.alloc(MIB)
  for (let word = 0; word < MIB; word += 4) bytes.writeUInt32LE(Math.imul(at + word + 1, 2654435761) >>> 0, word)
  return bytes
}
