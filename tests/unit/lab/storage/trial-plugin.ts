/**
 * A small SMAPIv3 plug-in to try the lab's storage with: volumes are files in a folder, a disk is served by qemu-nbd while it is
 * active. Every call is written to calls.log beside the volumes' folder; a file named after a call makes that call fail, in the way
 * the file's text says.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const VOLUME = ['Plugin.Query', 'SR.create', 'SR.attach', 'SR.detach', 'SR.destroy', 'SR.stat', 'SR.ls']
const ON_VOLUMES = ['create', 'destroy', 'resize', 'stat', 'set_name', 'set_description'].map((name) => `Volume.${name}`)
const DATAPATH = [
  'Plugin.Query',
  ...['open', 'attach', 'activate', 'deactivate', 'detach', 'close'].map((name) => `Datapath.${name}`),
]

const program = (state: string): string => `#!${process.execPath}
const fs = require('node:fs'), path = require('node:path'), { execFileSync } = require('node:child_process')
const state = ${JSON.stringify(state)}
const call = path.basename(process.argv[1])
const args = JSON.parse(fs.readFileSync(0, 'utf8'))
const environment = Object.keys(process.env).join()
fs.appendFileSync(state + '/calls.log', call + ' ' + (args.domain ?? '') + ' ' + environment + ' ' + process.cwd() + ' ' + process.argv.slice(2) + '\\n')
const fault = path.join(state, 'fault', call)
if (fs.existsSync(fault)) { process.stdout.write(fs.readFileSync(fault)); process.exit(1) }
const folder = path.join(state, 'volumes')
const label = (key) => path.join(folder, key + '.json')
const read = (key) => JSON.parse(fs.readFileSync(label(key), 'utf8'))
const volume = (key) => ({ key, uuid: null, ...read(key), read_write: true, sharable: false,
  virtual_size: fs.statSync(path.join(folder, key)).size, physical_utilisation: 0, uri: ['other://x', 'trial://' + key], keys: { made: 'here' } })
const key = args.key ?? (args.uri ?? '').replace('trial://', '')
const socket = path.join(state, key + '.sock')
const calls = {
  'Plugin.Query': () => ({ plugin: 'trial', name: 'Trial', description: '', vendor: '', copyright: '', version: '1', required_api_version: '5.0', features: [], configuration: {}, required_cluster_stack: [] }),
  'SR.create': () => ({ ...args.configuration, made: args.uuid }),
  'SR.attach': () => 'attached ' + args.configuration.made,
  'SR.detach': () => null, 'SR.destroy': () => null,
  'SR.stat': () => ({ sr: args.sr, name: '', description: '', total_space: 1000, free_space: 400, datasources: [], clustered: false, health: ['Healthy', ''] }),
  'SR.ls': () => fs.readdirSync(folder).filter((name) => !name.endsWith('.json')).map(volume),
  'Volume.create': () => {
    const made = 'v' + fs.readdirSync(folder).length
    fs.writeFileSync(label(made), JSON.stringify({ name: args.name, description: args.description }))
    fs.writeFileSync(path.join(folder, made), ''); fs.truncateSync(path.join(folder, made), args.size)
    return volume(made)
  },
  'Volume.destroy': () => { fs.rmSync(path.join(folder, key)); fs.rmSync(label(key)); return null },
  'Volume.resize': () => { fs.truncateSync(path.join(folder, key), args.new_size); return null },
  'Volume.stat': () => volume(key),
  'Volume.set_name': () => { fs.writeFileSync(label(key), JSON.stringify({ ...read(key), name: args.new_name })); return null },
  'Volume.set_description': () => { fs.writeFileSync(label(key), JSON.stringify({ ...read(key), description: args.new_description })); return null },
  'Datapath.open': () => null, 'Datapath.close': () => null,
  'Datapath.attach': () => ({ implementations: [['XenDisk', { params: '', extra: {}, backend_type: 'vbd' }], ['Nbd', { uri: 'nbd:unix:' + socket + ':exportname=' + key }]] }),
  'Datapath.activate': () => { execFileSync('qemu-nbd', ['--fork', '--persistent', '--format=raw', '--export-name=' + key, '--socket=' + socket, '--pid-file=' + socket + '.pid', path.join(folder, key)], { stdio: 'ignore' }); return null },
  'Datapath.deactivate': () => { if (fs.existsSync(socket + '.pid')) process.kill(Number(fs.readFileSync(socket + '.pid', 'utf8')), 'SIGTERM'); return null },
  'Datapath.detach': () => null,
}
process.stdout.write(JSON.stringify(calls[call]()))
`

export class TrialPlugin {
  constructor(
    private readonly state: string,
    roots: readonly string[],
  ) {
    mkdirSync(join(state, 'volumes'), { recursive: true })
    mkdirSync(join(state, 'fault'))
    for (const root of roots) {
      const scripts = join(root, 'usr/libexec/xapi-storage-script')
      this.install(join(scripts, 'volume/trial'), [...VOLUME, ...ON_VOLUMES])
      this.install(join(scripts, 'datapath/trial'), DATAPATH)
    }
  }

  /** Lines `call domain`, environment and the rest left out. */
  calls(pattern: RegExp): string[] {
    const log = join(this.state, 'calls.log')
    if (!existsSync(log)) return []
    return readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => pattern.test(line))
      .map((line) => line.split(' ').slice(0, 2).join(' ').trim())
  }

  rawCalls(): string[] {
    return readFileSync(join(this.state, 'calls.log'), 'utf8').trim().split('\n')
  }

  forgetCalls(): void {
    rmSync(join(this.state, 'calls.log'), { force: true })
  }

  fail(call: string, stdout: string): void {
    writeFileSync(join(this.state, 'fault', call), stdout)
  }

  mend(call: string): void {
    rmSync(join(this.state, 'fault', call))
  }

  file(key: string): string {
    return join(this.state, 'volumes', key)
  }

  private install(folder: string, calls: readonly string[]): void {
    mkdirSync(folder, { recursive: true })
    for (const call of calls) {
      writeFileSync(join(folder, call), program(this.state))
      chmodSync(join(folder, call), 0o755)
    }
  }
}
