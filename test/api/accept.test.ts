import { expect, it } from 'vitest';
import { preferred } from '../../api/accept.ts';

const OFFERS = ['application/json', 'image/svg+xml', 'image/png'] as const;

it.each([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['image/png', 'image/png'],
  ['image/*', 'image/svg+xml'],
  ['image/png, image/svg+xml', 'image/svg+xml'],
  ['image/svg+xml;q=0.5, image/png', 'image/png'],
  ['image/*;q=0.8, application/json;q=0.8', 'application/json'],
  ['*/*;q=0.1, image/png;q=0', 'application/json'],
  ['application/json;q=0, */*', 'image/svg+xml'],
  ['text/html', undefined],
  ['image/png;q=0', undefined],
  ['', undefined],
])('Accept: %s', (header, type) => {
  expect(preferred(header, OFFERS)).toBe(type);
});
