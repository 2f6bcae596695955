import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brokenCarry, brokenRule } from '../../lib/core/witness/rules'
import type { EtcdTls } from '../../lib/dom0/etcd/etcd-post'
import { connectEtcd, type EtcdOptions } from '../../lib/dom0/etcd/etcd-witness'
import { systemClock } from '../../lib/dom0/system/system-clock'
import type { WitnessPort } from '../../lib/ports/witness'
import { makeCertificates } from './running-etcd-certificates'
import { KeptLog, POOL } from './running-witness'

const STARTS_MAX = 3
const START_LIMIT_MS = 60_000

/** One member: https with client certificates for the product, http beside it for a test's own looks. */
export class EtcdMember {
  readonly ended: Promise<unknown>
  isOver = false

  constructor(
    readonly https: string,
    readonly http: string,
    private readonly logFile: string,
    private readonly child: ChildProcess,
  ) {
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve((this.isOver = true)))
    })
  }

  get log(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.isOver) this.child.kill(name)
  }

  /** By the number it has in the cluster; null: it does not know, or does not answer. */
  async leader(): Promise<{ self: string; leader: string } | null> {
    try {
      const limit = AbortSignal.timeout(1000)
      const answer = await fetch(`${this.http}/v3/maintenance/status`, { method: 'POST', body: '{}', signal: limit })
      const { header, leader } = (await answer.json()) as { header?: { member_id: string }; leader?: string }
      return header === undefined || leader === undefined ? null : { self: header.member_id, leader }
    } catch {
      return null
    }
  }
}

/** A real cluster on loopback: `etcd` of the distribution, data and logs in a folder of its own. */
export class RunningEtcd {
  readonly log = new KeptLog()
  private readonly ports: WitnessPort[] = []
  private clients = 0

  private constructor(
    private readonly folder: string,
    readonly tls: EtcdTls,
    readonly members: readonly EtcdMember[],
  ) {}

  static async start(count: number, args: readonly string[] = []): Promise<RunningEtcd> {
    for (let starts = 1; ; starts += 1) {
      const folder = mkdtempSync(join(tmpdir(), 'holdfast-etcd-'))
      const cluster = new RunningEtcd(folder, makeCertificates(folder), await launched(folder, count, args))
      const trouble = await cluster.serving()
      if (trouble === null) return cluster
      await cluster.stop()
      // A port that was free a moment ago may be somebody's by now.
      if (starts === STARTS_MAX || !trouble.includes('address already in use')) throw new Error(trouble)
    }
  }

  /** As a configuration names it. */
  get address(): string {
    return `etcd+https://${this.members.map(({ https }) => new URL(https).host).join()}`
  }

  /** Names of files that a host would have. */
  get tlsFiles(): { ca: string; cert: string; key: string } {
    return { ca: join(this.folder, 'ca.pem'), cert: join(this.folder, 'client.pem'), key: join(this.folder, 'client.key') }
  }

  /** Every call is another client, unless it is named. */
  connect(changes: Partial<EtcdOptions> = {}): WitnessPort {
    this.clients += 1
    const port = connectEtcd({
      ...{ endpoints: this.members.map(({ https }) => https), tls: this.tls, pool: POOL, client: `client ${this.clients}` },
      ...{ clock: systemClock, log: this.log, brokenRule, brokenCarry, deadlineMs: 20_000, ...changes },
    })
    this.ports.push(port)
    return port
  }

  /** The member that leads, as those see it that still work. */
  async leader(): Promise<EtcdMember> {
    const seen = await Promise.all(this.members.map(async (member) => ({ member, ...(await member.leader()) })))
    const leads = seen.find(({ leader }) => leader !== undefined)?.leader
    const found = seen.find(({ self }) => self !== undefined && self === leads)
    if (found === undefined) throw new Error('nobody leads')
    return found.member
  }

  async stop(): Promise<void> {
    for (const port of this.ports) port.close()
    for (const member of this.members) member.signal('SIGKILL')
    await Promise.all(this.members.map(({ ended }) => ended))
    rmSync(this.folder, { recursive: true })
  }

  /** Waits until all agree on a leader; or answers what a member said before it ended. */
  private async serving(): Promise<string | null> {
    const giveUpAt = performance.now() + START_LIMIT_MS
    for (;;) {
      const dead = this.members.find(({ isOver }) => isOver)
      if (dead !== undefined || performance.now() > giveUpAt)
        return `etcd does not serve: ${(dead ?? this.members[0])?.log ?? ''}`
      const leaders = await Promise.all(this.members.map((member) => member.leader()))
      if (leaders.every((each) => each !== null && each.leader === leaders[0]?.leader)) return null
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function launched(folder: string, count: number, more: readonly string[]): Promise<EtcdMember[]> {
  const ports = await freePorts(3 * count)
  const places = Array.from({ length: count }, (_, nth) => {
    const [peer = 0, secure = 0, plain = 0] = ports.slice(3 * nth)
    const at = (scheme: string, port: number): string => `${scheme}://127.0.0.1:${port}`
    return { name: `m${nth}`, peer: at('http', peer), https: at('https', secure), http: at('http', plain) }
  })
  const cluster = places.map(({ name, peer }) => `${name}=${peer}`).join()
  return places.map(({ name, peer, https, http }) => {
    const certificates = ['--trusted-ca-file', 'ca.pem', '--cert-file', 'member.pem', '--key-file', 'member.key']
    const args = [
      ...['--name', name, '--data-dir', name, '--initial-cluster', cluster, '--initial-cluster-token', folder],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--listen-client-urls', `${https},${http}`, '--advertise-client-urls', https],
      ...['--client-cert-auth', ...certificates, '--heartbeat-interval', '50', '--election-timeout', '500'],
      ...['--logger', 'zap', '--log-level', 'warn', ...more],
    ]
    const logFile = join(folder, `${name}.log`)
    const output = openSync(logFile, 'a')
    // It ends with this process, however this one ends.
    const argv = ['--pdeathsig', 'KILL', '--', 'etcd', ...args]
    const child = spawn('setpriv', argv, { cwd: folder, stdio: ['ignore', output, output] })
    closeSync(output)
    return new EtcdMember(https, http, logFile, child)
  })
}

/** All held at once, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            resolve(typeof address === 'object' && address !== null ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
