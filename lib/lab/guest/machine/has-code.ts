/** Whether a failure is the system's of that name (`ENOENT`, `ESRCH`, ...), whichever realm's Error it is. */
export const hasCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code
