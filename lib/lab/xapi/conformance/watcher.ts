/**
 * A client of our own that follows events as a recorded one did: from the start of the recording, each call with the token of the
 * answer before it. What two runs find in one answer differs, so a recorded event is looked for in everything that was seen.
 */
import { XeClient } from '../../xe/client'
import type { Value } from '../../contract'
import { fromJson, isRecord, list, record, text } from '../../values'
import { missingIn } from './kept-fields'
import type { Placeholders } from './placeholders'
import type { Step } from './recording'

export interface Missing {
  readonly why: string
  /** Of the object, where there is none like it. */
  readonly label: string
}

type Event = Readonly<Record<string, Value>>
const ANSWER = 'events token valid_ref_counts'
const TOKEN = /^\d{20},\d{20}$/u

export class Watcher {
  private readonly seen: Event[] = []
  private fault: string | undefined
  private isOver = false
  private done: Promise<void> = Promise.resolve()

  private constructor(
    private readonly client: XeClient,
    private readonly classes: Value,
    private readonly timeout: Value,
  ) {}

  /** `first` is the recorded client's first call. */
  static async start(socketPath: string, first: Step): Promise<Watcher> {
    const client = new XeClient({ socketPath })
    await client.login('root', '')
    const [, classes = [], , timeout = 1] = list(fromJson(first.members['params']))
    const watcher = new Watcher(client, classes, timeout)
    const { token = '' } = record(await client.call('event.from', classes, '', 0.01))
    watcher.done = watcher.follow(text(token))
    return watcher
  }

  /** Ends after the call that is under way. */
  async stop(): Promise<void> {
    this.isOver = true
    await this.done
  }

  /** Why events of a recorded answer have no counterpart among those seen here. */
  missing(step: Step, names: Placeholders): Missing[] {
    if (this.fault !== undefined) return [{ why: this.fault, label: '' }]
    const { result } = { result: undefined, ...(step.members['response'] as object) }
    const { events = [] } = record(fromJson(result))
    return list(events).flatMap((each) => this.missingOne(record(each), names))
  }

  /** Events of an object that has no name here are known by its label: a task has that of its method. */
  private missingOne(event: Event, names: Placeholders): Missing[] {
    const { class: cls = '', operation = '', ref = '' } = event
    const { value: known, unbound } = names.fill(ref)
    const label = labelOf(event)
    const alike = this.seen.filter(
      (each) =>
        each['class'] === cls &&
        each['operation'] === operation &&
        (unbound.length === 0 ? each['ref'] === known : labelOf(each) === label),
    )
    const title = `${text(cls)} ${text(operation)} ${text(ref)} ${label}`
    if (alike.length === 0) return [{ why: `never seen here: ${title}`, label }]
    const whys = alike.map((each) => missingIn(event, each, title))
    return whys.includes(undefined) ? [] : [{ why: whys[0] ?? '', label: '' }]
  }

  private async follow(token: string): Promise<void> {
    try {
      for (let from = token; !this.isOver;) {
        const answer = record(await this.client.call('event.from', this.classes, from, this.timeout))
        from = text(answer['token'])
        this.seen.push(...list(answer['events']).map(record))
        if (Object.keys(answer).sort().join(' ') !== ANSWER) this.fault = `an answer with ${Object.keys(answer).join(' ')}`
        if (!TOKEN.test(from)) this.fault = `a token ${from}`
      }
      await this.client.logout()
    } catch (error) {
      this.fault = `the watcher failed: ${String(error)}`
    }
  }
}

function labelOf({ snapshot }: Event): string {
  return isRecord(snapshot) && typeof snapshot['name_label'] === 'string' ? snapshot['name_label'] : ''
}
