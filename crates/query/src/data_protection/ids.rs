//! The managed data identifiers that AWS's guide lists, by name, and how each is found.

use super::checks;
use super::countries::LICENSES;
use super::ip;
use super::keywords as k;
use super::rules::{Rule, Trigger};

/// A managed data identifier.
#[derive(Debug)]
pub(super) struct Managed {
    /// The end of its ARN.
    pub name: &'static str,
    /// How it is found; nothing where only AWS can.
    pub rules: &'static [Rule],
}

/// The identifier of this name.
pub(super) fn managed(name: &str) -> Option<&'static Managed> {
    all().find(|managed| managed.name == name)
}

/// Every identifier.
pub(super) fn all() -> impl Iterator<Item = &'static Managed> {
    [CREDENTIALS, FINANCIAL, HEALTH, PERSONAL, CONTACT, LICENSES].into_iter().flatten()
}

macro_rules! identifiers {
    ($($name:literal => [$($rule:expr),* $(,)?]),* $(,)?) => {
        &[$(Managed { name: $name, rules: &[$($rule),*] }),*]
    };
}
pub(super) use identifiers;

const fn near(lists: &'static [&'static [&'static str]], pattern: &'static str) -> Rule {
    Rule::new(Trigger::Keywords(lists), pattern)
}

const fn near_checked(
    lists: &'static [&'static [&'static str]],
    pattern: &'static str,
    check: super::rules::Check,
) -> Rule {
    Rule::checked(Trigger::Keywords(lists), pattern, check)
}

/// A key between its lines, or what looks like one when its end is in another event.
const CREDENTIALS: &[Managed] = identifiers! {
    "AwsSecretKey" => [near_checked(&[k::AWS_SECRET], "[A-Za-z0-9/+]{40}", checks::aws_secret_key)],
    "OpenSshPrivateKey" => [Rule::new(
        Trigger::Text("-----BEGIN OPENSSH PRIVATE KEY"),
        r"-----BEGIN OPENSSH PRIVATE KEY-----(?s:.*?)-----END OPENSSH PRIVATE KEY-----|-----BEGIN OPENSSH PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*",
    )],
    "PgpPrivateKey" => [Rule::new(
        Trigger::Text("-----BEGIN PGP PRIVATE KEY"),
        r"-----BEGIN PGP PRIVATE KEY BLOCK-----(?s:.*?)-----END PGP PRIVATE KEY BLOCK-----|-----BEGIN PGP PRIVATE KEY BLOCK-----[A-Za-z0-9+/=\s\\:.()]*",
    )],
    "PkcsPrivateKey" => [Rule::new(
        Trigger::Text("PRIVATE KEY-----"),
        r"-----BEGIN (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----(?s:.*?)-----END (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----|-----BEGIN (?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]*",
    )],
    "PuttyPrivateKey" => [Rule::new(
        Trigger::Text("PuTTY-User-Key-File-"),
        r"PuTTY-User-Key-File-\d:(?s:.*?)Private-(?:MAC|Hash): *[0-9a-fA-F]+|PuTTY-User-Key-File-\d:[^\n]*",
    )],
    "IpAddress" => [Rule::scan(Trigger::Byte(b'.'), ip::visit_v4), Rule::scan(Trigger::Byte(b':'), ip::visit_v6)],
};

const FINANCIAL: &[Managed] = identifiers! {
    "BankAccountNumber-DE" => [near_checked(&[k::BANK, k::BANK_DE], r"(?i)\bDE\d{2}(?: ?\d{4}){4} ?\d{2}\b", checks::iban)],
    "BankAccountNumber-ES" => [near_checked(&[k::BANK, k::BANK_ES], r"(?i)\bES\d{2}(?: ?\d{4}){5}\b", checks::iban)],
    "BankAccountNumber-FR" => [near_checked(
        &[k::BANK, k::BANK_FR],
        r"(?i)\bFR\d{2} ?\d{4} ?\d{4} ?\d{2}[A-Z0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4} ?[A-Z0-9]\d{2}\b",
        checks::iban,
    )],
    "BankAccountNumber-GB" => [near_checked(&[k::BANK, k::BANK_GB], r"(?i)\bGB\d{2} ?[A-Z]{4}(?: ?\d{4}){3} ?\d{2}\b", checks::iban)],
    "BankAccountNumber-IT" => [near_checked(
        &[k::BANK, k::BANK_IT],
        r"(?i)\bIT\d{2} ?[A-Z]\d{3} ?\d{4} ?\d{3}[A-Z0-9](?: ?[A-Z0-9]{4}){2} ?[A-Z0-9]{3}\b",
        checks::iban,
    )],
    "BankAccountNumber-US" => [near(&[k::BANK_US], r"\b\d{8,17}\b")],
    "CreditCardExpiration" => [near(&[k::CARD_EXPIRATION], r"\b(?:0?[1-9]|1[0-2]) ?[/-] ?(?:20\d{2}|\d{2})\b")],
    "CreditCardNumber" => [near_checked(&[k::CARD], r"\b\d(?:[ -]?\d){12,18}\b", checks::card)],
    "CreditCardSecurityCode" => [near(&[k::CARD_SECURITY], r"\b\d{3,4}\b")],
};

const HEALTH: &[Managed] = identifiers! {
    "DrugEnforcementAgencyNumber-US" => [near_checked(&[k::DEA], r"(?i)\b[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}\b", checks::dea)],
    "HealthInsuranceCardNumber-EU" => [near(&[k::EHIC], r"\b80(?:[ -]?\d){18}\b")],
    "HealthInsuranceClaimNumber-US" => [near(
        &[k::HICN],
        r"(?i)\b(?:\d{3}-?\d{2}-?\d{4}-?[A-Z][A-Z0-9]?|[A-Z]{1,3}-?(?:\d{6}|\d{9}))\b",
    )],
    "HealthInsuranceNumber-FR" => [near_checked(&[k::HEALTH_FR], INSEE, checks::insee_fr)],
    "HealthcareProcedureCode-US" => [near(&[k::HCPCS], r"(?i)\b(?:[A-V]\d{4}|\d{4}[FTU0-9])\b")],
    "MedicareBeneficiaryNumber-US" => [near(
        &[k::MBI],
        r"(?i)\b[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}\b",
    )],
    "NationalDrugCode-US" => [near(&[k::NDC], r"\b(?:\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d{1,2})\b")],
    "NationalProviderId-US" => [near_checked(&[k::NPI], r"\b[12]\d{9}\b", checks::npi)],
    "NhsNumber-GB" => [near_checked(&[k::NHS], r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b", checks::nhs)],
    "PersonalHealthNumber-CA" => [near_checked(&[k::PHN], r"\b\d{4}[ -]?\d{3}[ -]?\d{3}\b", checks::phn_ca)],
};

/// Sex, year, month, department, commune, number, key.
const INSEE: &str = r"(?i)\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b";

/// Days, months by number or by name, years of two or four digits, in the orders in use.
const DATE: &str = r"(?i)\b(?:(?:19|20)\d{2}[ /-](?:0?[1-9]|1[0-2])[ /-](?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])[ /-](?:0?[1-9]|[12]\d|3[01])[ /-](?:(?:19|20)\d{2}|\d{2})|(?:0?[1-9]|[12]\d|3[01])[ /-](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[ ,/-]{1,2}(?:(?:19|20)\d{2}|\d{2})|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}[ /-](?:0?[1-9]|[12]\d|3[01])[ ,/-]{1,2}(?:(?:19|20)\d{2}|\d{2})|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))\b";

const PERSONAL: &[Managed] = identifiers! {
    "CepCode-BR" => [near(&[k::CEP], r"\b\d{5}-?\d{3}\b")],
    "Cnpj-BR" => [near_checked(&[k::CNPJ], r"\b\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}\b", checks::cnpj_br)],
    "CpfCode-BR" => [near_checked(&[k::CPF], r"\b\d{3}\.?\d{3}\.?\d{3}-?\d{2}\b", checks::cpf_br)],
    "DateOfBirth" => [near(&[k::BIRTH], DATE)],
    "ElectoralRollNumber-GB" => [near(&[k::ELECTORAL], r"(?i)\b[A-Z]{2,3}-?\d{1,4}(?:/\d{1,2})?\b")],
    "IndividualTaxIdentificationNumber-US" => [near_checked(&[k::ITIN], r"\b9\d{2}[ -]?\d{2}[ -]?\d{4}\b", checks::itin_us)],
    "InseeCode-FR" => [near_checked(&[k::INSEE], INSEE, checks::insee_fr)],
    "LatLong" => [near_checked(&[k::POSITION], r"[+-]?\d{1,2}\.\d{1,15} {0,2}, {0,2}[+-]?\d{1,3}\.\d{1,15}", checks::lat_long)],
    "Name" => [],
    "NationalIdentificationNumber-DE" => [near_checked(&[k::IDENTITY_DE], DOCUMENT_DE, checks::document_de)],
    "NationalIdentificationNumber-ES" => [near_checked(&[k::IDENTITY_ES], r"(?i)\b\d{2}\.?\d{3}\.?\d{3}[ -]?[A-Z]\b", checks::dni_es)],
    "NationalIdentificationNumber-IT" => [near_checked(
        &[k::IDENTITY_IT],
        r"(?i)\b[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]\b",
        checks::fiscal_it,
    )],
    "NationalInsuranceNumber-GB" => [near_checked(
        &[k::NINO],
        r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
        checks::nino_gb,
    )],
    "NieNumber-ES" => [near_checked(&[k::TAX_ES], r"(?i)\b[XYZ][ -]?\d{7}[ -]?[A-Z]\b", checks::dni_es)],
    "NifNumber-ES" => [near_checked(&[k::TAX_ES], r"(?i)\b[0-9KLMXYZ][ -]?\d{7}[ -]?[A-Z]\b", checks::dni_es)],
    "PassportNumber-CA" => [near(&[PASSPORT_CA], r"(?i)\b[A-Z]{2}\d{6}\b")],
    "PassportNumber-DE" => [near_checked(&[PASSPORT_DE], DOCUMENT_DE, checks::document_de)],
    "PassportNumber-ES" => [near(&[PASSPORT_ES], r"(?i)\b[A-Z]{2,3}\d{6}\b")],
    "PassportNumber-FR" => [near(&[PASSPORT_FR], r"(?i)\b\d{2}[A-Z]{2}\d{5}\b")],
    "PassportNumber-GB" => [near(&[PASSPORT_GB], r"(?i)\b[A-Z0-9]\d{8}\b")],
    "PassportNumber-IT" => [near(&[PASSPORT_IT], r"(?i)\b[A-Z]{2}\d{7}\b")],
    "PassportNumber-US" => [near(&[&["passport", "travel document"]], r"(?i)\b[A-Z0-9]\d{8}\b")],
    "PermanentResidenceNumber-CA" => [near(&[k::RESIDENCE_CA], r"(?i)\b[A-Z]{2}\d{7}(?:\d{3})?\b")],
    "PostalCode-CA" => [Rule::new(
        Trigger::Always,
        r"\b[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d\b",
    )],
    "RgNumber-BR" => [near(&[k::RG], r"(?i)\b\d{1,2}\.?\d{3}\.?\d{3}-?[0-9X]\b")],
    "SocialInsuranceNumber-CA" => [near_checked(&[k::SIN], r"\b\d{3}[ -]?\d{3}[ -]?\d{3}\b", checks::sin_ca)],
    "Ssn-ES" => [near_checked(&[k::SSN_ES], r"\b\d{2}[ /-]?\d{8}[ /-]?\d{2}\b", checks::ssn_es)],
    "Ssn-US" => [near_checked(&[k::SSN_US], r"\b\d{3}[ -]?\d{2}[ -]?\d{4}\b", checks::ssn_us)],
    "TaxId-DE" => [near_checked(&[k::TAX_DE], r"\b[1-9]\d ?\d{3} ?\d{3} ?\d{3}\b", checks::tax_de)],
    "TaxId-ES" => [near_checked(&[k::TAX_ES], r"(?i)\b[ABCDEFGHJNPQRSUVW]-?\d{7}-?[0-9A-J]\b", checks::cif_es)],
    "TaxId-FR" => [near_checked(&[k::TAX_FR], r"\b[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}\b", checks::spi_fr)],
    "TaxId-GB" => [near_checked(&[k::TAX_GB], r"\b\d{5} ?\d{5}\b", checks::utr_gb)],
    "VehicleIdentificationNumber" => [near_checked(&[k::VIN], r"(?i)\b[A-HJ-NPR-Z0-9]{17}\b", checks::vin)],
    "ZipCode-US" => [near(&[k::ZIP], r"\b\d{5}(?:-\d{4})?\b")],
};

/// Letters without vowels, so that numbers spell nothing.
const DOCUMENT_DE: &str = r"(?i)\b[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?\b";

const PASSPORT_CA: &[&str] = &["passeport", "passeport#", "passport", "passport#", "passportno", "passportno#"];
const PASSPORT_DE: &[&str] = &[
    "ausstellungsdatum",
    "ausstellungsort",
    "geburtsdatum",
    "passport",
    "passports",
    "reisepass",
    "reisepass–nr",
    "reisepassnummer",
];
const PASSPORT_ES: &[&str] = &[
    "españa pasaporte",
    "libreta pasaporte",
    "número pasaporte",
    "pasaporte",
    "passport",
    "passport book",
    "passport no",
    "passport number",
    "spain passport",
];
const PASSPORT_FR: &[&str] = &[
    "numéro de passeport",
    "passeport",
    "passeport#",
    "passeport #",
    "passeportn °",
    "passeport n °",
    "passeportnon",
    "passeport non",
];
const PASSPORT_GB: &[&str] = &[
    "passeport #",
    "passeport n °",
    "passeportnon",
    "passeport non",
    "passeportn °",
    "passport #",
    "passport no",
    "passport number",
    "passport#",
    "passportid",
];
const PASSPORT_IT: &[&str] = &[
    "italian passport number",
    "numéro passeport",
    "numéro passeport italien",
    "passaporto",
    "passaporto italiana",
    "passaporto numero",
    "passport number",
    "repubblica italiana passaporto",
];

/// With a country code a phone number needs no keyword.
const CONTACT: &[Managed] = identifiers! {
    "Address" => [],
    "EmailAddress" => [Rule::new(
        Trigger::Byte(b'@'),
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]*[A-Za-z0-9_+-]@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*\.[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]",
    )],
    "PhoneNumber-BR" => [
        Rule::new(Trigger::Byte(b'+'), r"\+55[ .-]?\(?\d{2}\)?[ .-]?9?\d{4}[ .-]?\d{4}\b"),
        near(&[k::PHONE, k::PHONE_BR], r"(?:\(\d{2}\) ?|\b\d{2}[ .-]?)9?\d{4}[ .-]?\d{4}\b"),
    ],
    "PhoneNumber-DE" => [
        Rule::new(Trigger::Byte(b'+'), r"\+49[ .-]?(?:\(0\))?[ .-]?[1-9]\d{1,4}(?:[ ./-]?\d{2,4}){2,4}\b"),
        near(&[k::PHONE], r"(?:\(0[1-9]\d{1,4}\)|\b0[1-9]\d{1,4})(?:[ ./-]{0,3}\d{2,4}){2,4}\b"),
    ],
    "PhoneNumber-ES" => [
        Rule::new(Trigger::Byte(b'+'), r"\+34[ .-]?[6-9]\d{2}(?:[ .-]?\d{3}){2}\b"),
        near(&[k::PHONE], r"\b[6-9]\d{2}(?:[ .-]?\d{3}){2}\b|\b[6-9]\d{2}(?:[ .-]?\d{2}){3}\b"),
    ],
    "PhoneNumber-FR" => [
        Rule::new(Trigger::Byte(b'+'), r"\+33[ .-]?(?:\(0\))?[ .-]?[1-9](?:[ .-]?\d{2}){4}\b"),
        near(&[k::PHONE], r"\b0[1-9](?:[ .-]?\d{2}){4}\b"),
    ],
    "PhoneNumber-GB" => [
        Rule::new(Trigger::Byte(b'+'), r"\+44[ .-]?(?:\(0\))?[ .-]?[1-9]\d{1,4}[ .-]?\d{3,4}[ .-]?\d{3,4}\b"),
        near(&[k::PHONE], r"(?:\(0[1-9]\d{1,4}\)|\b0[1-9]\d{1,4})[ .-]?\d{3,4}[ .-]?\d{3,4}\b"),
    ],
    "PhoneNumber-IT" => [
        Rule::new(Trigger::Byte(b'+'), r"\+39[ .-]?[03]\d{1,3}[ .-]?\d{2,4}[ .-]?\d{3,4}\b"),
        near(&[k::PHONE], r"\b[03]\d{1,3}[ .-]?\d{2,4}[ .-]?\d{3,4}\b"),
    ],
    "PhoneNumber-US" => [
        Rule::new(Trigger::Byte(b'+'), r"\+1[ .-]?(?:\([2-9]\d{2}\)|[2-9]\d{2})[ .-]?[2-9]\d{2}[ .-]?\d{4}\b"),
        near(&[k::PHONE], r"(?:\b1[ .-]?)?(?:\([2-9]\d{2}\)|\b[2-9]\d{2})[ .-]?[2-9]\d{2}[ .-]?\d{4}\b"),
    ],
};
