import { SingleBar } from 'cli-progress'
import { monotonicMs } from '../client/record'

export interface Progress {
  /** @param text what follows the bar: bytes, rate, time left */
  show(done: number, total: number, text: string): void
  end(): void
}

/** Where the demonstration is told: every line begins with the seconds since it began. */
export class Screen {
  readonly #begunMs = monotonicMs()

  constructor(private readonly stream: NodeJS.WriteStream) {}

  get elapsedMs(): number {
    return monotonicMs() - this.#begunMs
  }

  headline(text: string): void {
    this.stream.write(`\n${text}\n${'-'.repeat(text.length)}\n`)
  }

  line(text: string): void {
    const seconds = `${(this.elapsedMs / 1000).toFixed(1)} s`.padStart(8)
    for (const [index, part] of filled(text, TEXT_WIDTH).entries())
      this.stream.write(`${index === 0 ? seconds : ' '.repeat(8)}  ${part}\n`)
  }

  /** As it is, without the time. */
  block(text: string): void {
    this.stream.write(text.endsWith('\n') ? text : `${text}\n`)
  }

  progress(label: string): Progress {
    return this.stream.isTTY ? bar(label, this.stream) : lines(label, this)
  }
}

const TEXT_WIDTH = 88

/** Words filled into lines of at most `width` characters; a longer word keeps a line of its own. */
export function filled(text: string, width: number): string[] {
  const made: string[] = []
  for (const word of text.split(' ')) {
    const last = made.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) made[made.length - 1] = `${last} ${word}`
    else made.push(word)
  }
  return made
}

function bar(label: string, stream: NodeJS.WriteStream): Progress {
  const format = `          ${label} [{bar}] {percentage} %  {text}`
  const single = new SingleBar({ format, stream, barsize: 24, hideCursor: true, linewrap: false })
  let begun = false
  return {
    show(done, total, text) {
      if (!begun) single.start(total, done, { text })
      begun = true
      single.setTotal(total)
      single.update(done, { text })
    },
    end() {
      if (begun) single.stop()
    },
  }
}

/** For a pipe or a log: a line whenever another tenth is done. */
function lines(label: string, screen: Screen): Progress {
  let told = -1
  return {
    show(done, total, text) {
      const tenth = Math.floor((10 * done) / Math.max(1, total))
      if (tenth === told) return
      told = tenth
      screen.line(`${label}: ${Math.floor((100 * done) / Math.max(1, total))} %  ${text}`)
    },
    end: () => undefined,
  }
}
