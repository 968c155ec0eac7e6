import type { Locator, Page } from '@playwright/test';
import { expect, SLOW } from './test';

export type Tongue = 'zh' | 'en';

const openings = {
  zh: ['质量很好，', '物流很快，', '用了一个月，', '给家人买的，', '第二次买了，', '包装完好，', '客服耐心，', '价格合适，'],
  en: ['After a month ', 'For the price ', 'As a gift ', 'Second order, ', 'In daily use ', 'Out of the box ', 'For my parents ', 'On the road '],
};
const verdicts = {
  zh: { 正面: ['非常满意，会推荐给朋友。', '好用，值得买。', '比想象的还好，很喜欢。'], 负面: ['三天就坏了，太失望。', '毛病不断，要求退货。', '很难用，后悔买了。'] },
  en: { positive: ['it is excellent and I love it.', 'it works perfectly, worth every cent.', 'it is better than I hoped.'], negative: ['it broke and I want my money back.', 'it is awful, do not buy it.', 'nothing works, a great disappointment.'] },
};

/** A few dozen labelled reviews, the labels in turn. */
export const samples = Object.fromEntries(
  (['zh', 'en'] as const).map((lang) => [
    lang,
    openings[lang].flatMap((opening) => [0, 1, 2].flatMap((at) => Object.entries(verdicts[lang]).map(([label, endings]) => ({ text: `${opening}${endings[at] ?? ''}`, label })))),
  ]),
) as Record<Tongue, { text: string; label: string }[]>;

export const labelsOf = (lang: Tongue) => Object.keys(verdicts[lang]);

/** What the pages say, as far as the journeys need it. */
export const words = {
  en: { newTask: 'New task', name: 'Name of the task', create: 'Create', save: 'Save', labels: 'Labels', file: 'Choose a file' },
  zh: { newTask: '新建任务', name: '任务名称', create: '新建', save: '保存', labels: '标签', file: '选择文件' },
};

/** The dialog of a new task that has its name, and what makes it. */
export async function newTask(page: Page, name: string, lang: Tongue): Promise<{ dialog: Locator; create: Locator }> {
  await page.goto('/tasks');
  await page.getByRole('button', { name: words[lang].newTask }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(words[lang].name).fill(name);
  return { dialog, create: dialog.getByRole('button', { name: words[lang].create, exact: true }) };
}

/** Begins a task from the template for labels, in the pages, and gives it two labels. */
export async function beginTask(page: Page, name: string, lang: Tongue): Promise<void> {
  const say = words[lang];
  const { dialog, create } = await newTask(page, name, lang);
  await dialog.locator('input[value="classify"]').check();
  await dialog.locator(`button[lang="${lang === 'zh' ? 'zh-CN' : 'en'}"]`).click();
  await create.click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  const labels = labelsOf(lang);
  const instructions = lang === 'zh' ? '这条评价是正面的还是负面的？\n\n评价：{{ text }}\n' : 'Is this review positive or negative?\n\nReview: {{ text }}\n';
  await page.locator('.source-text').fill(`output = ${JSON.stringify(labels)}\ninstructions = """\n${instructions}"""\n\n[input]\ntext = "..."\n`);
  await expect(page.locator('.file-problems')).toHaveCount(0);
  await page.getByRole('button', { name: say.save, exact: true }).click();
  await expect(page.locator('.edit-bar [role="status"]')).toContainText(`${name}.toml`);
}

/** The same with its labelled rows uploaded as a table. */
export async function taskWithRows(page: Page, name: string, lang: Tongue): Promise<void> {
  await beginTask(page, name, lang);
  await page.goto(`/tasks/${name}?view=rows`);
  const table = ['text,label', ...samples[lang].map((row) => `"${row.text}",${row.label}`), '"no label",'].join('\n');
  await page.locator('input[type="file"]').first().setInputFiles({ name: 'reviews.csv', mimeType: 'text/csv', buffer: Buffer.from(table) });
  await expect(page.locator('.rejected [role="status"], .rejected')).toBeVisible({ timeout: SLOW });
  await expect(page.locator('.label-bars li')).toHaveCount(2);
}

/** Starts a choice with these ways only, and waits until one is chosen. */
export async function chooseWith(page: Page, routes: string[]): Promise<void> {
  const form = page.locator('.terms');
  await expect(form).toBeVisible();
  for (const card of await form.locator('fieldset').first().locator('.check-card').all()) {
    const route = (await card.locator('code').textContent()) ?? '';
    await card.locator('input').setChecked(routes.includes(route));
  }
  await form.locator('button[type="submit"]').click();
  await expect(page.locator('.race')).toBeVisible();
  await expect(page.locator('.chosen-card')).toBeVisible({ timeout: SLOW });
}
