/** Resets this machine when its watchdog falls silent, or at once. */
export interface HostFence {
  /** From now on the machine is reset when nothing pets it for so many seconds. Rejects when that cannot be had. */
  arm(seconds: number): Promise<void>
  /** False when it is not armed, or not any more. */
  pet(): boolean
  disarm(): Promise<void>
  /** Ends this machine at once, without stopping anything; rejects when it is still there. */
  fence(): Promise<never>
}
