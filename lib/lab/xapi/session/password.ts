/** Root is the lab's only user. Wrong guesses are answered late, as PAM does; the texts are PAM's. */
import { ApiError } from '../../contract'

export function checkPassword(user: string, password: string, rootPassword: string): void {
  if (user !== 'root')
    throw new ApiError('SESSION_AUTHENTICATION_FAILED', user, 'User not known to the underlying authentication module')
  if (password !== rootPassword) throw new ApiError('SESSION_AUTHENTICATION_FAILED', user, 'Authentication failure')
}
