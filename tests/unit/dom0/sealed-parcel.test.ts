import { newParcelBox, openParcel, sealParcel } from '../../../lib/dom0/witness/sealed-parcel'

const box = newParcelBox()
const TEXT = '{"key":"00ff","text":"\u2603"}'

test('what is sealed for a box is opened by it, whole', () => {
  expect(openParcel(box, sealParcel(box.publicKey, TEXT))).toBe(TEXT)
  expect(openParcel(box, sealParcel(box.publicKey, ''))).toBe('')
})

test('nothing of it is to be seen, and no two are the same', () => {
  const sealed = [sealParcel(box.publicKey, TEXT), sealParcel(box.publicKey, TEXT)]
  expect(sealed[0]).not.toBe(sealed[1])
  for (const each of sealed) expect(Buffer.from(each, 'base64').includes('00ff')).toBe(false)
})

test('one bit, one byte less, another box: refused', () => {
  const sealed = Buffer.from(sealParcel(box.publicKey, TEXT), 'base64')
  const refused = (bytes: Buffer, by = box): void =>
    expect(() => openParcel(by, bytes.toString('base64'))).toThrow(/sealed for another host, or changed/)
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed)
    // The highest bit of an X25519 key is not part of it: then the key that both derive differs by it.
    changed[at] = (changed[at] ?? 0) ^ 0x80
    refused(changed)
    refused(sealed.subarray(0, at))
  }
  refused(sealed, newParcelBox())
})

test('a public key that is none is refused', () => {
  expect(() => sealParcel('AAAA', TEXT)).toThrow(/EBADMSG/)
})
