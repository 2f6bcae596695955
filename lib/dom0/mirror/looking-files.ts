import { systemFiles, type Files, type OpenFile } from '../replica/replica-files'

const nothing = (): Promise<void> => Promise.resolve()
const discarded: OpenFile = {
  read: () => Promise.resolve(Buffer.alloc(0)),
  ...{ write: nothing, writeThrough: nothing, sync: nothing, close: nothing },
}

/** Files that are read and left as they are: another worker may be using them, whatever a mended copy would be good for. */
export const lookingFiles: Files = {
  openIfThere: async (path) => {
    const file = await systemFiles.openIfThere(path)
    if (file === null) return null
    return { ...discarded, read: (offset, length) => file.read(offset, length), close: () => file.close() }
  },
  make: () => Promise.resolve(discarded),
  ...{ rename: nothing, remove: nothing, syncFolderOf: nothing },
}
