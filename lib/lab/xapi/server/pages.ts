/** HTTP 500 as xapi's web server writes it. */
const escape = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&apos;')

export const errorPage = (detail: string): string =>
  '<html><body><h1>HTTP 500 internal server error</h1>An unexpected error occurred; please wait a while and try again. ' +
  'If the problem persists, please contact your support representative.' +
  `<h1> Additional information </h1>${escape(detail)}</body></html>`
