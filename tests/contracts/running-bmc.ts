import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { IpmiSwitch } from '../../lib/dom0/fence/ipmi-power'
import { freeze } from './frozen'

const READY_MS = 20_000
export const PASSWORD = 'Sim5alabim'

/** OpenIPMI's simulator of a board management controller, on loopback; a file is the power that it switches. */
export class RunningBmc {
  private constructor(
    private readonly child: ChildProcess,
    readonly folder: string,
    readonly port: number,
  ) {}

  static async start(power: 'on' | 'off'): Promise<RunningBmc> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bmc-'))
    const port = await freePort()
    const at = (name: string): string => join(folder, name)
    mkdirSync(at('state'))
    writeFileSync(at('power'), power === 'on' ? '1' : '0')
    writeFileSync(at('password'), `${PASSWORD}\n`, { mode: 0o600 })
    const switches = `#!/bin/sh\n[ "$2" = set ] && echo "$4" >${at('power')}\n[ "$2" = get ] && echo "power:$(cat ${at('power')})"\nexit 0\n`
    writeFileSync(at('chassis'), switches, { mode: 0o755 })
    writeFileSync(at('lan.conf'), lanConf(port, at('chassis')))
    writeFileSync(at('bmc.emu'), 'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n')
    const log = openSync(at('log'), 'a')
    const argv = ['-c', at('lan.conf'), '-f', at('bmc.emu'), '-s', at('state'), '-n']
    const child = spawn('ipmi_sim', argv, { stdio: ['ignore', log, log] })
    closeSync(log)
    const bmc = new RunningBmc(child, folder, port)
    await bmc.listens()
    return bmc
  }

  get switch(): IpmiSwitch {
    const { port, folder } = this
    // The simulator does not tell which suites it knows; it knows this one.
    return { address: `127.0.0.1:${port}`, user: 'holdfast', passwordFile: join(folder, 'password'), cipherSuite: 3 }
  }

  /** As the machine behind it would feel it. */
  get power(): 'on' | 'off' {
    return readFileSync(join(this.folder, 'power'), 'utf8').trim() === '1' ? 'on' : 'off'
  }

  press(power: 'on' | 'off'): void {
    writeFileSync(join(this.folder, 'power'), power === 'on' ? '1' : '0')
  }

  freeze(): Promise<void> {
    return freeze(this.child.pid ?? NaN)
  }

  goOn(): void {
    this.child.kill('SIGCONT')
  }

  /** It ends, as if its cable were pulled. */
  async unplug(): Promise<void> {
    this.child.kill('SIGKILL')
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
  }

  async stop(): Promise<void> {
    await this.unplug()
    rmSync(this.folder, { recursive: true })
  }

  private async listens(): Promise<void> {
    const deadline = Date.now() + READY_MS
    const entry = `0100007F:${this.port.toString(16).toUpperCase().padStart(4, '0')}`
    while (!readFileSync('/proc/net/udp', 'utf8').includes(entry)) {
      const log = readFileSync(join(this.folder, 'log'), 'utf8')
      if (this.child.exitCode !== null) throw new Error(`ipmi_sim ended: ${log}`)
      if (Date.now() > deadline) {
        await this.stop()
        throw new Error(`ipmi_sim does not listen: ${log}`)
      }
      await delay(5)
    }
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

const lanConf = (port: number, chassis: string): string => `name "holdfast"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
    allowed_auths_admin md5
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "${chassis} 0x20"
  user 2 true "holdfast" "${PASSWORD}" admin 10
`
