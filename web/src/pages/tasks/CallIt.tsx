import { useState } from 'react';
import type { Task } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { CopyButton } from '../../ui/parts';

const languages = ['curl', 'Python', 'JavaScript'] as const;
type Language = (typeof languages)[number];

/** A row of the task to call it with: its first example, or its fields' names. */
function sample(task: Task): Record<string, unknown> {
  const first = task.examples[0]?.input;
  return first ?? Object.fromEntries(task.input.filter((field) => !field.optional).map((field) => [field.name, field.description || field.name]));
}

/** For a shell's single quotes. */
const quoted = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`;

export function callText(task: Task, language: Language, origin: string): string {
  const row = sample(task);
  const model = `task/${task.name}`;
  const only = Object.keys(row).length === 1 ? Object.values(row)[0] : null;
  const content = typeof only === 'string' ? only : JSON.stringify(row);
  switch (language) {
    case 'curl':
      return `curl ${origin}/v1/tasks/${task.name}/run \\\n  -H 'content-type: application/json' \\\n  -d ${quoted(JSON.stringify({ rows: [row] }))}`;
    case 'Python':
      return `from openai import OpenAI\n\nclient = OpenAI(base_url="${origin}/v1", api_key="-")\nanswer = client.chat.completions.create(\n    model="${model}",\n    messages=[{"role": "user", "content": ${JSON.stringify(content)}}],\n)\nprint(answer.choices[0].message.content)`;
    case 'JavaScript':
      return `import OpenAI from 'openai';\n\nconst client = new OpenAI({ baseURL: '${origin}/v1', apiKey: '-' });\nconst answer = await client.chat.completions.create({\n  model: '${model}',\n  messages: [{ role: 'user', content: ${JSON.stringify(content)} }],\n});\nconsole.log(answer.choices[0].message.content);`;
  }
}

/** How programs ask for the task, to copy. */
export function CallIt({ task }: { task: Task }) {
  const { t } = useTaskText();
  const [language, setLanguage] = useState<Language>('curl');
  const text = callText(task, language, location.origin);
  return (
    <section className="block" aria-label={t.callIt}>
      <header className="row">
        <h2 className="grow">{t.callIt}</h2>
        <div className="segments" role="group" aria-label={t.callIt}>
          {languages.map((one) => (
            <button key={one} type="button" aria-pressed={one === language} onClick={() => setLanguage(one)}>
              {one}
            </button>
          ))}
        </div>
      </header>
      <p className="soft small">{t.callItHelp(`task/${task.name}`)}</p>
      <div className="code-box">
        <pre tabIndex={0}>{text}</pre>
        <CopyButton text={text} />
      </div>
    </section>
  );
}
