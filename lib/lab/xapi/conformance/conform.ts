/** A whole run: every recording of a folder, each conversation on a fresh pool. */
import { errorCode } from '../../error-code'
import { Placeholders } from './placeholders'
import type { ProgressOutput } from './progress'
import { Progress } from './progress'
import type { Recording } from './recording'
import { carriedTools, readConversations } from './recording'
import { replay } from './replay'
import { details, summary } from './report'
import { dressFor, setScene } from './scene'
import { speedOf } from './pace'

export interface ConformOptions {
  readonly folder: string
  /** Only conversations of which a file's name contains this. */
  readonly only: string
  readonly isVerbose: boolean
  /** A line of the report. */
  readonly print: (line: string) => void
  readonly progress: ProgressOutput
}

/** There is nothing to replay; the message is for the user. */
export class NothingToReplay extends Error {}

export async function conform({ folder, only, isVerbose, print, progress: output }: ConformOptions): Promise<void> {
  const all = readFolder(folder)
  const chosen = all.filter((parts) => parts.some(({ name }) => name.includes(only)))
  if (chosen.length === 0) {
    throw new NothingToReplay(
      only === '' ? `${folder} has no recordings (*.json)` : `no recording in ${folder} is called ${only}`,
    )
  }
  const tools = new Map(all.flat().flatMap((recording) => [...carriedTools(recording)]))
  const progress = new Progress(chosen, output)
  for (const conversation of chosen) {
    const [names, speed] = [new Placeholders(), speedOf(conversation)]
    const pool = await setScene(names, conversation, tools, speed)
    try {
      for (const recording of conversation) {
        progress.nextFile()
        dressFor(recording, pool, tools)
        const verdicts = await replay(recording, { pool, names, speed }, () => progress.nextStep())
        progress.clear()
        print(summary(recording.name, verdicts))
        if (isVerbose) details(verdicts).forEach(print)
      }
    } finally {
      await pool.close()
    }
  }
}

function readFolder(folder: string): Recording[][] {
  try {
    return readConversations(folder)
  } catch (error) {
    // The system's refusals have a code; what is no JSON is a SyntaxError.
    const isExpected = errorCode(error) !== undefined || error instanceof SyntaxError
    throw isExpected ? new NothingToReplay(`cannot read the recordings in ${folder}: ${String(error)}`) : error
  }
}
