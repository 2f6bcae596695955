import { userInfo } from 'node:os'

/** Who types, as the timeline is to name him. */
export const operator = (): string => process.env['SUDO_USER'] ?? userInfo().username
