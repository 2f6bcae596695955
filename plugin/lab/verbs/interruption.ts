import { Interrupted } from '../../../lib/lab/demo/demo'

/** Rejects at the first ^C or SIGTERM; later ones do not stop the clearing away. */
export function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => reject(new Interrupted(`ended by ${signal}`)))
  })
}
