//! What a `tokenizer.json` says of cutting a text into words, and what GGUF files call it.

use serde_json::Value;

/// GPT-2's words, as the step `ByteLevel` cuts them itself.
const GPT2: &str = "gpt-2 words";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const SEED: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+";
const BAILING: &str =
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const CJK: &str = "[一-龥\u{800}-一가-\u{D7FF}]+";
const DEEPSEEK3: &str = r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##;

/// Steps, and what files call them.
const KNOWN: [(&[&str], &str); 13] = [
    (&[GPT2], "gpt-2"),
    (&["single digits", GPT2], "smollm"),
    (&[LLAMA3], "smaug-bpe"),
    (&[QWEN2], "qwen2"),
    (&[QWEN35], "qwen35"),
    (&[SEED], "seed-coder"),
    (&[BAILING], "bailingmoe"),
    (&[TEKKEN], "tekken"),
    (&[GPT4O], "gpt-4o"),
    (&[r"\p{N}{1,3}", "[一-龥\u{3040}-ゟ゠-ヿ]+", DEEPSEEK3], "deepseek-v3"),
    (&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK, "single digits"], "deepseek-coder"),
    (&["punctuation", GPT2, "digits", "[0-9][0-9][0-9]"], "falcon"),
    (&["punctuation", GPT2, "[0-9][0-9][0-9]"], "falcon"),
];

/// The name of what a `tokenizer.json` describes.
pub(super) fn name(pre_tokenizer: &Value, ignore_merges: bool, architecture: &str) -> Result<&'static str, String> {
    let mut steps = Vec::new();
    describe(pre_tokenizer, &mut steps);
    let found = KNOWN.iter().find(|(known, _)| known.iter().eq(&steps)).map(|(_, name)| *name);
    let Some(name) = found else {
        let mut known: Vec<&str> = KNOWN.iter().map(|(_, name)| *name).collect();
        known.dedup();
        return Err(format!(
            "'pre_tokenizer' cuts words in a way that is not known here: {}; known are those of {}, llama-bpe and glm4, and SentencePiece's; try a GGUF file \
             of this model",
            if steps.is_empty() { "in none".to_owned() } else { steps.join(" | ") },
            known.join(", ")
        ));
    };
    Ok(match (name, ignore_merges, architecture) {
        ("smaug-bpe", true, _) => "llama-bpe",
        ("smaug-bpe", false, "glm4") => "glm4",
        _ => name,
    })
}

/// Whether bytes are written as characters, the ground of byte-level BPE.
pub(super) fn is_byte_level(pre_tokenizer: &Value) -> bool {
    match pre_tokenizer["type"].as_str() {
        Some("ByteLevel") => true,
        Some("Sequence") => pre_tokenizer["pretokenizers"].as_array().is_some_and(|all| all.iter().any(is_byte_level)),
        _ => false,
    }
}

fn describe(step: &Value, steps: &mut Vec<String>) {
    let flag = |key: &str, usual: bool| step[key].as_bool().unwrap_or(usual);
    let behaviour = step["behavior"].as_str().unwrap_or("Isolated");
    match step["type"].as_str().unwrap_or("nothing") {
        "Sequence" => {
            step["pretokenizers"].as_array().into_iter().flatten().for_each(|step| describe(step, steps));
        }
        "ByteLevel" if flag("add_prefix_space", true) => steps.push("ByteLevel with a space in front".to_owned()),
        "ByteLevel" if flag("use_regex", true) => steps.push(GPT2.to_owned()),
        "ByteLevel" => {}
        "Digits" => steps.push(if flag("individual_digits", false) { "single digits" } else { "digits" }.to_owned()),
        "Punctuation" if behaviour == "Contiguous" => steps.push("punctuation".to_owned()),
        // To keep the matches and to remove what lies between them is the same where nothing does.
        "Split" if matches!((behaviour, flag("invert", false)), ("Isolated", _) | ("Removed", true)) => {
            // Some files write the line ends themselves.
            let pattern = step["pattern"]["Regex"].as_str().unwrap_or("a text");
            steps.push(pattern.replace('\r', r"\r").replace('\n', r"\n"));
        }
        other => steps.push(format!("{other} {behaviour}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_found_by_what_is_done() {
        let bytes = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": regex});
        let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"});
        let all = |steps: &[Value]| json!({"type": "Sequence", "pretokenizers": steps});
        let digits = json!({"type": "Digits", "individual_digits": true});
        let removed = json!({"type": "Split", "pattern": {"Regex": GPT4O}, "behavior": "Removed", "invert": true});
        for (described, ignores, architecture, expected) in [
            (bytes(true), false, "llama", "gpt-2"),
            (all(&[digits, bytes(true)]), false, "llama", "smollm"),
            (all(&[split(LLAMA3), bytes(false)]), true, "llama", "llama-bpe"),
            (all(&[split(LLAMA3), bytes(false)]), false, "llama", "smaug-bpe"),
            (all(&[split(LLAMA3), bytes(false)]), false, "glm4", "glm4"),
            (all(&[split(QWEN2), bytes(false)]), false, "qwen2", "qwen2"),
            (all(&[removed, bytes(false)]), false, "phi3", "gpt-4o"),
        ] {
            assert_eq!(name(&described, ignores, architecture), Ok(expected), "{described}");
            assert!(is_byte_level(&described));
        }
        for (described, expected) in [
            (all(&[split("[a-z]+"), bytes(false)]), "[a-z]+;"),
            (json!({"type": "ByteLevel"}), "with a space in front"),
            (json!({"type": "Whitespace"}), "Whitespace Isolated"),
            (Value::Null, "nothing"),
        ] {
            let why = name(&described, false, "llama").unwrap_err();
            assert!(why.contains(expected) && why.contains("qwen2") && why.contains("GGUF"), "{why}");
        }
    }
}
