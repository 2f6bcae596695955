import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from '../child'
import { fioResult, type FioResult } from './fio-result'
import type { Row } from './rows'

export interface FioTarget {
  /** NBD URI of the disk. */
  readonly uri: string
  readonly sizeBytes: number
  /** Where fio leaves its files. */
  readonly folder: string
}

/** @param seed of the offsets, so that every subject is asked for the same ones */
export async function measureWithFio(row: Row, runMs: number, seed: number, target: FioTarget): Promise<FioResult> {
  return runFio(target, [
    `--rw=${row.pattern}`,
    `--bs=${row.blockBytes}`,
    `--iodepth=${row.depth}`,
    ...(row.flushes ? ['--fsync=1'] : []),
    ...['--time_based', `--runtime=${runMs}ms`, `--randseed=${seed}`, '--lat_percentiles=1', '--clat_percentiles=0'],
  ])
}

/** Writes with checksums and reads all of it back; rejects when anything is not what was written. */
export async function verifyWithFio(seed: number, target: FioTarget): Promise<void> {
  await runFio({ ...target, sizeBytes: Math.min(target.sizeBytes, VERIFIED_BYTES) }, [
    ...['--rw=randwrite', '--bs=4k', '--iodepth=8', `--randseed=${seed}`, '--verify=crc32c', '--do_verify=1'],
    ...['--verify_fatal=1', '--verify_state_save=0', '--lat_percentiles=1', '--clat_percentiles=0'],
  ])
}
const VERIFIED_BYTES = 64 * 1024 * 1024

async function runFio({ uri, sizeBytes, folder }: FioTarget, load: readonly string[]): Promise<FioResult> {
  const output = join(folder, 'fio.json')
  rmSync(output, { force: true })
  await runToEnd('fio', [
    ...['--name=bench', '--ioengine=nbd', '--thread=1', `--uri=${uri}`, `--size=${sizeBytes}`],
    ...['--output-format=json', `--output=${output}`, '--eta=never'],
    ...load,
  ])
  return fioResult(readFileSync(output, 'utf8'))
}
