import { join } from 'node:path'
import { stories } from '../stories'
import { Stage } from './stage'

/** tests/scenarios/mirror: what befalls a mirrored disk, and all that the mirror does about it. */
stories(join(__dirname, '..', '..', 'scenarios', 'mirror'), () => {
  const stage = new Stage()
  return (line) => stage.run(line)
})
