//! Driver's licenses: the keywords that AWS lists for each country, and the numbers as each country's authority forms them.
//! What a number looks like varies within some countries, so some of these patterns are wide: the keyword decides.

use super::ids::{Managed, identifiers};
use super::rules::{Rule, Trigger};

const fn license(keywords: &'static [&'static [&'static str]], pattern: &'static str) -> Rule {
    Rule::new(Trigger::Keywords(keywords), pattern)
}

const ENGLISH: &[&str] = &[
    "dl#", "dl:", "dlno#", "driver licence", "driver license", "driver permit", "drivers lic.", "drivers licence",
    "driver's licence", "drivers license", "driver's license", "drivers permit", "driver's permit",
    "drivers permit number", "driving licence", "driving license", "driving permit",
];
const ENGLISH_PLURAL: &[&str] = &[
    "driver licences", "driver licenses", "drivers licences", "driver's licences", "drivers licenses",
    "driver's licenses",
];
const GERMAN: &[&str] = &[
    "fuehrerschein", "fuehrerschein- nr", "fuehrerscheinnummer", "fuhrerschein", "führerschein", "fuhrerschein- nr",
    "führerschein- nr", "fuhrerscheinnummer", "führerscheinnummer",
];
const FRENCH: &[&str] = &["permis de conduire"];
const DUTCH: &[&str] = &["rijbewijs", "rijbewijsnummer"];

pub(super) const LICENSES: &[Managed] = identifiers! {
    "DriversLicense-AT" => [license(
        &[&["führerschein", "fuhrerschein", "führerschein republik österreich", "fuhrerschein republik osterreich"]],
        r"\b\d{8}\b",
    )],
    "DriversLicense-AU" => [license(&[ENGLISH], r"(?i)\b(?:\d{6,10}|[A-Z0-9]{2}\d{2}[A-Z0-9]{5}|[A-Z]\d{5,6})\b")],
    "DriversLicense-BE" => [license(&[GERMAN, FRENCH, DUTCH, &["numéro permis conduire"]], r"\b\d{10}\b")],
    "DriversLicense-BG" => [license(
        &[&[
            "превозно средство", "свидетелство за управление на моторно", "свидетелство за управление на мпс", "сумпс",
            "шофьорска книжка",
        ]],
        r"\b\d{9}\b",
    )],
    "DriversLicense-CA" => [license(
        &[ENGLISH, ENGLISH_PLURAL, FRENCH],
        r"(?i)\b(?:[A-Z]\d{4}-?\d{5}-?\d{5}|[A-Z]\d{4}-?\d{6}-?\d{2}|[A-Z]{5}-?\d{9}|[A-Z]{2}-?[A-Z]{2}-?[A-Z]{2}-?[A-Z]\d{3}[A-Z]{2}|\d{6}-?\d{3}|\d{5,9})\b",
    )],
    "DriversLicense-CY" => [license(&[&["άδεια οδήγησης"]], r"\b\d{12}\b")],
    "DriversLicense-CZ" => [license(
        &[&[
            "číslo licence", "císlo licence řidiče", "číslo řidičského průkazu", "ovladače lic.", "povolení k jízdě",
            "povolení řidiče", "řidiči povolení", "řidičský prúkaz", "řidičský průkaz",
        ]],
        r"(?i)\b[A-Z]{2} ?\d{6}\b",
    )],
    "DriversLicense-DE" => [license(&[GERMAN], r"(?i)\b[A-Z0-9]\d{2}[A-Z0-9]{6}\d[A-Z0-9]\b")],
    "DriversLicense-DK" => [license(&[&["kørekort", "kørekortnummer"]], r"\b\d{8}\b")],
    "DriversLicense-EE" => [license(
        &[&["juhi litsentsi number", "juhiloa number", "juhiluba", "juhiluba number"]],
        r"(?i)\b[A-Z]{2}\d{6}\b",
    )],
    "DriversLicense-ES" => [license(
        &[&[
            "carnet conducer", "el carnet de conducer", "licencia conducer", "licencia de manejo",
            "número carnet conducer", "número de carnet de conducer", "número de permiso conducer",
            "número de permiso de conducer", "número licencia conducer", "número permiso conducer",
            "permiso conducción", "permiso conducer", "permiso de conducción",
        ]],
        r"(?i)\b\d{8}[ -]?[A-Z]\b",
    )],
    "DriversLicense-FI" => [license(
        &[FRENCH, &["ajokortin numero", "ajokortti", "förare lic.", "körkort", "körkort nummer", "kuljettaja lic."]],
        r"(?i)\b\d{6}[-+A]\d{3}[A-Z0-9]\b",
    )],
    "DriversLicense-FR" => [license(&[FRENCH], r"(?i)\b(?:\d{12}|\d{2}[A-Z]{2}\d{5})\b")],
    "DriversLicense-GB" => [license(
        &[ENGLISH, ENGLISH_PLURAL],
        r"(?i)\b[A-Z9]{5} ?\d{6} ?[A-Z9]{2} ?\d[A-Z]{2}(?: ?\d{2})?\b",
    )],
    "DriversLicense-GR" => [license(&[&["δεια οδήγησης", "άδεια οδήγησης", "adeia odigisis"]], r"\b\d{9}\b")],
    "DriversLicense-HR" => [license(&[&["vozačka dozvola"]], r"\b\d{8}\b")],
    "DriversLicense-HU" => [license(
        &[&["illesztőprogramok lic", "jogosítvány", "jogsi", "licencszám", "vezető engedély", "vezetői engedély"]],
        r"(?i)\b[A-Z]{2}\d{6}\b",
    )],
    "DriversLicense-IE" => [license(&[&["ceadúnas tiomána"]], r"(?i)\b(?:\d{9}|\d{6}[A-Z]{2}\d?)\b")],
    "DriversLicense-IT" => [license(
        &[&["patente di guida", "patente di guida numero", "patente guida", "patente guida numero"]],
        r"(?i)\b(?:[A-Z]{2}\d{7}[A-Z]|U1[A-Z0-9]{7}[A-Z])\b",
    )],
    "DriversLicense-LT" => [license(&[&["vairuotojo pažymėjimas"]], r"\b\d{8}\b")],
    "DriversLicense-LU" => [license(&[&["fahrerlaubnis", "führerschäin"]], r"\b\d{6}\b")],
    "DriversLicense-LV" => [license(
        &[&[
            "autovadītāja apliecība", "licences numurs", "vadītāja apliecība", "vadītāja apliecības numurs",
            "vadītāja atļauja", "vadītāja licences numurs", "vadītāji lic.",
        ]],
        r"(?i)\b[A-Z]{2,3}\d{6}\b",
    )],
    "DriversLicense-MT" => [license(&[&["liċenzja tas-sewqan"]], r"(?i)\b[A-Z0-9]{2} ?\d{3} ?\d{3}\b")],
    "DriversLicense-NL" => [license(&[FRENCH, DUTCH], r"\b\d{10}\b")],
    "DriversLicense-PL" => [license(
        &[&["numer licencyjny", "prawo jazdy", "zezwolenie na prowadzenie"]],
        r"\b\d{5}/\d{2}/\d{4}\b",
    )],
    "DriversLicense-PT" => [license(
        &[&[
            "carta de condução", "carteira de habilitação", "carteira de motorist", "carteira habilitação",
            "carteira motorist", "licença condução", "licença de condução", "número de licença", "número licença",
            "permissão condução", "permissão de condução",
        ]],
        r"(?i)\b[A-Z]{1,2}-?\d{5,7}(?: ?\d)?\b",
    )],
    "DriversLicense-RO" => [license(
        &[&["numărul permisului de conducere", "permis de conducere"]],
        r"(?i)\b[A-Z]\d{8}[A-Z]?\b",
    )],
    "DriversLicense-SE" => [license(
        &[&[
            "ajokortin numero", "dlno# ajokortti", "drivere lic.", "förare lic.", "körkort", "körkort nummer",
            "körkortsnummer", "kuljettajat lic.",
        ]],
        r"\b(?:19|20)?\d{6}-?\d{4}\b",
    )],
    "DriversLicense-SI" => [license(&[&["vozniško dovoljenje"]], r"\b\d{9}\b")],
    "DriversLicense-SK" => [license(
        &[&[
            "číslo licencie", "číslo vodičského preukazu", "ovládače lic.", "povolenia vodičov", "povolenie jazdu",
            "povolenie na jazdu", "povolenie vodiča", "vodičský preukaz",
        ]],
        r"(?i)\b[A-Z]\d{7}\b",
    )],
    "DriversLicense-US" => [license(
        &[ENGLISH, ENGLISH_PLURAL],
        r"(?i)\b(?:[A-Z]{1,3}\d{5,14}|[A-Z]\d{2}-\d{2}-\d{4}|[A-Z]\d{3}-\d{3}-\d{2}-\d{3}-\d|[A-Z]\d{4}-\d{5}-\d{5}|[A-Z]{3}\d{2}[A-Z0-9]{6}\d|\d{2}[A-Z]{3}\d{5}|\d{1,3}[A-Z]\d{4,5}|\d{6,12})\b",
    )],
};
