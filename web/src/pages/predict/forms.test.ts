import { expect, test } from 'vitest';
import { examples, forms, held } from './forms';

test('every form has an example that makes fields of a request', () => {
  for (const form of forms) expect(Object.keys(held(form, examples[form]))).toHaveLength(1);
});

test('choices are lines, empty ones left out', () => {
  expect(held('choice', ' yes \n\nno\n')).toEqual({ choice: ['yes', 'no'] });
});

test('a schema is JSON', () => {
  expect(() => held('schema', '{')).toThrow();
  expect(held('schema', '{"type":"null"}')).toEqual({
    response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: { type: 'null' } } },
  });
});
