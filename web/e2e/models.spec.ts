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

test('a pull can be stopped, and what is here is kept', async ({ page }) => {
  const card = { name: 'big', architecture: 'llama', context: 4096, bytes: 1000, dimensions: null, description: 'A model', description_zh: '一个模型' };
  let state = 'pulling';
  const asked: string[] = [];
  await page.route('**/v1/catalogue', (route) => {
    const progress = { done: 400, total: 1000, rate: state === 'pulling' ? 10 : 0 };
    return route.fulfill({ json: { models: [{ ...card, state, progress, error: null }] } });
  });
  await page.route('**/v1/catalogue/big/pull', (route) => {
    asked.push(route.request().method());
    state = route.request().method() === 'DELETE' ? 'partial' : 'pulling';
    return route.fulfill(state === 'partial' ? { status: 204 } : { status: 202, json: {} });
  });
  await page.goto('/models');
  const model = page.locator('[data-model="big"]');
  await model.getByRole('button', { name: 'Stop' }).click();
  await expect(model).toContainText('Partly pulled');
  await expect(model.getByRole('progressbar')).toBeVisible();
  await model.getByRole('button', { name: 'Resume' }).click();
  await expect(model).toHaveAttribute('data-state', 'pulling');
  expect(asked).toEqual(['DELETE', 'POST']);
});
