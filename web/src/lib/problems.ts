import { ApiError } from '../api/client';
import type { Lang, Text } from '../i18n/catalogue';
import { reason } from '../i18n/reasons';

/** What went wrong in the reader's words, and what the server said of it. */
export interface Problem {
  text: string;
  detail: string | null;
}

/** By the API's `code`: stable, and few enough to be told apart. */
const phrases: Record<string, (t: Text) => string> = {
  knowledge_base_not_found: (t) => t.errorNoBase,
  document_not_found: (t) => t.errorNoDocument,
  model_not_found: (t) => t.errorNoModel,
  invalid_model: (t) => t.errorWrongModel,
  context_length_exceeded: (t) => t.errorContext,
  no_vectors: (t) => t.errorNoVectors,
  invalid_value: (t) => t.errorValue,
  invalid_type: (t) => t.errorValue,
  missing_required_parameter: (t) => t.errorValue,
  unknown_parameter: (t) => t.errorUnsupported,
  unsupported_parameter: (t) => t.errorUnsupported,
  unsupported_media_type: (t) => t.errorUnsupported,
  unknown_url: (t) => t.errorUnsupported,
  method_not_allowed: (t) => t.errorUnsupported,
  invalid_json: (t) => t.errorMalformed,
  invalid_form: (t) => t.errorMalformed,
  invalid_path: (t) => t.errorMalformed,
  invalid_query: (t) => t.errorMalformed,
  incomplete_body: (t) => t.errorMalformed,
  missing_host: (t) => t.errorHost,
  host_not_allowed: (t) => t.errorHost,
  origin_not_allowed: (t) => t.errorOrigin,
  invalid_api_key: (t) => t.errorKey,
  api_key_required: (t) => t.errorKey,
  request_too_large: (t) => t.errorTooLarge,
  request_timeout: (t) => t.errorTimeout,
  queue_full: (t) => t.errorBusy,
  server_stopping: (t) => t.errorStopping,
  conflict: (t) => t.errorConflict,
  internal_error: (t) => t.errorInternal,
  // Not of the API: the catalogue says why a pull failed in a field of the model.
  pull_failed: (t) => t.errorPull,
};

/** For answers that something between here and the server gave. */
const statuses: Record<number, string> = { 401: 'invalid_api_key', 408: 'request_timeout', 413: 'request_too_large', 429: 'queue_full' };

/** Of an error that only the server's own words tell: the disk. */
const disks: [RegExp, (t: Text) => string][] = [
  [/\(os error (28|122)\)|no space left|disk is full/i, (t) => t.errorDiskFull],
  [/\(os error (1|13|30)\)|permission denied|read-?only/i, (t) => t.errorDisk],
];

function phrase(error: ApiError, t: Text): string | null {
  const code = error.code ?? statuses[error.status] ?? '';
  if (code === 'internal_error' || code === 'pull_failed') {
    const disk = disks.find(([pattern]) => pattern.test(error.message));
    if (disk) return disk[1](t);
  }
  if (code === '' && error.status >= 502 && error.status <= 504) return t.unreachable;
  return phrases[code]?.(t) ?? null;
}

/** The words for an error, whatever was thrown. */
export function problemOf(error: unknown, t: Text, lang: Lang): Problem {
  if (error instanceof ApiError) {
    const said = reason(error.message, lang);
    const text = phrase(error, t);
    return text === null ? { text: said, detail: null } : { text, detail: said === '' ? null : said };
  }
  // fetch reports a server that is gone as a TypeError with a browser's own words.
  if (error instanceof TypeError) return { text: t.unreachable, detail: null };
  // So do files that were moved or may not be read.
  if (error instanceof DOMException && /^(NotFound|NotReadable|Security)Error$/.test(error.name)) return { text: t.errorRead, detail: error.message };
  return { text: error instanceof Error ? error.message : String(error), detail: null };
}

/** Why a model's pull failed, as the catalogue tells it. */
export function pullFailure(message: string): ApiError {
  return new ApiError(message, 200, 'pull_failed');
}
