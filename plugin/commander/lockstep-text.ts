import type { LockstepMeasure, LockstepReport } from '../../lib/wire/lockstep'
import { bytes } from './quantities'

const ms = (value: number | null): string =>
  value === null ? '?' : `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))} ms`

/** What lockstep would cost, as it was measured on the running guest. */
export function forecastText(measure: LockstepMeasure | null, secondary: string): string {
  if (measure === null)
    return 'The VM does not run: what lockstep costs it is measured when it does. Ask for the plan again then.'
  const { pauseMs, outputDelayMs, bytesPerSecond, changedBytesPerEpoch, memoryBytes } = measure
  return (
    `Measured on the running guest: it would stand still for ${ms(pauseMs)} in each epoch, and its network output would leave ` +
    `${ms(outputDelayMs)} later in the median. ${bytes(bytesPerSecond)}/s would travel to ${secondary} ` +
    `(${bytes(changedBytesPerEpoch)} per epoch), and ${bytes(memoryBytes)} of memory be used there.`
  )
}

/** For the status of one VM. Null: it does not run, or the asked host does not know. */
export function lockstepLines(report: LockstepReport | null, powerState: string): string[] {
  if (report === null) return [powerState === 'Running' ? 'not known here' : 'begins when it runs']
  const { isKept, state, why, epochsConfirmed, heldBytes } = report
  const { pauseMedianMs, pauseP99Ms, bytesPerEpoch, outputDelayMedianMs, outputDelayP99Ms } = report
  const head = isKept ? `kept, ${epochsConfirmed} epochs confirmed` : `not kept (${state})${why === '' ? '' : `: ${why}`}`
  if (pauseMedianMs === null && outputDelayMedianMs === null) return [head]
  const perEpoch = bytesPerEpoch === null ? '' : `, ${bytes(bytesPerEpoch)} per epoch`
  return [
    head,
    `the guest stands ${ms(pauseMedianMs)} (p99 ${ms(pauseP99Ms)}) in each pause${perEpoch}`,
    `output leaves after ${ms(outputDelayMedianMs)} (p99 ${ms(outputDelayP99Ms)}), ${bytes(heldBytes)} held now`,
  ]
}
