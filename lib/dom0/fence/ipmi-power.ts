/**
 * Power switches that speak IPMI 2.0, by ipmitool. The password stays in its file: arguments are everybody's to read. What hangs
 * is killed, what is not understood is `unknown`.
 */
import { execFile } from 'node:child_process'
import type { HostUuid } from '../../core/domain/ids'
import type { Log } from '../../ports/log'
import type { PowerFencer } from '../../ports/power-fencer'
import { powerStatusOf } from '../../wire/ipmi-words'
import { hostAndPort } from '../socket/host-and-port'

/** One host's board management controller. */
export interface IpmiSwitch {
  /** host, or host:port where it is not 623; an IPv6 host in brackets. */
  readonly address: string
  readonly user: string
  /** Holds the password and a line's end; readable by root only. */
  readonly passwordFile: string
  /** IPMI's number of a suite, for a controller that does not tell which ones it knows: asking it takes seconds. */
  readonly cipherSuite?: number
}

const IPMI_PORT = 623
/** A switch answers in a fraction of a second. Longer: a proof is void before the next look is answered. */
const LIMIT_MS = 5000
const OUTPUT_BYTES_MAX = 4096
/** ipmitool's own patience, in seconds and repetitions: it ends by itself, and says why. */
const PATIENCE = ['-N', '1', '-R', '1']

export class IpmiPower implements PowerFencer {
  /** What ipmitool is told of each host. */
  readonly #known: ReadonlyMap<HostUuid, readonly string[]>

  /** Throws TypeError for an address that is none. */
  constructor(
    switches: ReadonlyMap<HostUuid, IpmiSwitch>,
    private readonly log: Log,
    private readonly ipmitool = 'ipmitool',
  ) {
    this.#known = new Map([...switches].map(([host, one]) => [host, argumentsFor(one)]))
  }

  knows(host: HostUuid): boolean {
    return this.#known.has(host)
  }

  async status(host: HostUuid): Promise<'on' | 'off' | 'unknown'> {
    const output = await this.#chassisPower(host, 'status')
    return output === null ? 'unknown' : powerStatusOf(output)
  }

  async off(host: HostUuid): Promise<'asked' | 'failed'> {
    return (await this.#chassisPower(host, 'off')) === null ? 'failed' : 'asked'
  }

  /** Null when ipmitool did not end well, in time and in few words. */
  #chassisPower(host: HostUuid, verb: 'status' | 'off'): Promise<string | null> {
    const known = this.#known.get(host)
    if (known === undefined) return Promise.resolve(null)
    const argv = [...known, 'chassis', 'power', verb]
    const options = { timeout: LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX, encoding: 'utf8' } as const
    return new Promise((resolve) => {
      execFile(this.ipmitool, argv, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else {
          const trouble = (error.killed === true ? `no answer within ${LIMIT_MS} ms` : stderr.trim()) || error.message
          this.log.warn('a power switch does not do what it was asked', { host, verb, trouble: trouble.slice(0, 300) })
          resolve(null)
        }
      })
    })
  }
}

function argumentsFor({ address, user, passwordFile, cipherSuite }: IpmiSwitch): readonly string[] {
  const { host, port } = hostAndPort(/:\d+$/.test(address) ? address : `${address}:${IPMI_PORT}`)
  const suite = cipherSuite === undefined ? [] : ['-C', String(cipherSuite)]
  return ['-I', 'lanplus', ...suite, '-H', host, '-p', String(port), '-U', user, '-f', passwordFile, ...PATIENCE]
}
