import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectWitness } from '../../../lib/dom0/witness/witness-client'
import type { Log } from '../../../lib/ports/log'
import packageFile from '../../../package.json'
import { CannotMeasure } from '../cannot-measure'
import { Child } from '../child'
import { cpuOf } from '../proc-files'
import type { Latencies } from './latencies'
import { Load } from './load'
import { residentOf, type Resident } from './memory'

export interface WitnessBenchOptions {
  readonly claims: number
  readonly clients: number
  readonly seconds: number
  readonly everyMs: number
  readonly nodeOptions: string
}

export interface WitnessReport {
  readonly format: 1
  readonly version: string
  readonly node: string
  readonly options: WitnessBenchOptions
  /** All claims renewed in their turn. `cores`: what the witness took of them. */
  readonly paced: Latencies & { readonly cores: number }
  readonly renewals: Latencies
  readonly changes: Latencies
  readonly memory: {
    readonly started: Resident
    /** Connections without a claim. */
    readonly connected: Resident
    /** At the end of the paced renewals. */
    readonly renewing: Resident
    /** After everything. */
    readonly ended: Resident
  }
}

const POOL = '99999999-0000-4000-8000-000000000009'
/** Hosts give up much sooner; here every answer is to be counted. */
const DEADLINE_MS = 30_000
const CONNECTIONS_MAX = 2000
const SILENT: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** @param step told what is done next */
export async function benchWitness(options: WitnessBenchOptions, step: (text: string) => void): Promise<WitnessReport> {
  if (options.clients > CONNECTIONS_MAX) {
    const why = `A witness takes about ${CONNECTIONS_MAX} connections.`
    throw new CannotMeasure(`${options.clients} clients are too many.`, why, 'Ask for fewer.')
  }
  const folder = mkdtempSync(join(tmpdir(), 'hf-bench-witness-'))
  const key = randomBytes(32)
  const keyFile = join(folder, 'pool.key')
  writeFileSync(keyFile, key.toString('hex'), { mode: 0o600 })
  // The bundle lies in dist/bench.
  const executable = join(__dirname, '../dom0/holdfast-witness')
  const args = ['--listen', '127.0.0.1:0', '--data', join(folder, 'claims'), '--key', keyFile]
  const nodeOptions = options.nodeOptions.split(' ').filter((each) => each !== '')
  const witness = new Child('witness', [process.execPath, ...nodeOptions, executable, ...args], {
    log: join(folder, 'witness.log'),
  })
  let load: Load | null = null
  try {
    const port = await witness.until('serving', () => Promise.resolve(/serving .*"port":(\d+)/.exec(witness.log)?.[1] ?? null))
    const started = residentOf(witness.pid)
    step(`${options.clients} connections`)
    const secret = { address: `127.0.0.1:${port}`, pool: POOL, key, deadlineMs: DEADLINE_MS, log: SILENT }
    load = new Load(Array.from({ length: options.clients }, (_, nth) => connectWitness({ ...secret, client: `client ${nth}` })))
    await load.connected()
    const connected = residentOf(witness.pid)
    step(`${options.claims} claims`)
    await load.storeAll(options.claims)
    step(`renewals, each claim every ${options.everyMs} ms`)
    const before = cpuOf(witness.pid)
    const beganMs = performance.now()
    const paced = await load.renewEvery(options.everyMs, options.seconds)
    const after = cpuOf(witness.pid)
    const cores = (after.user + after.system - before.user - before.system) / ((performance.now() - beganMs) / 1000)
    const renewing = residentOf(witness.pid)
    step('renewals, as fast as they are answered')
    const renewals = await load.renewFlatOut(options.seconds)
    step('changes, as fast as they are answered')
    const changes = await load.changeFlatOut(options.seconds)
    return {
      ...{ format: 1, version: packageFile.version, node: process.version, options },
      ...{ paced: { ...paced, cores }, renewals, changes },
      memory: { started, connected, renewing, ended: residentOf(witness.pid) },
    }
  } finally {
    load?.close()
    await witness.stop()
    rmSync(folder, { recursive: true })
  }
}
