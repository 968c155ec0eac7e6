import { expect, test } from './test';

test('the catalogue is shown as cards, with what is installed and what is the default', async ({ page }) => {
  await page.goto('/models');
  await expect(page.getByRole('heading', { name: 'Models that write' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Models that embed' })).toBeVisible();
  const model = page.locator('[data-model="qwen2.5-coder-0.5b-instruct"]');
  await expect(model).toContainText('Installed');
  await expect(model).toContainText('default');
  await expect(model).toContainText('494 M');
  await expect(model).toContainText('Apache-2.0');
  expect(await page.locator('.card.model').count()).toBeGreaterThanOrEqual(6);
  await model.getByRole('button', { name: /Delete model/ }).click();
  await expect(page.getByRole('dialog')).toContainText('491 MB');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(model).toContainText('Installed');
});
