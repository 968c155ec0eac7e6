//! The readers of foreign bytes, each as a function from bytes to an answer in words.
//!
//! An answer, also a refusal, is `Ok`; `Err` says which promise the reader broke.

mod documents;
pub(crate) mod folders;
mod models;
mod replies;
mod requests;
mod tables;
mod workspaces;

use crate::mutate::Shape;
use crate::seeds;
use documents::document;
use models::{e5s1, gguf, safetensors, tokenizer_json};
use platform::RowFormat::{Csv, JsonLines, Tsv, Xlsx};
use replies::replies;
use requests::requests;
use tables::table;

type Answer = Result<String, String>;

/// A reader under test.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    pub(crate) run: fn(&[u8]) -> Answer,
}

const fn target(name: &'static str, shape: Shape, seeds: fn() -> Vec<Vec<u8>>, run: fn(&[u8]) -> Answer) -> Target {
    Target { name, shape, seeds, run }
}

/// Every target.
pub(crate) static ALL: [Target; 25] = [
    target("gguf", Shape::Binary, seeds::gguf, gguf),
    target("safetensors", Shape::Binary, seeds::safetensors, safetensors),
    target("e5s1", Shape::Binary, seeds::e5s1, e5s1),
    target("tokenizer_json", Shape::Text, seeds::tokenizer_json, tokenizer_json),
    target("hf_config", Shape::Text, seeds::hf_config, folders::config),
    target("hf_tokenizer", Shape::Text, seeds::hf_tokenizer, folders::tokenizer),
    target("hf_tokenizer_config", Shape::Text, seeds::hf_tokenizer_config, folders::tokenizer_config),
    target("pdf", Shape::Text, seeds::pdf, |bytes| document("a.pdf", bytes)),
    target("docx", Shape::Archive, seeds::docx, |bytes| document("a.docx", bytes)),
    target("pptx", Shape::Archive, seeds::pptx, |bytes| document("a.pptx", bytes)),
    target("xlsx", Shape::Archive, seeds::xlsx, |bytes| document("a.xlsx", bytes)),
    target("epub", Shape::Archive, seeds::epub, |bytes| document("a.epub", bytes)),
    target("html", Shape::Text, seeds::html, |bytes| document("a.html", bytes)),
    target("md", Shape::Text, seeds::markdown, |bytes| document("a.md", bytes)),
    target("csv", Shape::Text, seeds::csv, |bytes| document("a.csv", bytes)),
    target("json", Shape::Text, seeds::json, |bytes| document("a.json", bytes)),
    target("text", Shape::Text, seeds::text, |bytes| document("a.txt", bytes)),
    target("requests", Shape::Text, seeds::requests, requests),
    target("replies", Shape::Text, seeds::replies, replies),
    target("rows_jsonl", Shape::Text, seeds::labelled_lines, |bytes| table(bytes, JsonLines)),
    target("rows_csv", Shape::Text, || seeds::labelled_table(","), |bytes| table(bytes, Csv)),
    target("rows_tsv", Shape::Text, || seeds::labelled_table("\t"), |bytes| table(bytes, Tsv)),
    target("rows_xlsx", Shape::Archive, seeds::labelled_workbook, |bytes| table(bytes, Xlsx)),
    target("task", Shape::Text, seeds::task, workspaces::task),
    target("models_toml", Shape::Text, seeds::models_toml, workspaces::models),
];

trait Log {
    fn ilog2_or_zero(self) -> usize;
}

impl Log for usize {
    fn ilog2_or_zero(self) -> usize {
        self.checked_ilog2().unwrap_or(0) as usize
    }
}

fn refusal(error: &impl std::fmt::Display) -> String {
    format!(" refused: {error}")
}

#[cfg(test)]
mod tests {
    use super::ALL;

    /// A refused input would only ever exercise the first check of its reader.
    #[test]
    fn sound_inputs_are_read() {
        for target in &ALL {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for (index, bytes) in seeds.iter().enumerate() {
                let answer = (target.run)(bytes).unwrap_or_else(|broken| panic!("{} {index}: {broken}", target.name));
                assert!(!answer.contains(" refused"), "{} {index}:{answer}", target.name);
            }
        }
    }
}
