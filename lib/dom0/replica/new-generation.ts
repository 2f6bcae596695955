import { randomBytes } from 'node:crypto'

/** 16 hex digits: when it began, in seconds since 1970, so that people can read it from the name; then chance. */
export const newGeneration = (): string =>
  Math.floor(Date.now() / 1000)
    .toString(16)
    .padStart(8, '0') + randomBytes(4).toString('hex')
