import { getSystemErrorMap } from 'node:util'
import { formatReplicaSource, type NbdSource } from '../../wire/replica-source'

/** An error of an NBD replica: the code for programs, the place and the reason for people. */
export const nbdFailure = (code: string, source: NbdSource, reason: string): Error =>
  Object.assign(new Error(`${code}: ${formatReplicaSource(source)}: ${reason}`), { code })

/** The system's name of an error number in a reply; EIO for one that it does not have. */
export const errnoName = (errno: number): string => getSystemErrorMap().get(-errno)?.[0] ?? 'EIO'

export const isSystemCode = (code: string): boolean => [...getSystemErrorMap().values()].some(([name]) => name === code)
