import type { XeArguments } from '../arguments'
import type { XeClient } from '../client'

/** Answers what goes to stdout. */
export type XeCommand = (client: XeClient, args: XeArguments) => Promise<string>
export type XeCommandTable = Readonly<Record<string, XeCommand>>
