//! Emoji of reactions and components.

use crate::model::ComponentEmoji;
use crate::validate::Form;

/// Returns the emoji in its full form if it is one of Unicode's; custom emoji do not exist in the sandbox.
pub(crate) fn unicode(text: &str) -> Option<&'static str> {
    emojis::get(text).map(emojis::Emoji::as_str)
}

/// Reads the emoji of a button or select option.
pub(crate) fn of_component(form: &Form<'_>) -> Option<ComponentEmoji> {
    form.object()?;
    let name = form.get("name").text().unwrap_or_default();
    let id = form.get("id").snowflake();
    if id.is_some() || unicode(&name).is_none() {
        form.get("name")
            .fail("BUTTON_COMPONENT_INVALID_EMOJI", "Invalid emoji");
        return None;
    }
    Some(ComponentEmoji { id: None, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_look_like_emoji_are_not() {
        assert!(unicode("➕").is_some());
        assert!(unicode("0️⃣").is_some());
        assert!(unicode("❤").is_some(), "without its variation selector");
        assert!(unicode("+").is_none());
        assert!(unicode("plus").is_none());
    }
}
