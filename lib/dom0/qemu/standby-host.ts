import { execFile } from 'node:child_process'
import type { StandbySpec } from '../../ports/standby-machine'
import { preparedStandby, type PreparedStandby } from '../../wire/standby-host'
import { codeOf, failure } from '../system/system-error'

/** Found by name; a stock host has none. */
export const STANDBY_HOST = 'holdfast-standby'

/** A machine is started, which a busy host takes its time for; a toolstack that hangs must not hang its caller with it. */
const PREPARE_LIMIT_MS = 60_000
const LIMIT_MS = 15_000
const OUTPUT_BYTES_MAX = 1024 * 1024

/** What a host does for standbys: docs/reference/lockstep-host.md. Each rejects with the host's own words. */
export interface StandbyHost {
  /** Null: this host can have standbys. Otherwise what it lacks, a sentence's end. */
  lacks(): Promise<string | null>
  prepare(spec: StandbySpec): Promise<PreparedStandby>
  run(domid: string): Promise<void>
  end(domid: string): Promise<void>
}

export function standbyHost(executable = STANDBY_HOST): StandbyHost {
  const call = (limitMs: number, ...argv: readonly string[]): Promise<string> => {
    const options = { timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const
    return new Promise((resolve, reject) => {
      execFile(executable, argv, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (codeOf(error) === 'ENOENT') reject(failure('ENOENT', lacking(executable)))
        else reject(new Error(`${executable} ${argv.join(' ')}: ${stderr.trim().slice(0, 500) || error.message}`))
      })
    })
  }
  return {
    lacks: async () => {
      try {
        await call(LIMIT_MS, 'list')
        return null
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return lacking(executable)
        throw error
      }
    },
    prepare: async ({ vm, run, memoryBytes, way }) =>
      preparedStandby(
        await call(PREPARE_LIMIT_MS, 'prepare', vm, '--run', String(run), '--memory', String(memoryBytes), '--way', way),
      ),
    run: async (domid) => {
      await call(LIMIT_MS, 'run', domid)
    },
    end: async (domid) => {
      await call(LIMIT_MS, 'end', domid)
    },
  }
}

const lacking = (executable: string): string => `this host cannot have a waiting copy of a VM (it has no ${executable})`
