import { expect, SLOW, test } from './test';

test.use({ locale: 'zh-CN' });

test('今天我很…: the likeliest tokens as bars, one clicked is gone on with', async ({ page }) => {
  await page.goto('/predict');
  await expect(page.getByRole('textbox', { name: '开头' })).toHaveValue('今天我很');
  const candidates = page.locator('button.candidate');
  await expect(candidates).toHaveCount(10, { timeout: SLOW });
  await expect(page.locator('.candidate.rest')).toContainText('%');
  await expect(page.locator('.prompt-tokens li').first()).toBeVisible();
  const shares = await page.locator('button.candidate .candidate-share').allTextContents();
  const values = shares.map((share) => parseFloat(share));
  expect(values).toEqual([...values].sort((a, b) => b - a));

  const first = candidates.and(page.locator(':enabled')).first();
  const picked = await first.locator('.candidate-token').textContent();
  await first.click();
  await expect(page.locator('.written-text .token')).toHaveText([picked ?? '']);
  await expect(page.locator('.candidates:not(.busy)')).toBeVisible({ timeout: SLOW });
  await expect(candidates).toHaveCount(10);

  await page.getByRole('button', { name: '退一步' }).click();
  await expect(page.locator('.written-text')).toHaveCount(0);

  await page.getByRole('button', { name: '接着写 16 个词元' }).click();
  await expect(page.getByRole('button', { name: '接着写 16 个词元' })).toBeVisible({ timeout: SLOW });
  const tokens = page.locator('.written-text .token');
  expect(await tokens.count()).toBeGreaterThan(0);
  await tokens.first().hover();
  await expect(page.getByRole('tooltip').getByRole('listitem').first()).toContainText('%');

  await page.getByRole('button', { name: '重来' }).click();
  await page.getByLabel('候选数').selectOption('20');
  await expect(candidates).toHaveCount(20, { timeout: SLOW });
  await page.getByRole('textbox', { name: '开头' }).fill('中国的首都是');
  await expect(candidates.first()).toContainText('北京', { timeout: SLOW });
});

test('几个模型并排: each says what it expects, and how surprised it was', async ({ page }) => {
  await page.goto('/predict');
  const beside = page.getByRole('region', { name: '几个模型并排' });
  // As many as are installed, at most three.
  await expect(beside.locator('.expected').nth(1)).toBeVisible({ timeout: SLOW });
  const models = Math.min(3, await beside.getByRole('combobox').first().locator('option').count());
  await expect(beside.getByRole('combobox')).toHaveCount(models);
  await expect(beside.locator('.expected')).toHaveCount(models, { timeout: SLOW });
  await expect(beside.locator('.expected').first().getByRole('listitem')).toHaveCount(6);
  await expect(beside.getByText(/每字节 \d+\.\d\d 比特/)).toHaveCount(models);
  await expect(beside.getByText('Transformer：')).toHaveCount(models);
  const [first, second] = await beside.getByRole('combobox').evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value));
  expect(first).not.toBe(second);
  await beside.getByRole('combobox').nth(1).selectOption(first ?? '');
  await expect(beside.locator('.expected').nth(1).getByRole('listitem').first()).toContainText('%', { timeout: SLOW });
});

test('答案的形式: an answer keeps to a schema and to choices, and what is no form is named', async ({ page }) => {
  await page.goto('/predict');
  const typed = page.getByRole('region', { name: '答案的形式' });
  const ask = typed.getByRole('button', { name: '回答' });
  await ask.click();
  await expect(typed.locator('.typed-text')).toHaveAttribute('aria-busy', 'false', { timeout: SLOW });
  const book = JSON.parse((await typed.locator('.typed-text').textContent()) ?? '') as { year: number; topics: string[] };
  expect(Number.isInteger(book.year) && book.topics.length <= 3).toBe(true);

  await typed.getByLabel('形式').selectOption('choice');
  await typed.getByRole('textbox', { name: '几个里选一个' }).fill('好评\n差评');
  await ask.click();
  await expect(typed.locator('.typed-text')).toHaveText(/^(好评|差评)$/, { timeout: SLOW });

  await typed.getByLabel('形式').selectOption('schema');
  await typed.getByRole('textbox', { name: 'JSON 结构' }).fill('{"type": ');
  await ask.click();
  await expect(typed.getByRole('alert')).toContainText('这不是 JSON');
  await typed.getByRole('textbox', { name: 'JSON 结构' }).fill('{"type": "array", "uniqueItems": true}');
  await ask.click();
  await expect(typed.getByRole('alert')).toContainText('uniqueItems', { timeout: SLOW });
});
