import { applyBatch, miscounted, readBatch, type RecordTables } from './records'

/** One `event.from` with our classes; in one session: a token means nothing in another, which may be with another database. */
export type AskEvents = (token: string, waitSeconds: number) => Promise<unknown>

export interface EventStreamParts {
  readonly ask: AskEvents
  readonly classes: readonly string[]
  /** The tables are complete and at most one answer old. */
  readonly onTables: (tables: RecordTables) => void
  readonly onMiscount: (classes: readonly string[]) => void
}

/**
 * How long an idle `event.from` waits. A coordinator that died leaves a member's call hanging without an error, so this, plus
 * the slack of its deadline, is how late `reachable` may turn false. XML-RPC once refused whole numbers here.
 */
export const EVENT_WAIT_SECONDS = 5.1

/**
 * Follows the pool until `ask` rejects. The empty token answers every object together with the token that continues from there,
 * so nothing can fall between a fetch and the first event. XAPI forgets deletions when there were many: when its number of
 * records and ours differ, everything is fetched again.
 */
export async function followEvents({ ask, classes, onTables, onMiscount }: EventStreamParts): Promise<never> {
  let tables: RecordTables = new Map()
  let token = ''
  for (;;) {
    const fresh = token === ''
    const batch = readBatch(await ask(token, EVENT_WAIT_SECONDS))
    tables = applyBatch(tables, batch.events)
    const wrong = miscounted(tables, batch.counts, classes)
    if (wrong.length > 0) onMiscount(wrong)
    if (wrong.length > 0 && !fresh) {
      token = ''
      tables = new Map()
      continue
    }
    token = batch.token
    if (fresh || batch.events.length > 0) onTables(tables)
  }
}
