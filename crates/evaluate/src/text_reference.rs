// The scores of `rouge-score` 0.1.2 and `sacrebleu` 2.6.0; NaN where the former does not read the script.
const REFERENCE: &[(&str, &str, f64, f64)] = &[
    ("the cat sat on the mat", "the cat lay on a mat", 0.6666666666666666, 0.34062933963704967),
    ("hello", "hello", 1.0, 1.0),
    ("hello", "world", 0.0, 0.08),
    ("A quick brown fox!", "quick Brown foxes", 0.5714285714285715, 0.5322177822177823),
    ("The parcel has not arrived yet.", "The package hasn't arrived.", f64::NAN, 0.42459431007517623),
    ("今天天气很好，我们去公园。", "今天天气不错，去公园吧。", f64::NAN, 0.2511142752252212),
    ("a", "b", 0.0, 0.0),
    ("a", "a a a a", 0.4, 0.625),
    ("ab", "abab", 0.0, 0.7812499999999999),
    ("Employees have 15 days of annual leave.", "You have 15 days.", 0.5454545454545454, 0.29526137837035327),
    ("请重置密码", "重置密码", f64::NAN, 0.7257346393588603),
    ("one two three four five six", "six five four three two one", 0.16666666666666666, 0.48067390698969653),
    ("x y", "xy", 0.0, 1.0),
    ("longer text here with many words in it", "short", 0.0, 0.05490331491712707),
];
