/** As the system says it. */
export const failure = (code: string): Error => Object.assign(new Error(`simulated ${code}`), { code })

export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error('what was thrown is no error'))
