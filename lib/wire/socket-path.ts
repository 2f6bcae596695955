/** sun_path holds 108 bytes with its NUL; a longer path would be cut off silently. */
export const SOCKET_PATH_BYTES_MAX = 107
