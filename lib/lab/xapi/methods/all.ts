/** Every method this server knows by itself; the lab's other parts add theirs, and theirs win. */
import { implicitMethods } from '../call/implicit'
import type { XapiMethodTable } from '../call/method'
import { plainSetters } from '../call/plain-setters'
import { eventMethods } from './event'
import { hostMethods } from './host'
import { messageMethods } from './message'
import { pluginMethods } from './plugin'
import { poolMethods } from './pool'
import { secretMethods } from './secret'
import { sessionMethods } from './session'
import { taskMethods } from './task'

export const ownMethods: XapiMethodTable = {
  ...implicitMethods,
  ...plainSetters,
  ...sessionMethods,
  ...eventMethods,
  ...taskMethods,
  ...messageMethods,
  ...secretMethods,
  ...hostMethods,
  ...poolMethods,
  ...pluginMethods,
}
