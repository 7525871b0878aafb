//! The keywords that AWS's guide lists, by kind of data: "Credentials", "Financial information", "Protected health
//! information (PHI)", "Personally identifiable information (PII)".

pub(super) const AWS_SECRET: &[&str] =
    &["aws_secret_access_key", "credentials", "secret access key", "secret key", "set-awscredential"];

pub(super) const CARD: &[&str] = &[
    "account number", "american express", "amex", "bank card", "card", "card number", "card num", "cc #", "ccn",
    "check card", "credit", "credit card#", "dankort", "debit", "debit card", "diners club", "discover", "electron",
    "japanese card bureau", "jcb", "mastercard", "mc", "pan", "payment account number", "payment card number", "pcn",
    "union pay", "visa",
];
pub(super) const CARD_EXPIRATION: &[&str] = &["exp d", "exp m", "exp y", "expiration", "expiry"];
pub(super) const CARD_SECURITY: &[&str] = &[
    "card id", "card identification code", "card identification number", "card security code", "card validation code",
    "card validation number", "card verification data", "card verification value", "cvc", "cvc2", "cvv", "cvv2",
    "elo verification code",
];

pub(super) const BANK: &[&str] = &[
    "account code", "account number", "accountno#", "accountnumber#", "bban", "customer account id",
    "customer account number", "customer bank account id", "iban",
];
pub(super) const BANK_DE: &[&str] =
    &["bankleitzahl", "geheimzahl", "kartennummer", "kontonummer", "kreditkartennummer", "sepa"];
pub(super) const BANK_ES: &[&str] = &[
    "código cuenta", "código cuenta bancaria", "cuenta cliente id", "número cuenta bancaria cliente",
    "número cuenta cliente",
];
pub(super) const BANK_FR: &[&str] = &["code bancaire", "compte bancaire", "numéro de compte"];
pub(super) const BANK_GB: &[&str] = &["sepa"];
pub(super) const BANK_IT: &[&str] = &["codice bancario", "conto bancario", "numero di conto"];
pub(super) const BANK_US: &[&str] = &[
    "bank account", "bank acct", "checking account", "checking acct", "deposit account", "deposit acct",
    "savings account", "savings acct", "chequing account", "chequing acct",
];

pub(super) const DEA: &[&str] = &["dea number", "dea registration"];
pub(super) const EHIC: &[&str] = &[
    "assicurazione sanitaria numero", "carta assicurazione numero", "carte d’assurance maladie",
    "carte européenne d'assurance maladie", "ceam", "ehic", "ehic#", "finlandehicnumber#", "gesundheitskarte", "hälsokort",
    "health card", "health card number", "health insurance card", "health insurance number", "insurance card number",
    "krankenversicherungskarte", "krankenversicherungsnummer", "medical account number", "numero conto medico",
    "numéro d’assurance maladie", "numéro de carte d’assurance", "numéro de compte medical", "número de cuenta médica",
    "número de seguro de salud", "número de tarjeta de seguro", "sairaanhoitokortin", "sairausvakuutuskortti",
    "sairausvakuutusnumero", "sjukförsäkring nummer", "sjukförsäkringskort", "suomi ehic-numero", "tarjeta de salud",
    "terveyskortti", "tessera sanitaria assicurazione numero", "versicherungsnummer",
];
pub(super) const HICN: &[&str] = &[
    "health insurance claim number", "hic no", "hic no.", "hic number", "hic#", "hicn", "hicn#", "hicno#",
];
pub(super) const HEALTH_FR: &[&str] = &["carte d'assuré social", "carte vitale", "insurance card"];
pub(super) const HCPCS: &[&str] =
    &["current procedural terminology", "hcpcs", "healthcare common procedure coding system"];
pub(super) const MBI: &[&str] = &["mbi", "medicare beneficiary"];
pub(super) const NDC: &[&str] = &["national drug code", "ndc"];
pub(super) const NPI: &[&str] = &["hipaa", "n.p.i.", "national provider", "npi"];
pub(super) const NHS: &[&str] = &["national health service", "nhs"];
pub(super) const PHN: &[&str] = &["canada healthcare number", "msp number", "care number", "phn", "soins de santé"];

pub(super) const BIRTH: &[&str] = &["dob", "date of birth", "birthdate", "birth date", "birthday", "b-day", "bday"];
pub(super) const CEP: &[&str] = &["cep", "código de endereçamento postal", "codigo de endereçamento postal"];
pub(super) const CNPJ: &[&str] =
    &["cadastro nacional da pessoa jurídica", "cadastro nacional da pessoa juridica", "cnpj"];
