use tastemaker_preference::{CommentedImage, Extractor, LexiconExtractor};
fn main() {
    let e = LexiconExtractor::embedded();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (text, attrs) = line.split_once(" | ").unwrap_or((&line, ""));
        let c = CommentedImage {
            text: text.to_owned(),
            image_attributes: attrs
                .split(';')
                .map(|s| s.trim().to_owned())
                .filter(|s| !s.is_empty())
                .collect(),
        };
        let x = e.extract(&c).unwrap();
        let f = |l: &Vec<tastemaker_preference::Preference>| {
            l.iter()
                .map(|p| format!("{} {:.2} «{}»", p.attribute, p.weight, p.evidence))
                .collect::<Vec<_>>()
                .join("; ")
        };
        println!("{text}\n   + {}\n   - {}", f(&x.liked), f(&x.disliked));
    }
}
