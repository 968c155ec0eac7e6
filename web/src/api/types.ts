/** Half-open range of Unicode scalar values. */
export type Span = [number, number];

export interface Hit {
  id: string;
  document: string;
  title: string;
  page: number | null;
  section: string;
  span: Span;
  text: string;
  score: number;
  lexical_rank?: number | null;
  vector_rank?: number | null;
}

export interface Citation {
  marker: string;
  passage: string;
  document: string;
  title: string;
  page: number | null;
  section: string;
  quote: string;
  span: Span;
  at: Span;
}

export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens?: number;
}

export interface Timings {
  queue_ms?: number;
  search_ms?: number;
  prompt_ms?: number;
  generate_ms?: number;
}

export type Progress =
  | { step: 'queued'; ahead: number }
  | { step: 'loading'; model: string }
  | { step: 'prompt'; done: number; total: number }
  | { step: 'searching' }
  | { step: 'searched'; hits: Hit[] }
  | { step: 'dropped'; citations: number };

export interface Info {
  version: string;
  default_model: string | null;
  default_embedder: string | null;
  preferred_model: string;
  preferred_embedder: string;
  language_models: string[];
  embedding_models: string[];
}

export interface KnowledgeBase {
  name: string;
  documents: number;
  passages: number;
  vectors: number;
  bytes: number;
  embedder: string | null;
  ingesting: boolean;
  /** Why it cannot be opened; then nothing of it was counted. */
  error?: string | null;
}

export type DocumentStatus = 'ready' | 'parsing' | 'embedding' | 'failed';

export interface DocumentInfo {
  name: string;
  title: string;
  format: string;
  /** 0 where the format has none. */
  pages: number;
  passages: number;
  vectors: number;
  bytes: number;
  warnings: string[];
  status: DocumentStatus;
  error?: string | null;
}

export interface DocumentText {
  name: string;
  title: string;
  text: string;
  pages: Span[];
  warnings: string[];
}

export interface IngestProgress {
  documents_done: number;
  documents_total: number;
  passages: number;
  vectors: number;
  current: string | null;
  rate: number;
  done: boolean;
  failed: { name: string; error: string }[];
}

export interface SearchResult {
  hits: Hit[];
  vectors_ready: number;
  timings?: Record<string, number>;
}

export type SearchMode = 'hybrid' | 'lexical' | 'vector';

export interface CatalogueModel {
  name: string;
  description?: string;
  description_zh?: string;
  architecture: string;
  parameters?: number;
  context: number;
  dimensions?: number | null;
  languages?: string[];
  licence?: string;
  bytes?: number;
  state: 'installed' | 'available' | 'partial' | 'pulling';
  progress: { done: number; total: number; rate: number } | null;
  error?: string | null;
}

export interface Answer {
  answer: string;
  citations: Citation[];
  dropped: number;
  supported: boolean;
  usage: Usage;
  timings: Timings;
  hits: Hit[];
}

/** What an upload was met with. */
export interface Accepted {
  accepted: string[];
  rejected: { name: string; error: string }[];
}

/** OpenAI's log-probabilities of completions; a token that is part of a character is written `bytes:\xe4\xbd`. */
export interface Logprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[] | null;
  text_offset: number[];
}

export interface Completion {
  model: string;
  choices: { text: string; finish_reason: string | null; logprobs: Logprobs | null }[];
}

export interface ChatChunk {
  choices: { delta: { content?: string | null }; finish_reason: string | null }[];
  usage?: Usage | null;
  error?: { message: string };
}

export interface Tokens {
  model: string;
  count: number;
  tokens: Piece[];
}

export interface Piece {
  id: number;
  text: string;
  bytes: number[];
}

/** A loaded language model at work; tokens since it was loaded. */
export interface EngineModel {
  name: string;
  memory: number;
  pending: number;
  slots: number;
  cache_used: number;
  cache_most: number;
  read_tokens: number;
  cached_tokens: number;
  written_tokens: number;
  guessed_tokens: number;
  accepted_tokens: number;
}

export interface Engine {
  models: EngineModel[];
  resident_bytes: number | null;
  memory_allowed: number | null;
}
