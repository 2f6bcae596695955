/** Whether an error is the operating system's with one of these codes. */
export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  return (
    typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
  )
}
