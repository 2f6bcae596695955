import type { PowerOffOutcome, PowerStatus } from '../core/domain/fence'
import type { HostUuid } from '../core/domain/ids'

/** The power switches of the pool's hosts. Each question ends within seconds, and never rejects. */
export interface PowerFencer {
  /** False: nobody has told how to switch this host. */
  knows(host: HostUuid): boolean
  /** As it was at some moment between question and answer. */
  status(host: HostUuid): Promise<PowerStatus>
  /** At once, without asking the operating system. Whether it is off then, only `status` tells. */
  off(host: HostUuid): Promise<PowerOffOutcome>
}
