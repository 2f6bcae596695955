import { SingleBar } from 'cli-progress'

/** What is being done, out of how much, and for how long still: on a terminal as a bar, elsewhere a line per step. */
export interface Progress {
  step(text: string): void
  end(): void
}

export function progress(stream: NodeJS.WriteStream, steps: number): Progress {
  return stream.isTTY ? bar(stream, steps) : lines(stream, steps)
}

function bar(stream: NodeJS.WriteStream, steps: number): Progress {
  const format = '[{bar}] {value}/{total}  {eta_formatted} left  {text}'
  const single = new SingleBar({ format, stream, barsize: 24, hideCursor: true, linewrap: false, etaBuffer: ETA_STEPS })
  let begun = -1
  single.start(steps, 0, { text: '' })
  return {
    step: (text) => single.update(++begun, { text }),
    end: () => single.stop(),
  }
}
/** Steps differ in length, but the same ones come round after round. */
const ETA_STEPS = 30

function lines(stream: NodeJS.WriteStream, steps: number): Progress {
  const begunMs = performance.now()
  let begun = -1
  return {
    step: (text) => {
      begun++
      const elapsedSeconds = (performance.now() - begunMs) / 1000
      const left = begun === 0 ? '' : `, ${Math.ceil((elapsedSeconds / begun) * (steps - begun))} s left`
      stream.write(`${begun}/${steps}${left}: ${text}\n`)
    },
    end: () => undefined,
  }
}
