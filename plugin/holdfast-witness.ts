import { witnessProgram } from './witness'

void witnessProgram().parseAsync()
