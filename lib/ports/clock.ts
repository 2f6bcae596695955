/** Never steps back, never adjusted; counts from some moment before the process began. */
export interface Clock {
  nowMs(): number
}
