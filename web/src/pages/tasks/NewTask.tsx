import { useState, type FormEvent } from 'react';
import { post } from '../../api/client';
import { at, type TaskFile, type Template } from '../../api/tasks';
import { useTaskText } from '../../i18n/tasks';
import { go } from '../../lib/router';
import { Button, Dialog, Failure } from '../../ui/parts';
import { taskHref } from './address';

/** Begins a task from a template, in the language its texts are in. */
export function NewTask({ templates, onClose }: { templates: Template[]; onClose: () => void }) {
  const { t, lang } = useTaskText();
  const [name, setName] = useState('');
  const [template, setTemplate] = useState('classify');
  const [language, setLanguage] = useState(lang);
  const [sample, setSample] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const { name: made } = await post<TaskFile>(at.all, { name: name.trim(), template, language, sample });
      go(taskHref(made, 'edit'));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t.newTask} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span>{t.taskName}</span>
          <input className="input" autoFocus autoCapitalize="off" autoComplete="off" spellCheck={false} value={name} onChange={(event) => setName(event.target.value)} />
          <span className="soft small">{t.taskNameHelp}</span>
        </label>
        <fieldset className="choices">
          <legend>{t.template}</legend>
          {templates.map((one) => (
            <label key={one.name} className="choice">
              <input type="radio" name="template" value={one.name} checked={template === one.name} onChange={() => setTemplate(one.name)} />
              <span>
                <strong>{one.name}</strong>
                <span className="soft small">{one.description[language]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <div className="field">
          <span>{t.taskLanguage}</span>
          <div className="segments start" role="group" aria-label={t.taskLanguage}>
            <button type="button" lang="zh-CN" aria-pressed={language === 'zh'} onClick={() => setLanguage('zh')}>
              中文
            </button>
            <button type="button" lang="en" aria-pressed={language === 'en'} onClick={() => setLanguage('en')}>
              English
            </button>
          </div>
          <span className="soft small">{t.taskLanguageHelp}</span>
        </div>
        <label className="check">
          <input type="checkbox" checked={sample} onChange={() => setSample(!sample)} />
          {t.withSample}
        </label>
        {error !== null && <Failure error={error} />}
        <div className="row end">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button look="primary" type="submit" disabled={busy || name.trim() === ''}>
            {t.create}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
