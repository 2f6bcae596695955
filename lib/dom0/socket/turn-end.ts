const NOW = Promise.resolve()

/**
 * Does something once at the end of what this turn of the loop is at, however often it is asked for: what many want done together. By
 * a promise, because Node's own ticks cost a microsecond each, ten times as much.
 */
export class TurnEnd {
  private isDue = false
  private readonly run = (): void => {
    this.isDue = false
    this.act()
  }

  constructor(private readonly act: () => void) {}

  ask(): void {
    if (this.isDue) return
    this.isDue = true
    void NOW.then(this.run)
  }
}
