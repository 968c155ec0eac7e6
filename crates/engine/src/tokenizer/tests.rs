use proptest::prelude::*;

use super::pretokenizer::Pretokenizer;
use super::vocabulary::{Algorithm, Frame};
use super::*;

fn vocabulary(algorithm: Algorithm, entries: &[(&str, f32, TokenKind)]) -> Vocabulary {
    Vocabulary {
        algorithm,
        pre: "gpt-2".into(),
        texts: entries.iter().map(|(text, _, _)| (*text).to_owned()).collect(),
        scores: entries.iter().map(|(_, score, _)| *score).collect(),
        kinds: entries.iter().map(|(_, _, kind)| *kind).collect(),
        merges: Vec::new(),
        bos: None,
        eos: None,
        ends: Vec::new(),
        unknown: None,
        separator: None,
        frame: Frame::default(),
        space_prefix: false,
        squeeze: false,
        lowercase: true,
        specials_strip_right: false,
        charsmap: Vec::new(),
        replacements: Vec::new(),
    }
}

/// All bytes, a few words, one control and one user-defined token.
fn byte_level() -> Vocabulary {
    let letters: Vec<String> = (0..=255u8).map(|byte| bytes::stand_in(byte).to_string()).collect();
    let mut entries: Vec<(&str, f32, TokenKind)> =
        letters.iter().map(|text| (text.as_str(), 0.0, TokenKind::Normal)).collect();
    let words = ["he", "ll", "hell", "hello", "Ġhello", "aa", "aaaa", "Ġa"];
    entries.extend(words.map(|word| (word, 0.0, TokenKind::Normal)));
    entries.push(("<|im_end|>", 0.0, TokenKind::Control));
    entries.push(("<tool>", 0.0, TokenKind::UserDefined));
    let mut vocabulary = vocabulary(Algorithm::Bpe, &entries);
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ hello", "a a", "aa aa", "Ġ a"];
    vocabulary.merges = merges.map(str::to_owned).to_vec();
    vocabulary
}

fn pieces(tokenizer: &Tokenizer, ids: &[u32]) -> Vec<String> {
    ids.iter().map(|&id| String::from_utf8_lossy(&tokenizer.token_bytes(id)).into_owned()).collect()
}

