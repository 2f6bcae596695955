import type { DeciderNote } from '../core/domain/decider-note'

/** Where a host keeps what it agreed to about the witnesses, one note for each VM. Rejects with the system's error when a disk does. */
export interface ClaimNotes {
  /** As it was saved last; null: there is none. `damaged`: there is one, and nobody can tell any more what it says. */
  read(vm: string): Promise<DeciderNote | null | 'damaged'>
  /** On stable storage when it resolves. After a failure either note may be read. */
  save(vm: string, note: DeciderNote): Promise<void>
  forget(vm: string): Promise<void>
}
