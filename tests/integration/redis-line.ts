/** One TCP connection to a redis, held by a process where the network is: whoever speaks over it sees when it breaks. */
import type { ChildProcess } from 'node:child_process'
import { until } from './guest-rig'

const PIPE = `
const socket = require('node:net').connect(6379, process.argv[1])
const over = (why) => { console.log('-OVER ' + why); process.exit(1) }
socket.on('data', (data) => process.stdout.write(data))
socket.on('error', (error) => over(error.message))
socket.on('close', () => over('closed'))
process.stdin.pipe(socket)
`

export const redisLineCommand = (address: string): string[] => [process.execPath, '-e', PIPE, address]

export class RedisLine {
  private heard = ''

  /** `child`: runs redisLineCommand, with pipes. */
  constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (data: Buffer) => (this.heard += data.toString('latin1')))
  }

  ask(command: string): void {
    this.child.stdin?.write(`${command}\r\n`)
  }

  /** All lines so far. */
  lines(): string[] {
    return this.heard.split('\r\n').slice(0, -1)
  }

  async answers(count: number): Promise<string[]> {
    await until(`${count} answers`, () => this.heard.includes('-OVER') || this.lines().length >= count)
    if (this.heard.includes('-OVER')) throw new Error(`the connection is over: ${this.heard.slice(-200)}`)
    return this.lines()
  }
}