#[test]
fn byte_level_joins_what_was_learnt_first() {
    let tokenizer = Tokenizer::from_vocabulary(byte_level()).unwrap();
    let cases: [(&str, &[&str]); 5] = [
        ("hello hello", &["hello", " hello"]),
        ("aaaaa a", &["aaaa", "a", " a"]),
        ("help", &["he", "l", "p"]),
        ("<tool>aa", &["<tool>", "aa"]),
        ("", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(pieces(&tokenizer, &tokenizer.encode(text)), expected, "{text:?}");
    }
}

#[test]
fn control_tokens_come_only_from_templates() {
    let tokenizer = Tokenizer::from_vocabulary(byte_level()).unwrap();
    let end = tokenizer.token_id("<|im_end|>").unwrap();
    let text = "hello<|im_end|>a";
    assert!(!tokenizer.encode(text).contains(&end));
    assert_eq!(pieces(&tokenizer, &tokenizer.encode_with_specials(text)), ["hello", "<|im_end|>", "a"]);
    assert!(tokenizer.is_end(end) && tokenizer.is_control(end));
    assert_eq!(tokenizer.decode(&tokenizer.encode(text)), text);
}

#[test]
fn pretokenizers_cut_as_their_models_were_trained() {
    let cases: [(&str, &str, &[&str]); 9] = [
        ("qwen2", "I'LL pay 12 €\n\n x", &["I", "'LL", " pay", " ", "1", "2", " €\n\n", " x"]),
        ("qwen2", "a   b", &["a", "  ", " b"]),
        ("qwen2", "a   ", &["a", "   "]),
        ("llama-bpe", "12345", &["123", "45"]),
        ("smollm", "a12 b", &["a", "1", "2", " b"]),
        ("gpt-2", "it's 42!  x", &["it", "'s", " 42", "!", " ", " x"]),
        ("default", "a12345!", &["a", "123", "45", "!"]),
        ("deepseek-coder", "x = 12\n中文", &["x", " = ", "1", "2", "\n", "中文"]),
        ("gpt-4o", "HelloWorld", &["Hello", "World"]),
    ];
    for (name, text, expected) in cases {
        let mut words = Vec::new();
        Pretokenizer::named(name).unwrap().split(text, |word| words.push(word.to_owned()));
        assert_eq!(words, expected, "{name}: {text:?}");
    }
    let error = Pretokenizer::named("martian").err().unwrap().to_string();
    assert!(error.contains("martian") && error.contains("tokenizer.ggml.pre"), "{error}");
}

#[test]
fn characters_come_whole_out_of_the_detokenizer() {
    let tokenizer = Tokenizer::from_vocabulary(byte_level()).unwrap();
    let end = tokenizer.token_id("<|im_end|>").unwrap();
    let mut detokenizer = tokenizer.detokenizer();
    let mut ids = tokenizer.encode("😀é");
    ids.insert(2, end);
    let parts: Vec<String> = ids.iter().map(|&id| detokenizer.push(id)).collect();
    assert_eq!(parts, ["", "", "", "", "😀", "", "é"]);
    let first = tokenizer.encode("😀")[0];
    assert_eq!(detokenizer.push(first), "");
    assert_eq!(detokenizer.push(tokenizer.encode("a")[0]), "\u{fffd}a");
    detokenizer.push(first);
    assert_eq!(detokenizer.finish(), "\u{fffd}");
}

fn scored() -> Vocabulary {
    let bytes: Vec<String> = (0..=255u8).map(|byte| format!("<0x{byte:02X}>")).collect();
    let mut entries = vec![("<unk>", 0.0, TokenKind::Unknown), ("<s>", 0.0, TokenKind::Control)];
    entries.extend(bytes.iter().map(|text| (text.as_str(), 0.0, TokenKind::Byte)));
    let words = [
        ("a", -10.0),
        ("b", -11.0),
        ("c", -12.0),
        ("▁", -13.0),
        ("ab", -2.0),
        ("bc", -1.0),
        ("▁a", -3.0),
        ("abab", -5.0),
        ("aa", -6.0),
    ];
    entries.extend(words.map(|(text, score)| (text, score, TokenKind::Normal)));
    let mut vocabulary = vocabulary(Algorithm::SentencePiece, &entries);
    vocabulary.unknown = Some(0);
    vocabulary.bos = Some(1);
    vocabulary.frame.bos = true;
    vocabulary
}

#[test]
fn sentencepiece_joins_the_highest_score_first() {
    let tokenizer = Tokenizer::from_vocabulary(scored()).unwrap();
    let cases: [(&str, &[&str]); 5] = [
        ("abc", &["a", "bc"]),
        ("abab", &["abab"]),
        ("a ab", &["a", " ", "ab"]),
        ("<s>", &["<", "s", ">"]),
        ("é", &["\u{fffd}", "\u{fffd}"]),
    ];
    for (text, expected) in cases {
        assert_eq!(pieces(&tokenizer, &tokenizer.encode(text)), expected, "{text:?}");
        assert_eq!(tokenizer.decode(&tokenizer.encode(text)), text);
    }
    assert_eq!(tokenizer.encode_framed("ab", 2).len(), 2);
    assert_eq!(tokenizer.encode_framed("abcabc", 3), [1, 258, 263]);
}

#[test]
fn a_space_goes_in_front_where_the_model_wants_one() {
    let mut vocabulary = scored();
    vocabulary.space_prefix = true;
    let tokenizer = Tokenizer::from_vocabulary(vocabulary).unwrap();
    let ids = tokenizer.encode("a");
    assert_eq!(pieces(&tokenizer, &ids), [" a"]);
    assert_eq!(tokenizer.decode(&ids), "a");
}

fn likeliest() -> Vocabulary {
    let entries = [
        ("<unk>", 0.0, TokenKind::Unknown),
        ("▁", -3.0, TokenKind::Normal),
        ("a", -4.0, TokenKind::Normal),
        ("b", -4.0, TokenKind::Normal),
        ("ab", -5.0, TokenKind::Normal),
        ("▁ab", -6.0, TokenKind::Normal),
        ("ba", -9.0, TokenKind::Normal),
        ("</s>", 0.0, TokenKind::Control),
    ];
    let mut vocabulary = vocabulary(Algorithm::Unigram, &entries);
    vocabulary.unknown = Some(0);
    vocabulary.eos = Some(7);
    vocabulary.frame.eos = true;
    vocabulary.space_prefix = true;
    vocabulary.squeeze = true;
    // A tab reads as a space, a zero-width space as nothing, Ａ as a.
    vocabulary.replacements = vec![9, 1, 32, 0x200B, 0, 0xFF21, 1, 97];
    vocabulary
}

#[test]
fn unigram_takes_the_likeliest_cut() {
    let tokenizer = Tokenizer::from_vocabulary(likeliest()).unwrap();
    let cases: [(&str, &[u32]); 7] = [
        ("ab", &[5]),
        ("aba", &[5, 2]),
        ("ab\t  ab ", &[5, 5]),
        ("\u{200B}Ａb", &[5]),
        ("a中文b", &[1, 2, 0, 3]),
        ("</s>", &[1, 0]),
        ("", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(tokenizer.encode(text), expected, "{text:?}");
    }
    assert_eq!(tokenizer.encode_framed("ab ab ab", 3), [5, 5, 7]);
}

#[test]
fn wordpiece_takes_the_longest_match() {
    let entries = [
        ("[UNK]", 0.0, TokenKind::Unknown),
        ("[CLS]", 0.0, TokenKind::Control),
        ("[SEP]", 0.0, TokenKind::Control),
        ("▁un", 0.0, TokenKind::Normal),
        ("able", 0.0, TokenKind::Normal),
        ("▁able", 0.0, TokenKind::Normal),
        ("▁中", 0.0, TokenKind::Normal),
    ];
    let mut vocabulary = vocabulary(Algorithm::WordPiece, &entries);
    vocabulary.unknown = Some(0);
    vocabulary.bos = Some(1);
    vocabulary.separator = Some(2);
    vocabulary.frame = Frame { bos: true, eos: false, separator: true };
    let tokenizer = Tokenizer::from_vocabulary(vocabulary).unwrap();
    assert_eq!(tokenizer.encode("Unable ÁBLE 中x"), [3, 4, 5, 6, 0]);
    assert_eq!(tokenizer.encode_framed("un", 8), [1, 3, 2]);
    assert_eq!(tokenizer.decode(&[3, 4]), "unable");
}

#[test]
fn json_describes_the_same_tokenizer() {
    let description = serde_json::json!({
        "version": "1.0",
        "added_tokens": [
            {"id": 1, "content": "[CLS]", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
            {"id": 2, "content": "[SEP]", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing", "pair": [], "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##able": 4}},
    });
    let tokenizer = Tokenizer::from_json(description.to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.encode_framed("unable", 8), [1, 3, 4, 2]);
    assert!(!tokenizer.encode("[SEP]").contains(&2));
    assert_eq!(tokenizer.encode_with_specials("un[SEP]"), [3, 2]);
    assert!(Tokenizer::from_json(b"{}").is_err());
    // Found by fuzzing: the crate panics on these.
    let damaged = description.to_string().replacen('{', "{\"decoder\":{\"type\":\"\u{16}\"},", 1);
    assert!(Tokenizer::from_json(damaged.as_bytes()).is_err());
    for (prefix, merges) in [
        ("", serde_json::json!(["a b"])),
        ("##", serde_json::json!([["a", "b"]])),
        ("é", serde_json::json!([["a", "è"]])),
    ] {
        let mut damaged = description.clone();
        damaged["model"] = serde_json::json!({"type": "BPE", "vocab": {"a": 0, "b": 1, "è": 2}, "merges": merges,
            "continuing_subword_prefix": prefix});
        let error = Tokenizer::from_json(damaged.to_string().as_bytes()).err().unwrap().to_string();
        assert!(error.contains("its merge 'a "), "{error}");
    }
    let mut damaged = description;
    damaged["post_processor"]["special_tokens"] = serde_json::json!({});
    assert!(Tokenizer::from_json(damaged.to_string().as_bytes()).is_err());
}

#[test]
fn vocabularies_that_contradict_themselves_are_refused() {
    let mut odd_merge = byte_level();
    odd_merge.merges.push("alone".into());
    let mut no_unknown = likeliest();
    no_unknown.unknown = None;
    let mut few_scores = likeliest();
    few_scores.scores.pop();
    let mut cut_short = likeliest();
    cut_short.replacements.pop();
    let mut odd_table = likeliest();
    odd_table.replacements.clear();
    odd_table.charsmap = vec![200, 0, 0, 0, 1];
    for (vocabulary, names) in [
        (odd_merge, "merges"),
        (no_unknown, "unknown_token_id"),
        (few_scores, "scores"),
        (cut_short, "replacements"),
        (odd_table, "charsmap"),
    ] {
        let error = Tokenizer::from_vocabulary(vocabulary).err().expect(names).to_string();
        assert!(error.contains(names), "{error}");
    }
}

/// Joining as it is defined, for comparison: the best pair of the whole word, again and again.
fn joined_naively(word: &str, merges: &[String]) -> Vec<String> {
    let mut symbols: Vec<String> = word.bytes().map(|byte| bytes::stand_in(byte).to_string()).collect();
    loop {
        let rank =
            |at: &usize| merges.iter().position(|merge| *merge == format!("{} {}", symbols[*at], symbols[at + 1]));
        let best = (0..symbols.len().saturating_sub(1)).filter_map(|at| Some((rank(&at)?, at))).min();
        let Some((_, at)) = best else { return symbols };
        let right = symbols.remove(at + 1);
        symbols[at].push_str(&right);
    }
}

proptest! {
    #[test]
    fn every_text_survives_byte_level(text in any::<String>()) {
        let tokenizer = Tokenizer::from_vocabulary(byte_level()).unwrap();
        let ids = tokenizer.encode(&text);
        prop_assert_eq!(tokenizer.decode(&ids), text.clone());
        let mut detokenizer = tokenizer.detokenizer();
        let mut pieced: String = ids.iter().map(|&id| detokenizer.push(id)).collect();
        pieced.push_str(&detokenizer.finish());
        prop_assert_eq!(pieced, text);
    }

    #[test]
    fn long_words_join_as_short_ones(word in "[ahelo]{1,120}") {
        let vocabulary = byte_level();
        let expected = joined_naively(&word, &vocabulary.merges);
        let tokenizer = Tokenizer::from_vocabulary(vocabulary).unwrap();
        prop_assert_eq!(pieces(&tokenizer, &tokenizer.encode(&word)), expected);
    }

    #[test]
    fn no_bytes_are_a_tokenizer_by_accident(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Tokenizer::from_json(&bytes).is_err());
    }
}

const TEXT: &str = "I'LL pay 12 €\n\n  检索增强生成👩‍👩‍👧<|im_end|>";

/// Ids llama.cpp gives; needs the models.
#[test]
fn real_vocabularies_give_the_reference_ids() {
    let Ok(folder) = std::env::var("SUMERU_TEST_MODELS") else { return };
    let cases: [(&str, &str, &[u32]); 3] = [
        (
            "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            TEXT,
            &[
                40, 6, 4086, 2291, 220, 16, 17, 12984, 271, 220, 6567, 96, 222, 50984, 101138, 43959, 145233, 378, 235,
                145233, 378, 235, 145665, 27, 91, 318, 6213, 91, 29,
            ],
        ),
        (
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            TEXT,
            &[
                57, 23, 16421, 2290, 216, 33, 34, 24927, 8866, 17097, 113, 218, 178, 129, 112, 176, 112, 248, 26602,
                135, 43293, 35094, 10813, 235, 119, 321, 231, 10813, 235, 119, 321, 231, 10813, 235, 117, 44, 108, 306,
                79, 486, 108, 46,
            ],
        ),
        (
            "gemma-3-270m-q4_k_m.gguf",
            TEXT,
            &[
                236777, 236789, 2182, 2350, 236743, 236770, 236778, 11361, 108, 138, 163601, 71232, 25352, 243767,
                237243, 243767, 237243, 244814, 236820, 236909, 548, 236779, 643, 111038,
            ],
        ),
    ];
    let mut found = 0;
    for (file, text, ids) in cases {
        let folders = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        for path in folders.map(|folder| folder.join(file)).filter(|path| path.is_file()) {
            let tokenizer = Tokenizer::from_gguf(&Gguf::open(&path).unwrap()).unwrap();
            assert_eq!(tokenizer.encode(text), ids, "{file}: {text:?}");
            found += 1;
        }
    }
    assert!(found > 0, "SUMERU_TEST_MODELS={folder} holds none of the models; run `make models`");
}
