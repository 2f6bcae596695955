import { Figures } from '../../../lib/core/checkpoint/figures'

const NOTHING = {
  ...{ epochsConfirmed: 0, pauseMedianMs: null, pauseP99Ms: null, bytesPerEpoch: null },
  ...{ outputDelayMedianMs: null, outputDelayP99Ms: null, leftBecause: '' },
}

test('nothing is known before anything happens', () => expect(new Figures().now).toEqual(NOTHING))

test('pauses and bytes: of the last hundred', () => {
  const figures = new Figures()
  for (let n = 1; n <= 150; n++) {
    figures.done({ do: 'pause', attempt: n }, 1000 * n)
    figures.happened({ on: 'captured', attempt: n, bytes: n, nowMs: 1000 * n })
    figures.happened({ on: 'resumed', attempt: n, nowMs: 1000 * n + n })
  }
  // 51 to 150.
  expect(figures.now).toEqual({ ...NOTHING, pauseMedianMs: 100, pauseP99Ms: 149, bytesPerEpoch: Math.round(100.5) })
})

test('a guest that goes on without having been paused has no pause', () => {
  const figures = new Figures()
  figures.happened({ on: 'resumed', attempt: 1, nowMs: 5000 })
  expect(figures.now).toEqual(NOTHING)
})

test('output waits from the first frame of its epoch until that is released', () => {
  const figures = new Figures()
  const output = (nowMs: number): void => figures.happened({ on: 'output', nowMs })
  const cut = (epoch: number): void => figures.done({ do: 'cut', run: 1, epoch }, 0)
  figures.done({ do: 'begin', run: 1 }, 0)
  output(10)
  output(15)
  cut(0)
  cut(1)
  output(40)
  cut(2)
  // A pause that served for nothing: what came since is of the same epoch.
  output(70)
  cut(2)
  figures.done({ do: 'release', epoch: 1 }, 60)
  expect(figures.now).toEqual({ ...NOTHING, epochsConfirmed: 2, outputDelayMedianMs: 50, outputDelayP99Ms: 50 })
  figures.done({ do: 'release', epoch: 2 }, 120)
  expect(figures.now).toEqual({ ...NOTHING, epochsConfirmed: 3, outputDelayMedianMs: 50, outputDelayP99Ms: 80 })
})

test('why it left is kept; what was confirmed is of the run that is', () => {
  const figures = new Figures()
  figures.done({ do: 'release', epoch: 6 }, 0)
  figures.done({ do: 'tell', news: { what: 'left', run: 1, why: 'the operator' } }, 0)
  expect(figures.now).toEqual({ ...NOTHING, epochsConfirmed: 7, leftBecause: 'the operator' })
  figures.done({ do: 'begin', run: 2 }, 0)
  expect(figures.now).toEqual({ ...NOTHING, leftBecause: 'the operator' })
})
