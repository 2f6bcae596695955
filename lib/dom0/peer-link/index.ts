export { connectPeer, type ConnectOptions } from './connect'
export { listenPeer, type ListenOptions } from './listen'
