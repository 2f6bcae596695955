/** packaging/build.mjs puts the release's number here. */
export const PRODUCT_VERSION = process.env['HOLDFAST_VERSION'] ?? 'source'