pub(super) const CPF: &[&str] = &[
    "cadastro de pessoas fisicas", "cadastro de pessoas físicas", "cadastro de pessoa física", "cadastro de pessoa fisica",
    "cpf",
];
pub(super) const ELECTORAL: &[&str] = &[
    "electoral #", "electoral number", "electoral roll #", "electoral roll no.", "electoral roll number",
    "electoralrollno",
];
pub(super) const ITIN: &[&str] = &["individual taxpayer identification number", "itin", "i.t.i.n."];
pub(super) const INSEE: &[&str] = &[
    "assurance sociale", "carte nationale d’identité", "cni", "code sécurité sociale", "french social security number",
    "fssn#", "insee", "insurance number", "national id number", "nationalid#", "numéro d'assurance", "sécurité sociale",
    "sécurité sociale non.", "sécurité sociale numéro", "social", "social security", "social security number",
    "socialsecuritynumber", "ss#", "ssn", "ssn#",
];
pub(super) const POSITION: &[&str] =
    &["coordinate", "coordinates", "lat long", "latitude longitude", "location", "position"];
pub(super) const IDENTITY_DE: &[&str] = &[
    "ausweisnummer", "id number", "identification number", "identity number", "insurance number", "personal id",
    "personalausweis",
];
pub(super) const IDENTITY_ES: &[&str] = &[
    "dni", "dni#", "dninúmero#", "documento nacional de identidad", "identidad único", "identidadúnico#",
    "insurance number", "national identification number", "national identity", "nationalid#", "nationalidno#",
    "número nacional identidad", "personal identification number", "personal identity no", "unique identity number",
    "uniqueid#",
];
pub(super) const IDENTITY_IT: &[&str] = &[
    "codice fiscal", "codice fiscale", "dati anagrafici", "ehic", "health card", "health insurance card", "p. iva",
    "partita i.v.a.", "personal data", "tax code", "tessera sanitaria",
];
pub(super) const NINO: &[&str] = &[
    "insurance no.", "insurance number", "insurance#", "national insurance number", "nationalinsurance#",
    "nationalinsurancenumber", "nin", "nino",
];
pub(super) const RESIDENCE_CA: &[&str] = &[
    "carte résident permanent", "numéro carte résident permanent", "numéro résident permanent", "permanent resident card",
    "permanent resident card number", "permanent resident no", "permanent resident no.", "permanent resident number",
    "pr no", "pr no.", "pr non", "pr number", "résident permanent no.", "résident permanent non",
];
pub(super) const PHONE: &[&str] = &[
    "cell", "contact", "fax", "fax number", "mobile", "phone", "phone number", "tel", "telephone", "telephone number",
];
pub(super) const PHONE_BR: &[&str] =
    &["cel", "celular", "fone", "móvel", "número residencial", "numero residencial", "telefone"];
pub(super) const RG: &[&str] = &["registro geral", "rg"];
pub(super) const SIN: &[&str] = &["canadian id", "numéro d'assurance sociale", "social insurance number", "sin"];
pub(super) const SSN_ES: &[&str] = &[
    "número de la seguridad social", "social security no.", "social security no", "social security number",
    "socialsecurityno#", "ssn", "ssn#",
];
pub(super) const SSN_US: &[&str] = &["social security", "ss#", "ssn"];
pub(super) const TAX_DE: &[&str] = &[
    "identifikationsnummer", "steuer id", "steueridentifikationsnummer", "steuernummer", "tax id",
    "tax identification number", "tax number",
];
pub(super) const TAX_ES: &[&str] = &[
    "cif", "cif número", "cifnúmero#", "nie", "nif", "número de contribuyente", "número de identidad de extranjero",
    "número de identificación fiscal", "número de impuesto corporativo", "personal tax number", "tax id",
    "tax identification number", "tax number", "tin", "tin#",
];
pub(super) const TAX_FR: &[&str] = &[
    "numéro d'identification fiscale", "tax id", "tax identification number", "tax number", "tin", "tin#",
];
pub(super) const TAX_GB: &[&str] = &[
    "paye", "tax id", "tax id no.", "tax id number", "tax identification", "tax identification#", "tax no.", "tax number",
    "tax reference", "tax#", "taxid#", "temporary reference number", "tin", "trn", "unique tax reference",
    "unique taxpayer reference", "utr",
];
pub(super) const VIN: &[&str] = &[
    "fahrgestellnummer", "niv", "numarul de identificare", "numarul seriei de sasiu", "serie sasiu", "numer vin",
    "número de identificação do veículo", "número de identificación de automóviles",
    "numéro d'identification du véhicule", "vehicle identification number", "vin", "vin numeris",
];
pub(super) const ZIP: &[&str] = &["zip code", "zip+4"];
