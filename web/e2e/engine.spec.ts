import { expect, test } from './test';

for (const [locale, title, idle] of [['en-US', 'Engine', 'Idle'], ['zh-CN', '引擎', '空闲']] as const) {
  test.describe(locale, () => {
    test.use({ locale });

    test('the engine shows the models in memory at work', async ({ page, request }) => {
      const model = 'smollm2-135m-instruct';
      const body = { model, prompt: 'One two three', max_tokens: 40, temperature: 0 };
      expect((await request.post('/v1/completions', { data: body })).status()).toBe(200);
      await page.goto('/engine');
      await expect(page.getByRole('heading', { name: title, exact: true })).toBeVisible();
      const card = page.locator(`[data-model="${model}"]`);
      await expect(card).toContainText(idle);
      await expect(card.locator('.slot')).toHaveCount(16);
      await expect(card.locator('.slot.busy')).toHaveCount(0);
      // While it writes, its slot is taken and its speed is seen.
      const long = request.post('/v1/completions', { data: { ...body, max_tokens: 900, logit_bias: { 0: -100, 2: -100 } } });
      await expect(card.locator('.slot.busy')).toHaveCount(1, { timeout: 10_000 });
      await expect(card.locator('.meter').first().locator('.figure')).not.toHaveText(/^0\b/, { timeout: 10_000 });
      expect((await long).status()).toBe(200);
      await expect(card).toContainText(idle, { timeout: 10_000 });
    });
  });
}
