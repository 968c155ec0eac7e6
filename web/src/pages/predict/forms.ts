/** Forms an answer can be held to. */
export const forms = ['schema', 'choice', 'regex', 'grammar'] as const;
export type Form = (typeof forms)[number];

/** What each begins with; the same in any language. */
export const examples: Record<Form, string> = {
  schema: JSON.stringify(
    {
      type: 'object',
      properties: {
        title: { type: 'string', maxLength: 40 },
        year: { type: 'integer', minimum: 1000, maximum: 2100 },
        language: { enum: ['Chinese', 'English', 'French'] },
        topics: { type: 'array', items: { type: 'string', maxLength: 12 }, maxItems: 3 },
      },
      required: ['title', 'year', 'language', 'topics'],
      additionalProperties: false,
    },
    null,
    2,
  ),
  choice: 'positive\nneutral\nnegative',
  regex: '(19|20)\\d\\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])',
  grammar: 'start: sum " = " NUMBER\nsum: NUMBER (" + " NUMBER)+\nNUMBER: /[1-9][0-9]?/',
};

/** The fields of a request that hold its answer to a form; throws what is wrong with a schema that is no JSON. */
export function held(form: Form, text: string): Record<string, unknown> {
  switch (form) {
    case 'schema':
      return { response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: JSON.parse(text) as unknown } } };
    case 'choice':
      return { choice: text.split('\n').map((line) => line.trim()).filter((line) => line !== '') };
    case 'regex':
      return { regex: text };
    case 'grammar':
      return { grammar: text };
  }
}
