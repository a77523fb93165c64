//! The console's own sentences, in Fluent, a file per language in `host/web/locales`.

use std::borrow::Cow;
use std::collections::HashMap;

use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};
use heptad_model::Locale;

fluent_templates::static_loader! {
    static SENTENCES = {
        locales: "./locales",
        fallback_language: "en",
        // Isolating marks serve mixed writing directions; both languages run left to right.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const ZH_CN: LanguageIdentifier = langid!("zh-CN");
const EN: LanguageIdentifier = langid!("en");

/// The sentences in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) Locale);

/// What a placeholder of a sentence may hold: numbers decide between one and many.
pub(super) trait Argument {
    /// The value as Fluent takes it.
    fn value(&self) -> FluentValue<'static>;
}

impl Argument for str {
    fn value(&self) -> FluentValue<'static> {
        FluentValue::from(self.to_owned())
    }
}

impl Argument for String {
    fn value(&self) -> FluentValue<'static> {
        self.as_str().value()
    }
}

impl<T: Argument + ?Sized> Argument for &T {
    fn value(&self) -> FluentValue<'static> {
        (**self).value()
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Argument for $number {
            fn value(&self) -> FluentValue<'static> {
                FluentValue::from(*self)
            }
        }
    )*};
}
numbers!(i32, i64, u32, u64, usize);

impl Words {
    /// The language.
    pub(super) const fn locale(self) -> Locale {
        self.0
    }

    /// A sentence; its key where there is none, which a test rules out.
    pub(crate) fn t(self, key: &str) -> String {
        self.find(key, None).unwrap_or_else(|| key.to_owned())
    }

    /// A sentence with one placeholder.
    pub(super) fn t1(self, key: &str, name: &'static str, value: impl Argument) -> String {
        self.with(key, [(name, value.value())])
    }

    /// A sentence with two placeholders.
    pub(super) fn t2(
        self,
        key: &str,
        name: &'static str,
        value: impl Argument,
        other: &'static str,
        other_value: impl Argument,
    ) -> String {
        self.with(key, [(name, value.value()), (other, other_value.value())])
    }

    /// A sentence whose key comes from data, if there is one.
    pub(super) fn known(self, key: &str) -> Option<String> {
        self.find(key, None)
    }

    /// The sentence of a code within a family, such as `outcome-fuel`; the code itself where the console has none.
    pub(super) fn of_code(self, family: &str, code: &str) -> String {
        self.find(&format!("{family}-{code}"), None).unwrap_or_else(|| code.to_owned())
    }

    /// A sentence with any number of placeholders.
    pub(super) fn with<const N: usize>(self, key: &str, values: [(&'static str, FluentValue<'static>); N]) -> String {
        let values = values.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        self.find(key, Some(&values)).unwrap_or_else(|| key.to_owned())
    }

    fn find(self, key: &str, values: Option<&HashMap<Cow<'static, str>, FluentValue<'static>>>) -> Option<String> {
        // Fluent's identifiers; a code from data may hold anything.
        if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return None;
        }
        let language = match self.0 {
            Locale::ZhCn => &ZH_CN,
            Locale::En => &EN,
        };
        SENTENCES.try_lookup_complete(language, key, values)
    }
}
