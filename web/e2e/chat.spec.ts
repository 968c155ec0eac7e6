import { readFileSync } from 'node:fs';
import type { Route } from '@playwright/test';
import { answered, bare, expect, SLOW, test } from './test';

const readers = [
  { locale: 'en-US', title: 'Ask “sample”', question: 'How long are access logs kept?', sources: 'Sources', close: 'Close' },
  { locale: 'zh-CN', title: '向“sample”提问', question: '笔记本电脑丢失后应在多久之内报告？', sources: '出处', close: '关闭' },
];

for (const reader of readers) {
  test.describe(reader.locale, () => {
    test.use({ locale: reader.locale });

    test('a question to the sample is answered with a citation that opens its source', async ({ page }) => {
      await page.goto('/');
      await expect(page.getByRole('heading', { name: reader.title })).toBeVisible();
      await expect(page.locator('.suggestions button')).toHaveCount(3);
      await page.getByRole('button', { name: reader.question }).click();
      await expect(page.locator('.steps .step')).toHaveCount(3);
      const answer = await answered(page);
      await expect(answer.locator('.prose')).toContainText(/\S/);
      await expect(answer.getByRole('heading', { name: reader.sources })).toBeVisible();

      const number = answer.locator('.prose button.cite').first();
      await number.hover();
      const quotation = await page.getByRole('tooltip').locator('q').textContent();
      expect(bare(quotation)).not.toBe('');

      await number.click();
      const mark = page.locator('.panel mark');
      await expect(mark).toBeInViewport();
      expect(bare(await mark.textContent())).toBe(bare(quotation));
      await expect(answer.locator('.prose')).toBeInViewport();
      // The answer gives way to the panel instead of lying under it.
      const panel = await page.locator('.panel').boundingBox();
      const list = await answer.locator('.sources').boundingBox();
      expect((list?.x ?? 0) + (list?.width ?? 0)).toBeLessThanOrEqual(panel?.x ?? 0);
      await page.keyboard.press('Escape');
      await expect(page.locator('.panel')).toHaveCount(0);

      await answer.locator('.found summary').click();
      await answer.locator('.found li button').first().click();
      await expect(page.locator('.panel mark')).toBeInViewport();
      await page.locator('.panel').getByRole('button', { name: reader.close }).click();
      await expect(page.locator('.panel')).toHaveCount(0);
    });
  });
}

const strangers = [
  { locale: 'en-US', document: 'leave-policy.zh.md', question: 'How long are access logs kept?', said: 'The documents do not contain an answer to this question.' },
  { locale: 'zh-CN', document: 'expense-policy.en.md', question: '访问日志保存多久？', said: '文档中没有找到这个问题的答案。' },
];

for (const { locale, document, question, said } of strangers) {
  test.describe(locale, () => {
    test.use({ locale });

    test('documents in the other language that hold no answer: it says so', async ({ page, request }) => {
      const name = `e2e-${locale.toLowerCase()}`;
      await request.delete(`/v1/knowledge_bases/${name}`);
      expect((await request.post('/v1/knowledge_bases', { data: { name } })).status()).toBe(201);
      const files = { name: document, mimeType: 'text/markdown', buffer: readFileSync(`../examples/sample-kb/${document}`) };
      expect((await request.post(`/v1/knowledge_bases/${name}/documents`, { multipart: { files } })).status()).toBe(202);
      const passages = async () => ((await (await request.get(`/v1/knowledge_bases/${name}`)).json()) as { passages: number }).passages;
      await expect.poll(passages, { timeout: SLOW }).toBeGreaterThan(0);
      await page.goto(`/?kb=${name}`);
      await page.getByRole('textbox').fill(question);
      await page.keyboard.press('Enter');
      const answer = await answered(page);
      await expect(answer.locator('.prose')).toHaveText(said);
      await expect(answer.locator('button.cite')).toHaveCount(0);
      await request.delete(`/v1/knowledge_bases/${name}`);
    });
  });
}

test('without documents: stop, ask again, word it anew; it is all there after a reload', async ({ page }) => {
  await page.goto('/');
  await page.getByLabel('Answer from').selectOption({ label: 'No documents' });
  await expect(page.getByRole('heading', { name: 'Ask the model' })).toBeVisible();
  // An answer that ends before it is stopped would be no test: the tokens that end a turn are forbidden.
  const endless = (route: Route) => {
    const body = route.request().postDataJSON() as object;
    return route.continue({ postData: { ...body, logit_bias: { 151643: -100, 151645: -100 } } });
  };
  await page.route('**/v1/chat/completions', endless);
  const input = page.getByRole('textbox', { name: 'Message' });
  await input.fill('Count from one to two hundred, one number a line.');
  await input.press('Enter');
  await expect(page.locator('.streaming .prose')).toContainText(/\S/, { timeout: SLOW });
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByText('Stopped', { exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Send' })).toBeVisible();

  await page.getByRole('button', { name: 'Regenerate' }).click();
  await expect(page.locator('.streaming .prose')).toContainText(/\S/, { timeout: SLOW });
  await page.keyboard.press('Escape');
  await expect(page.getByText('Stopped', { exact: true })).toBeVisible();

  await page.unroute('**/v1/chat/completions', endless);
  await page.locator('.question').hover();
  await page.getByRole('button', { name: 'Edit' }).click();
  const edited = page.getByRole('textbox', { name: 'Edit' });
  await edited.fill('Say yes.');
  await page.getByRole('button', { name: 'Save and resend' }).click();
  await expect(page.locator('.exchange')).toHaveCount(1);
  await answered(page);
  await expect(page.locator('.question')).toContainText('Say yes.');

  await page.reload();
  await expect(page.locator('.question')).toContainText('Say yes.');
  await expect(page.locator('.exchange .prose')).toContainText(/\S/);
  const kept = page.getByRole('region', { name: 'Conversations' });
  await expect(kept.getByRole('link', { name: 'Say yes.' })).toHaveAttribute('aria-current', 'page');
  await kept.getByRole('listitem').hover();
  await kept.getByRole('button', { name: /Delete conversation/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(kept.getByRole('link')).toHaveCount(0);
  await expect(page).toHaveURL('/');
});

test('an answer goes on while another page is looked at', async ({ page }) => {
  await page.goto('/');
  await page.getByRole('button', { name: 'What is the unit price of the QS-500?' }).click();
  await expect(page.locator('.steps')).toBeVisible();
  await page.getByRole('link', { name: 'Models' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Models' })).toBeVisible();
  await page.goBack();
  await answered(page);
});
