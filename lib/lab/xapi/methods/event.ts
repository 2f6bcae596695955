import { ApiError } from '../../contract'
import { int, text, texts } from '../../values'
import type { XapiMethodTable } from '../call/method'
import { writeToken } from '../events/subscription'
import { eventsFrom } from '../events/from'

const CLASSES = ['classes', 'string set'] as const

export const eventMethods: XapiMethodTable = {
  'event.from': {
    params: [CLASSES, ['token', 'string'], ['timeout', 'float']],
    result: 'event batch record',
    syncOnly: true,
    run: ({ db, session }, [classes, token, timeout]) => eventsFrom(db, session, texts(classes), text(token), int(timeout)),
  },
  'event.inject': {
    params: [
      ['class', 'string'],
      ['ref', 'string'],
    ],
    syncOnly: true,
    run: ({ db }, [cls, ref]) => {
      if (!db.classes().includes(text(cls)) || !db.exists(text(cls), text(ref)))
        throw new ApiError('HANDLE_INVALID', text(cls), text(ref))
      const before = db.generation
      db.touch(text(cls), text(ref))
      // The token from before: event.from with it tells the touched object.
      return writeToken({ objects: before, messages: 0 })
    },
  },
  'event.get_current_id': { params: [], syncOnly: true, run: ({ coordinator }) => coordinator.listeners.currentId() },
  'event.register': {
    params: [CLASSES],
    syncOnly: true,
    run: ({ coordinator, session }, [classes]) => {
      coordinator.listeners.register(session, texts(classes))
      return ''
    },
  },
  'event.unregister': {
    params: [CLASSES],
    syncOnly: true,
    run: ({ coordinator, session }, [classes]) => {
      coordinator.listeners.unregister(session, texts(classes))
      return ''
    },
  },
  'event.next': {
    params: [],
    result: 'event record set',
    syncOnly: true,
    run: ({ coordinator, session }) => coordinator.listeners.next(session),
  },
}
