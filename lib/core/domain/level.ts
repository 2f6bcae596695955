/** The dial. A level is a floor: each includes the ones before it. */
export const LEVELS = ['unprotected', 'restart', 'redirect', 'lockstep'] as const
export type Level = (typeof LEVELS)[number]

export const isLevel = (text: string): text is Level => (LEVELS as readonly string[]).includes(text)
