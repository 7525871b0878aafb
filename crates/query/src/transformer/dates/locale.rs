//! Names of months and days (Unicode CLDR, format forms).

/// The names of one language.
#[derive(Debug)]
pub(super) struct Locale {
    code: &'static str,
    /// January first; long, then short.
    pub months: [[&'static str; 12]; 2],
    /// Monday first; long, then short.
    pub days: [[&'static str; 7]; 2],
}

/// The locale of a tag such as `de`, `de-AT` or `de_DE`.
pub(super) fn locale(tag: &str) -> Option<&'static Locale> {
    let language = tag.split(['-', '_']).next()?;
    LOCALES.iter().find(|locale| locale.code.eq_ignore_ascii_case(language))
}

#[rustfmt::skip] // A language is two lists of months and two of days.
static LOCALES: [Locale; 7] = [
    Locale {
        code: "en",
        months: [
            ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        ],
        days: [
            ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
            ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ],
    },
    Locale {
        code: "de",
        months: [
            ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
            ["Jan", "Feb", "Mär", "Apr", "Mai", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Dez"],
        ],
        days: [
            ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
            ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
        ],
    },
    Locale {
        code: "fr",
        months: [
            ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
            ["janv", "févr", "mars", "avr", "mai", "juin", "juil", "août", "sept", "oct", "nov", "déc"],
        ],
        days: [
            ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"],
            ["lun", "mar", "mer", "jeu", "ven", "sam", "dim"],
        ],
    },
    Locale {
        code: "es",
        months: [
            ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
            ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
        ],
        days: [
            ["lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"],
            ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
        ],
    },
    Locale {
        code: "it",
        months: [
            ["gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"],
            ["gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"],
        ],
        days: [
            ["lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"],
            ["lun", "mar", "mer", "gio", "ven", "sab", "dom"],
        ],
    },
    Locale {
        code: "pt",
        months: [
            ["janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro", "outubro", "novembro", "dezembro"],
            ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"],
        ],
        days: [
            ["segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado", "domingo"],
            ["seg", "ter", "qua", "qui", "sex", "sáb", "dom"],
        ],
    },
    Locale {
        code: "nl",
        months: [
            ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
            ["jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec"],
        ],
        days: [
            ["maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"],
            ["ma", "di", "wo", "do", "vr", "za", "zo"],
        ],
    },
];
