import { type ChildProcess, spawn } from 'node:child_process'

const PROMPT = 'qemu-io> '

/** QEMU's block client, told line by line what to ask for; what it asked for in the background is heard of by `line`. */
export class QemuIo {
  private readonly process: ChildProcess
  private readonly ended: Promise<void>
  private heard = ''
  private lines: string[] = []
  private prompted: ((lines: string[]) => void) | null = null
  private isOver = false
  private turn: Promise<unknown>

  /** `over` is called when it ends without having been asked to. */
  constructor(
    image: string,
    private readonly line: (line: string) => void,
    private readonly over: (lastWords: string) => void,
  ) {
    // Its output is buffered otherwise, and an answer would be heard of with the next one.
    this.process = spawn('stdbuf', ['-oL', 'qemu-io', '-t', 'writeback', '--image-opts', image])
    const listen = (chunk: Buffer): void => this.listen(chunk.toString())
    this.process.stdout?.on('data', listen)
    this.process.stderr?.on('data', listen)
    this.process.stdin?.on('error', () => undefined)
    this.ended = new Promise((resolve) => {
      this.process.once('close', () => {
        if (!this.isOver) this.over(this.lines.join(' '))
        this.isOver = true
        resolve()
      })
    })
    this.turn = this.prompt()
  }

  /** Resolves with what was printed until it takes another line: for a command in the background that is before its end. */
  command(text: string): Promise<string[]> {
    const answer = this.turn.then(() => {
      const lines = this.prompt()
      this.process.stdin?.write(`${text}\n`)
      return lines
    })
    this.turn = answer
    return answer
  }

  async kill(): Promise<void> {
    this.isOver = true
    this.process.kill('SIGKILL')
    await this.ended
  }

  /** Never resolves when the process ends first; `over` tells. */
  private prompt(): Promise<string[]> {
    return new Promise((resolve) => (this.prompted = resolve))
  }

  private listen(text: string): void {
    if (this.isOver) return
    this.heard += text
    for (;;) {
      if (this.heard.startsWith(PROMPT)) {
        this.heard = this.heard.slice(PROMPT.length)
        const { prompted, lines } = this
        this.lines = []
        this.prompted = null
        prompted?.(lines)
        continue
      }
      const end = this.heard.indexOf('\n')
      if (end < 0) return
      const line = this.heard.slice(0, end)
      this.heard = this.heard.slice(end + 1)
      this.lines.push(line)
      this.line(line)
    }
  }
}
