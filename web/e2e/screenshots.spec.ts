import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { chooseWith, samples, taskWithRows } from './tasks';
import { answered, expect, SLOW, test } from './test';

// The pictures of the documentation: SCREENSHOTS=1 tests/e2e.sh writes them anew.
test.skip(process.env.SCREENSHOTS !== '1', 'set SCREENSHOTS=1 to write docs/images');

const folder = join(import.meta.dirname, '../../docs/images');
mkdirSync(folder, { recursive: true });
const save = (page: Page, name: string) => page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });

const readers = [
  { lang: 'en', locale: 'en-US', question: 'How long are access logs kept?', query: 'What is the hotel limit per night in Shanghai?' },
  { lang: 'zh', locale: 'zh-CN', question: '笔记本电脑丢失后应在多久之内报告？', query: '密码至少要多少个字符？' },
];

for (const { lang, locale, question, query } of readers) {
  test.describe(lang, () => {
    test.use({ locale, deviceScaleFactor: 2 });

    test('chat', async ({ page }) => {
      await page.goto('/');
      await page.getByRole('button', { name: question }).click();
      const answer = await answered(page);
      await answer.locator('.prose button.cite').first().click();
      await expect(page.locator('.panel mark')).toBeInViewport();
      await page.mouse.move(640, 500);
      await save(page, `chat-${lang}`);
      await page.emulateMedia({ colorScheme: 'dark' });
      await save(page, `chat-dark-${lang}`);
      await page.emulateMedia({ colorScheme: 'light' });
      await page.setViewportSize({ width: 390, height: 844 });
      await page.keyboard.press('Escape');
      await save(page, `chat-phone-${lang}`);
    });

    test('knowledge', async ({ page }) => {
      await page.goto('/knowledge/sample');
      await expect(page.locator('tbody tr')).toHaveCount(7);
      await save(page, `knowledge-${lang}`);
      await page.goto('/knowledge/sample?view=search');
      await page.getByRole('searchbox').fill(query);
      await page.getByRole('searchbox').press('Enter');
      await expect(page.locator('.rank').first()).toBeVisible({ timeout: SLOW });
      await page.locator('[data-mode="hybrid"] .rank').first().hover();
      await save(page, `search-${lang}`);
    });

    test('predict', async ({ page }) => {
      await page.goto('/predict');
      await expect(page.locator('button.candidate').first()).toBeVisible({ timeout: SLOW });
      await page.locator('.predict-story .primary').click();
      await expect(page.locator('.predict-story .primary')).toBeVisible({ timeout: SLOW });
      await expect(page.locator('.candidates:not(.busy)')).toBeVisible({ timeout: SLOW });
      await page.locator('.token').nth(4).hover();
      await expect(page.getByRole('tooltip')).toBeVisible();
      await save(page, `predict-${lang}`);
    });

    test('tasks and compare', async ({ page }) => {
      const name = lang === 'zh' ? 'polarity-zh' : 'polarity-en';
      await taskWithRows(page, name, lang as 'zh' | 'en');
      await page.goto(`/tasks/${name}`);
      await page.locator('.rows-text').fill(samples[lang as 'zh' | 'en'].slice(0, 6).map((row) => row.text).join('\n'));
      await page.locator('.row-input .primary').click();
      await expect(page.locator('.results tbody tr:not(.pending)')).toHaveCount(6, { timeout: SLOW });
      await save(page, `tasks-${lang}`);
      await page.goto(`/tasks/${name}?view=edit`);
      await expect(page.locator('.source-text')).toHaveValue(/output/);
      await save(page, `task-edit-${lang}`);
      await page.goto(`/compare/${name}`);
      await chooseWith(page, ['prompt', 'labels', 'classifier']);
      await expect(page.locator('.plot svg')).toBeVisible({ timeout: SLOW });
      await save(page, `compare-${lang}`);
    });

    test('models', async ({ page }) => {
      await page.goto('/models');
      await expect(page.locator('.card.model').first()).toBeVisible();
      await save(page, `models-${lang}`);
    });
  });
}
