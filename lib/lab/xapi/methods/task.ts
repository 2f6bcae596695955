import { randomUUID } from 'node:crypto'
import { record, text } from '../../values'
import type { XapiMethodTable } from '../call/method'

const SELF = ['self', 'task ref'] as const

export const taskMethods: XapiMethodTable = {
  'task.create': {
    params: [
      ['label', 'string'],
      ['description', 'string'],
    ],
    syncOnly: true,
    run: ({ coordinator, here }, [label, description]) => coordinator.tasks.begin(text(label), text(description), here),
  },
  // A pending task is only marked: whoever works for it removes it in the end.
  'task.destroy': {
    params: [SELF],
    syncOnly: true,
    run: ({ db }, [self]) => {
      const task = text(self)
      if (db.get('task', task, 'status') !== 'pending') db.destroy('task', task)
      else db.set('task', task, 'current_operations', { ...record(db.get('task', task, 'current_operations')), task: 'destroy' })
      return ''
    },
  },
  // What runs is not stopped by it, as seen on the real one: the request is noted and the work goes on.
  'task.cancel': {
    params: [['task', 'task ref']],
    syncOnly: true,
    run: ({ db }, [self]) => {
      const task = text(self)
      const running = record(db.get('task', task, 'current_operations'))
      if (db.get('task', task, 'status') === 'pending') {
        db.set('task', task, 'current_operations', { ...running, [`DummyRef:|${randomUUID()}|task.cancel`]: 'cancel' })
      }
      return ''
    },
  },
}
