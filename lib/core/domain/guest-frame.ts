/** A frame on its way from a guest or to it, as it is handed on unchanged. */
export interface GuestFrame {
  /** Of the guest's network interfaces, counted from 0. */
  readonly nic: number
  readonly bytes: Buffer
}

/** Whether the guest has sent it, or it came for the guest. */
export type FrameWay = 'sent' | 'came'
