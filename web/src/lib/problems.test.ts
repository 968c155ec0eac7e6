import { describe, expect, test } from 'vitest';
import { ApiError } from '../api/client';
import { phrases } from '../i18n/catalogue';
import { problemOf, pullFailure } from './problems';

const zh = phrases('zh');
const en = phrases('en');

describe('an error of the API', () => {
  test('has a phrase in the reader’s language, and what the server said below', () => {
    const error = new ApiError("'a.pdf' is not in the knowledge base 'b'; `sumeru kb documents b` lists what is", 404, 'document_not_found');
    expect(problemOf(error, zh, 'zh')).toEqual({ text: '没有这份文档。', detail: '“a.pdf”不在知识库“b”里。' });
    expect(problemOf(error, en, 'en')).toEqual({ text: 'There is no such document.', detail: error.message });
  });

  test('keeps the server’s words below where no translation is known', () => {
    const error = new ApiError('top_p is 7; it must be from 0 to 1', 400, 'invalid_value');
    expect(problemOf(error, zh, 'zh')).toEqual({ text: zh.errorValue, detail: error.message });
  });

  test('whose code is not known is told in the server’s words', () => {
    expect(problemOf(new ApiError('Something new.', 400, 'something_new'), zh, 'zh')).toEqual({ text: 'Something new.', detail: null });
  });

  test.each([
    [500, 'internal_error', '/d/kb.db: No space left on device (os error 28)', zh.errorDiskFull],
    [500, 'internal_error', '/d/kb.db: Read-only file system (os error 30)', zh.errorDisk],
    [500, 'internal_error', 'a bug', zh.errorInternal],
    [429, null, 'slow down', zh.errorBusy],
    [413, null, '', zh.errorTooLarge],
    [502, null, '<h1>Bad gateway</h1>', zh.unreachable],
  ])('%i %s %s', (status, code, message, text) => {
    expect(problemOf(new ApiError(message, status, code), zh, 'zh').text).toBe(text);
  });

  test('a pull that failed says so', () => {
    expect(problemOf(pullFailure('the transfer broke off'), zh, 'zh')).toEqual({ text: zh.errorPull, detail: 'the transfer broke off' });
  });
});

test('what is no answer of the server', () => {
  expect(problemOf(new TypeError('Failed to fetch'), zh, 'zh')).toEqual({ text: zh.unreachable, detail: null });
  expect(problemOf(new DOMException('gone', 'NotFoundError'), zh, 'zh').text).toBe(zh.errorRead);
  expect(problemOf(new Error(zh.keyWrong), zh, 'zh')).toEqual({ text: zh.keyWrong, detail: null });
});
