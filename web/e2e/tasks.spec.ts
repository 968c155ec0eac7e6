import type { Page } from '@playwright/test';
import { beginTask, chooseWith, labelsOf, newTask, samples, taskWithRows, words, type Tongue } from './tasks';
import { expect, SLOW, test } from './test';
import { workbook } from './workbook';

// Both models answer thousands of rows in the time that one of these journeys has.
for (const [lang, locale] of [['en', 'en-US'], ['zh', 'zh-CN']] as const satisfies [Tongue, string][]) {
  test.describe(lang, () => {
    test.use({ locale });
    const name = `e2e-${lang}-${Date.now()}`;
    const labels = labelsOf(lang);

    test('from a template to a decision', async ({ page }) => {
      await taskWithRows(page, name, lang);
      const rows = samples[lang];
      await expect(page.locator('.label-bars')).toContainText(String(rows.length / 2));
      await expect(page.locator('.pager [role="status"]')).toContainText(String(rows.length));
      await page.getByRole('searchbox').fill(rows[3]?.text ?? '');
      await expect(page.locator('.task-table tbody tr')).toHaveCount(1);

      // Choosing: one way with a language model, one without.
      await page.goto(`/compare/${name}`);
      await chooseWith(page, ['prompt', 'classifier']);
      await expect(page.locator('.chosen-card h2')).toContainText('@');
      await expect(page.locator('.plot svg')).toBeVisible({ timeout: SLOW });
      await expect(page.locator('.finalists tbody tr').first()).toBeVisible();
      await expect(page.locator('.confusion')).toContainText(labels[0] ?? '');
      await expect(page.locator('.pair-row').first().or(page.locator('.filters + p'))).toBeVisible();
      const chosen = (await page.locator('.chosen-card h2').textContent()) ?? '';

      // The task says what was chosen, and how to call it.
      await page.goto(`/tasks/${name}?view=decision`);
      await expect(page.locator('.chosen-card h2')).toHaveText(chosen);
      await expect(page.locator('.code-box')).toContainText(`/v1/tasks/${name}/run`);
    });

    test('with its sample rows, graded by a judge', async ({ page }) => {
      const own = `${name}-sample`;
      const { dialog, create } = await newTask(page, own, lang);
      await dialog.locator('input[value="rewrite"]').check();
      await dialog.locator('input[type="checkbox"]').check();
      await create.click();
      await expect(page.getByRole('heading', { level: 1, name: own })).toBeVisible();
      // A judge without a rubric is a problem, one with it is none.
      await page.locator('select', { has: page.locator('option[value="judge"]') }).selectOption('judge');
      await expect(page.locator('.file-problems')).toContainText('judge.rubric');
      await page.getByLabel(lang === 'zh' ? '什么样的答案算好' : 'What makes an answer good').fill('short');
      await expect(page.locator('.file-problems')).toHaveCount(0);
      await page.getByRole('button', { name: words[lang].save, exact: true }).click();
      await expect(page.locator('.source-text')).toHaveValue(/\[judge\]\s+rubric = "short"/);
      await page.goto(`/tasks/${own}?view=rows`);
      await expect(page.locator('.task-table tbody tr').nth(20)).toBeVisible();
    });

    test('fitted to labelled rows of one’s own', async ({ page }) => {
      const own = `${name}-own`;
      const { dialog, create } = await newTask(page, own, lang);
      const table = '内容,类别\n灯不亮了,故障\n想要深色模式,建议\n一按就死机,故障\n什么都没标,\n';
      await dialog.locator('input[type="file"]').setInputFiles({ name: 'mine.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
      // Which column is the label's has to be said here, as it has none of the usual names.
      await create.click();
      await expect(dialog.getByRole('alert')).toContainText('类别');
      await dialog.locator('input[placeholder]').last().fill('类别');
      await create.click();
      await expect(dialog.locator('.fitted')).toContainText(lang === 'zh' ? '故障、建议' : '故障, 建议');
      await expect(dialog.locator('.wrong-rows')).toContainText('1');
      await dialog.getByRole('button').last().click();
      await expect(page.locator('.source-text')).toHaveValue(/"内容" = /);
      await expect(page.locator('.file-problems')).toHaveCount(0);
      await page.goto(`/tasks/${own}?view=rows`);
      await expect(page.locator('.task-table tbody tr')).toHaveCount(3);
    });

    test('rows are run, and labelled by keyboard', async ({ page }) => {
      const own = `${name}-keys`;
      await beginTask(page, own, lang);
      await page.goto(`/tasks/${own}`);
      const texts = samples[lang].slice(0, 4).map((row) => row.text);
      await page.locator('.rows-text').fill(texts.join('\n'));
      await page.locator('.row-input .primary').click();
      await expect(page.locator('.results tbody tr:not(.pending)')).toHaveCount(4, { timeout: SLOW });
      await page.locator('.results-head .primary').click();
      const card = page.locator('.label-card');
      await expect(card).toContainText(texts[0] ?? '');
      await expect(page.locator('.label-choices button').first()).toBeVisible();
      // The second label, then skip, back by undo, then the first.
      await page.keyboard.press('2');
      await expect(card).toContainText(texts[1] ?? '');
      await page.keyboard.press('x');
      await expect(card).toContainText(texts[2] ?? '');
      await page.keyboard.press('u');
      await expect(card).toContainText(texts[1] ?? '');
      await page.keyboard.press('1');
      await page.keyboard.press('k');
      await page.keyboard.press('Escape');
      await page.goto(`/tasks/${own}?view=rows`);
      await expect(page.locator('.task-table tbody tr')).toHaveCount(2);
      await expect(page.locator('.task-table tbody tr', { hasText: texts[0] })).toContainText(labels[1] ?? '');
      await expect(page.locator('.task-table tbody tr', { hasText: texts[1] })).toContainText(labels[0] ?? '');
    });

    test('rows of a file are read, shown and run', async ({ page }) => {
      const own = `${name}-file`;
      await beginTask(page, own, lang);
      await page.goto(`/tasks/${own}`);
      const [first = '', second = ''] = samples[lang].map((row) => row.text);
      const file = page.locator('.row-input input[type="file"]');
      const preview = page.locator('.table-preview');
      const book = workbook([['id', 'text'], ['1', first], ['2', ''], ['3', second]]);
      await file.setInputFiles({ name: 'reviews.xlsx', mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', buffer: book });
      await expect(preview.locator('tbody tr')).toHaveText([first, second]);
      await expect(preview.locator('.wrong-rows li')).toContainText(lang === 'zh' ? '缺少字段 text' : 'the field `text` is missing');
      await page.locator('.row-input .primary').click();
      await expect(page.locator('.results tbody tr:not(.pending)')).toHaveCount(2, { timeout: SLOW });
      await expect(page.locator('.results tbody tr').last()).toContainText(second);
      // Another in its place, as spreadsheets save it in China.
      const gb18030 = Buffer.from([0xc4, 0xe3, 0xba, 0xc3, 0x2c, 0x20, 0xca, 0xc0, 0xbd, 0xe7]);
      await file.setInputFiles({ name: 'greetings.csv', mimeType: 'text/csv', buffer: Buffer.concat([Buffer.from('text,id\n"'), gb18030, Buffer.from('",1\n')]) });
      await expect(preview.locator('tbody tr')).toHaveText(['你好, 世界']);
      // What cannot be read is told of, and what was read stays.
      await file.setInputFiles({ name: 'broken.xlsx', mimeType: 'application/octet-stream', buffer: Buffer.from('no workbook') });
      await expect(page.locator('.row-input [role="alert"]')).toContainText(lang === 'zh' ? '这个工作簿读不出来' : 'this is no workbook that can be read');
      await file.setInputFiles({ name: 'page.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF') });
      await expect(page.locator('.row-input [role="alert"]')).toContainText('page.pdf');
      await expect(preview).toContainText('greetings.csv');
      await preview.getByRole('button').click();
      await expect(page.locator('.rows-text')).toHaveValue('');
      // A text is read as if it were pasted.
      await file.setInputFiles({ name: 'lines.txt', mimeType: 'text/plain', buffer: Buffer.from(`${first}\n${second}\n`) });
      await expect(page.locator('.rows-text')).toHaveValue(`${first}\n${second}\n`);
    });

    test('form and text change the same file, and a wrong one is not saved', async ({ page }) => {
      const own = `${name}-edit`;
      await beginTask(page, own, lang);
      const text = page.locator('.source-text');
      await page.locator('.edit-form .input').first().fill('By the form');
      await expect(text).toHaveValue(/description = "By the form"/);
      // Another tab and back: nothing is lost.
      await page.locator('.views a').nth(2).click();
      await page.locator('.views a').nth(1).click();
      await expect(page.locator('.edit-form .input').first()).toHaveValue('By the form');
      await page.locator('.edit-bar .primary').click();
      await expect(page.locator('.views .dot')).toHaveCount(0);
      await text.fill(`metrics = "exact"\n${await text.inputValue()}`);
      await expect(page.locator('.file-problems li').first()).toContainText('metric');
      await expect(page.locator('.edit-bar .primary')).toBeDisabled();
    });
  });
}

test('a task that is not there says so', async ({ page }) => {
  await page.goto('/tasks/never-made');
  await expect(page.getByRole('heading', { name: 'There is no task named “never-made”.' })).toBeVisible();
});

test('measuring without labelled rows leads to where they are uploaded', async ({ page }) => {
  const name = `e2e-none-${Date.now()}`;
  await beginTask(page, name, 'en');
  await page.goto(`/compare/${name}`);
  await page.getByRole('link', { name: 'Go to labelled rows' }).click();
  await expect(page).toHaveURL(`/tasks/${name}?view=rows`);
  await expect(page.getByRole('heading', { name: 'No labelled rows yet' })).toBeVisible();
});

test('while a choice runs it is followed, and can be stopped and taken up again', async ({ page }) => {
  const name = `e2e-race-${Date.now()}`;
  await beginTask(page, name, 'en');
  const racer = { candidate: 'prompt@small', examples: 8, mean: 0.75, by: null, why: null, milliseconds: 120 };
  let state = 'idle';
  let terms: unknown = null;
  const asked: string[] = [];
  await page.route('**/v1/tasks/*/rows**', (route) => route.fulfill({ json: { rows: [], total: 40, report: null } }));
  await page.route(`**/v1/tasks/${name}`, async (route) => {
    const told = (await (await route.fetch()).json()) as Record<string, unknown>;
    return route.fulfill({ json: { ...told, labelled: 40 } });
  });
  await page.route('**/v1/tasks/*/choose', (route) => {
    const method = route.request().method();
    if (method !== 'GET') asked.push(method);
    if (method === 'POST') terms = route.request().postDataJSON();
    state = method === 'POST' ? 'running' : method === 'DELETE' ? 'stopped' : state;
    const candidates = state === 'idle' ? [] : [{ ...racer, state: 'racing' }, { ...racer, candidate: 'labels@small', state: 'dropped', by: 'prompt@small' }];
    const parts = state === 'idle' ? null : { train: 12, development: 12, test: 16 };
    return route.fulfill({ status: method === 'POST' ? 202 : 200, json: { task: name, state, parts, candidates, asked: 16, most: 60, seconds: 2, seconds_left: 5, error: null, terms, decision: null } });
  });
  await page.goto(`/compare/${name}`);
  await page.locator('.terms button[type="submit"]').click();
  await expect(page.locator('[data-candidate="labels@small"]')).toContainText('beaten by prompt@small');
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.locator('.race')).toHaveAttribute('data-state', 'stopped');
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.locator('.race')).toHaveAttribute('data-state', 'running');
  expect(asked).toEqual(['POST', 'DELETE', 'POST']);
});

/** A task whose choice was stopped elsewhere, on these terms; what is asked of the server since then. */
async function stoppedElsewhere(page: Page, name: string, terms: Record<string, unknown> | null): Promise<unknown[]> {
  await beginTask(page, name, 'en');
  await page.route(`**/v1/tasks/${name}`, async (route) => {
    const told = (await (await route.fetch()).json()) as Record<string, unknown>;
    return route.fulfill({ json: { ...told, labelled: 40 } });
  });
  const asked: unknown[] = [];
  await page.route('**/v1/tasks/*/choose', (route) => {
    if (route.request().method() === 'POST') asked.push(route.request().postDataJSON());
    const state = asked.length > 0 ? 'running' : 'stopped';
    return route.fulfill({ json: { task: name, state, parts: null, candidates: [], asked: 16, most: 0, graded: 0, seconds: 0, seconds_left: null, error: null, terms, decision: null } });
  });
  await page.goto(`/compare/${name}`);
  return asked;
}

test('a choice that was stopped elsewhere goes on on its own terms', async ({ page }) => {
  const terms = { models: ['small'], routes: ['prompt'], confidence: 0.9, spend: 0.25, finalists: 3, examples: 400, max_seconds: 90.5, seed: 7, concurrency: 4, max_tokens: 512 };
  const asked = await stoppedElsewhere(page, `e2e-elsewhere-${Date.now()}`, terms);
  await expect(page.locator('.race')).toHaveAttribute('data-state', 'stopped');
  await expect(page.locator('.start-choice .notice')).toHaveCount(0);
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect(page.locator('.race')).toHaveAttribute('data-state', 'running');
  expect(asked).toEqual([terms]);
});

test('a stopped choice whose terms nobody knows is not gone on with blindly', async ({ page }) => {
  await stoppedElsewhere(page, `e2e-unknown-${Date.now()}`, null);
  await expect(page.locator('.race')).toHaveAttribute('data-state', 'stopped');
  await expect(page.locator('.start-choice .notice')).toBeVisible();
  await expect(page.locator('.terms button[type="submit"]')).toBeVisible();
  await expect(page.locator('.race').getByRole('button')).toHaveCount(0);
});

test('how sensitive a row is goes with it, from where it is pasted to where it is labelled', async ({ page }) => {
  const name = `e2e-label-${Date.now()}`;
  await beginTask(page, name, 'en');
  const source = page.locator('.source-text');
  await source.fill(`${await source.inputValue()}\n[policy]\nlabel = "how"\n`);
  await page.locator('.edit-bar .primary').click();
  await expect(page.locator('.views .dot')).toHaveCount(0);
  let sent: unknown = null;
  await page.route('**/v1/tasks/*/run', (route) => {
    sent = route.request().postDataJSON();
    return route.fulfill({ json: { task: name, candidate: 'prompt@small', rows: [{ row: 1, output: 'positive', milliseconds: 1 }] } });
  });
  await page.goto(`/tasks/${name}`);
  await page.locator('.rows-text').fill('text,how\nIt works.,secret\n');
  await page.locator('.row-input .primary').click();
  const row = page.locator('.task-table tbody tr');
  await expect(row).toContainText('positive');
  await expect(row).toContainText('secret');
  expect(sent).toEqual({ rows: [{ text: 'It works.', how: 'secret' }] });
  await page.locator('.results-head .primary').click();
  await page.locator('.label-choices button').first().click();
  await expect(page.locator('.labeller [role="status"]')).toContainText('all saved');
  await page.goto(`/tasks/${name}?view=rows`);
  await expect(row).toContainText('secret');
  // Another answer, and it is the same row with the same label.
  await page.getByRole('button', { name: 'Change row 1' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.locator('select', { has: page.locator('option[value="secret"]') })).toHaveValue('secret');
  await dialog.locator('select', { has: page.locator('option[value="negative"]') }).selectOption('negative');
  await dialog.getByRole('button', { name: words.en.save, exact: true }).click();
  await expect(row).toContainText('negative');
  await expect(row).toContainText('secret');
  await expect(row).toHaveCount(1);
});
