//! Each identifier with a line that holds it, and lines that only seem to. Numbers are made up so that their check digits
//! hold, or are the issuers' own examples.

use super::{all, protector, supported};
use std::collections::BTreeSet;

/// (identifier, line, what of it is sensitive, line without)
#[rustfmt::skip]
const LINES: &[(&str, &str, &str, &str)] = &[
    ("AwsSecretKey", "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "secret key 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"),
    ("OpenSshPrivateKey", "x -----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n-----END OPENSSH PRIVATE KEY----- y", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n-----END OPENSSH PRIVATE KEY-----", "-----BEGIN OPENSSH PUBLIC KEY-----"),
    ("PgpPrivateKey", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQHY=", "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQHY=", "-----BEGIN PGP PUBLIC KEY BLOCK-----"),
    ("PkcsPrivateKey", "key: -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"),
    ("PuttyPrivateKey", "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-MAC: 0a1b done", "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none\nPrivate-MAC: 0a1b", "PuTTY is here"),
    ("IpAddress", "from 192.0.2.1 to", "192.0.2.1", "version 1.2.3.4.5"),
    ("BankAccountNumber-DE", "IBAN DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", "IBAN DE88 3704 0044 0532 0130 00"),
    ("BankAccountNumber-ES", "iban: ES9121000418450200051332", "ES9121000418450200051332", "iban: ES9121000418450200051333"),
    ("BankAccountNumber-FR", "iban FR1420041010050500013M02606", "FR1420041010050500013M02606", "FR1420041010050500013M02606"),
    ("BankAccountNumber-GB", "iban GB29NWBK60161331926819", "GB29NWBK60161331926819", "iban GB29NWBK60161331926818"),
    ("BankAccountNumber-IT", "conto bancario IT60X0542811101000000123456", "IT60X0542811101000000123456", "iban IT60X0542811101000000123457"),
    ("BankAccountNumber-US", "checking account 000123456789", "000123456789", "checking account 1234567"),
    ("CreditCardExpiration", "card expiry 04/28", "04/28", "card expiry 13/28"),
    ("CreditCardNumber", "card 4242 4242 4242 4242 ok", "4242 4242 4242 4242", "card 4111 1111 1111 1111"),
    ("CreditCardSecurityCode", "cvv: 123", "123", "cvv: 12"),
    ("DrugEnforcementAgencyNumber-US", "DEA number AB1234563", "AB1234563", "DEA number AB1234564"),
    ("HealthInsuranceCardNumber-EU", "EHIC 80276001234567890123", "80276001234567890123", "EHIC 70276001234567890123"),
    ("HealthInsuranceClaimNumber-US", "HICN 123-45-6789A", "123-45-6789A", "HICN 123-45-6789"),
    ("HealthInsuranceNumber-FR", "carte vitale 1 85 05 78 006 084 91", "1 85 05 78 006 084 91", "carte vitale 1 85 05 78 006 084 92"),
    ("HealthcareProcedureCode-US", "hcpcs J0585", "J0585", "hcpcs W0585"),
    ("MedicareBeneficiaryNumber-US", "mbi 1EG4-TE5-MK73", "1EG4-TE5-MK73", "mbi 1SG4-TE5-MK73"),
    ("NationalDrugCode-US", "ndc 0777-3105-02", "0777-3105-02", "ndc 0777-310-02"),
    ("NationalProviderId-US", "npi 1234567893", "1234567893", "npi 1234567894"),
    ("NhsNumber-GB", "NHS 943 476 5919", "943 476 5919", "NHS 943 476 5918"),
    ("PersonalHealthNumber-CA", "phn 9012 372 173", "9012 372 173", "phn 9012 372 175"),
    ("CepCode-BR", "cep 01310-100", "01310-100", "cep 0131-100"),
    ("Cnpj-BR", "cnpj 11.222.333/0001-81", "11.222.333/0001-81", "cnpj 11.222.333/0001-82"),
    ("CpfCode-BR", "cpf 529.982.247-25", "529.982.247-25", "cpf 111.111.111-11"),
    ("DateOfBirth", "dob: 12/31/1999", "12/31/1999", "on 12/31/1999"),
    ("ElectoralRollNumber-GB", "electoral roll number AB1234", "AB1234", "electoral roll number 1234"),
    ("IndividualTaxIdentificationNumber-US", "itin 912-70-1234", "912-70-1234", "itin 912-93-1234"),
    ("InseeCode-FR", "insee 185057800608491", "185057800608491", "insee 185057800608490"),
    ("LatLong", "position 41.948614,-87.655311", "41.948614,-87.655311", "position 91.948614,-87.655311"),
    ("NationalIdentificationNumber-DE", "Personalausweis T220001293", "T220001293", "personalausweis T220001294"),
    ("NationalIdentificationNumber-ES", "dni 12345678Z", "12345678Z", "dni 12345678A"),
    ("NationalIdentificationNumber-IT", "codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S", "codice fiscale RSSMRA85T10A562T"),
    ("NationalInsuranceNumber-GB", "nino QQ 12 34 56 C / AB123456C", "AB123456C", "nino GB123456C"),
    ("NieNumber-ES", "nie X1234567L", "X1234567L", "nie X1234567M"),
    ("NifNumber-ES", "nif 12345678Z", "12345678Z", "nif 12345678A"),
    ("PassportNumber-CA", "passport GA302922", "GA302922", "passport G302922"),
    ("PassportNumber-DE", "Reisepass C01X00T478", "C01X00T478", "reisepass C01X00T479"),
    ("PassportNumber-ES", "pasaporte AAA123456", "AAA123456", "pasaporte AAAA12345"),
    ("PassportNumber-FR", "passeport 12AB34567", "12AB34567", "passeport 123AB4567"),
    ("PassportNumber-GB", "passport no 925665416", "925665416", "passport no 92566541"),
    ("PassportNumber-IT", "passaporto YA1234567", "YA1234567", "passaporto YA123456"),
    ("PassportNumber-US", "passport A12345678", "A12345678", "passport A1234567"),
    ("PermanentResidenceNumber-CA", "pr number RA0302123456", "RA0302123456", "pr number R0302123456"),
    ("PostalCode-CA", "in K1A 0B1 Ottawa", "K1A 0B1", "in D1A 0B1"),
    ("RgNumber-BR", "rg 12.345.678-9", "12.345.678-9", "rg 12.345.67-9"),
    ("SocialInsuranceNumber-CA", "sin 046 454 286", "046 454 286", "sin 046 454 287"),
    ("Ssn-ES", "ssn 281234567840", "281234567840", "ssn 281234567841"),
    ("Ssn-US", "ssn 123-45-6789", "123-45-6789", "ssn 666-45-6789"),
    ("TaxId-DE", "Steuer-ID 86095742719", "86095742719", "steuer id 86095742718"),
    ("TaxId-ES", "cif A58818501", "A58818501", "cif A58818502"),
    ("TaxId-FR", "tax id 30 23 217 600 053", "30 23 217 600 053", "tax id 30 23 217 600 054"),
    ("TaxId-GB", "utr 1955839661", "1955839661", "utr 2955839661"),
    ("VehicleIdentificationNumber", "vin 1M8GDM9AXKP042788", "1M8GDM9AXKP042788", "vin 1M8GDM9A1KP042788"),
    ("ZipCode-US", "zip code 98109-5210", "98109-5210", "zip code 9810"),
    ("EmailAddress", "to <jane.doe+x@mail.example.com>, now", "jane.doe+x@mail.example.com", "to jane@localhost"),
    ("PhoneNumber-BR", "celular (11) 91234-5678", "(11) 91234-5678", "(11) 91234-5678"),
    ("PhoneNumber-DE", "dial +49 30 901820 now", "+49 30 901820", "dial 030 901820"),
    ("PhoneNumber-ES", "phone 612 345 678", "612 345 678", "612 345 678"),
    ("PhoneNumber-FR", "tel 01 23 45 67 89", "01 23 45 67 89", "01 23 45 67 89"),
    ("PhoneNumber-GB", "phone 020 7946 0958", "020 7946 0958", "020 7946 0958"),
    ("PhoneNumber-IT", "telephone 06 1234 5678", "06 1234 5678", "06 1234 5678"),
    ("PhoneNumber-US", "(202) 456-1414 is my phone", "(202) 456-1414", "(202) 456-1414"),
    ("DriversLicense-AT", "Führerschein 12345678", "12345678", "12345678"),
    ("DriversLicense-AU", "driving licence 12345678A", "12345678A", "driving licence ABC"),
    ("DriversLicense-BE", "rijbewijs 1234567890", "1234567890", "rijbewijs 123456789"),
    ("DriversLicense-BG", "шофьорска книжка 123456789", "123456789", "шофьорска книжка 12345678"),
    ("DriversLicense-CA", "driver's license A1234-56789-01234", "A1234-56789-01234", "driver's license A-1"),
    ("DriversLicense-CY", "ΆΔΕΙΑ ΟΔΉΓΗΣΗΣ 123456789012", "123456789012", "άδεια οδήγησης 12345678901"),
    ("DriversLicense-CZ", "řidičský průkaz EE 123456", "EE 123456", "řidičský průkaz EE 12345"),
    ("DriversLicense-DE", "Führerscheinnummer B072RRE2I55", "B072RRE2I55", "führerscheinnummer B072RRE2I5"),
    ("DriversLicense-DK", "kørekort 12345678", "12345678", "kørekort 1234567"),
    ("DriversLicense-EE", "juhiluba EE123456", "EE123456", "juhiluba E123456"),
    ("DriversLicense-ES", "permiso de conducción 12345678-Z", "12345678-Z", "permiso de conducción 1234567"),
    ("DriversLicense-FI", "ajokortti 131052-308T", "131052-308T", "ajokortti 131052308T"),
    ("DriversLicense-FR", "permis de conduire 123456789012", "123456789012", "permis de conduire 12345"),
    ("DriversLicense-GB", "driving licence MORGA657054SM9IJ", "MORGA657054SM9IJ", "driving licence MORGA657054"),
    ("DriversLicense-GR", "adeia odigisis 123456789", "123456789", "adeia odigisis 12345"),
    ("DriversLicense-HR", "vozačka dozvola 12345678", "12345678", "vozačka dozvola 1234567"),
    ("DriversLicense-HU", "jogosítvány AB123456", "AB123456", "jogosítvány AB12345"),
    ("DriversLicense-IE", "ceadúnas tiomána 123456789", "123456789", "ceadúnas tiomána 12345"),
    ("DriversLicense-IT", "patente di guida AB1234567C", "AB1234567C", "patente di guida AB123456C"),
    ("DriversLicense-LT", "vairuotojo pažymėjimas 12345678", "12345678", "vairuotojo pažymėjimas 1234"),
    ("DriversLicense-LU", "fahrerlaubnis 123456", "123456", "fahrerlaubnis 12345"),
    ("DriversLicense-LV", "vadītāja apliecība AB123456", "AB123456", "vadītāja apliecība A123456"),
    ("DriversLicense-MT", "liċenzja tas-sewqan AB 123 456", "AB 123 456", "liċenzja tas-sewqan AB 123"),
    ("DriversLicense-NL", "rijbewijs 1234567890", "1234567890", "rijbewijs 12345"),
    ("DriversLicense-PL", "prawo jazdy 12345/12/1234", "12345/12/1234", "prawo jazdy 12345/1/1234"),
    ("DriversLicense-PT", "carta de condução L-123456 7", "L-123456 7", "carta de condução 1234"),
    ("DriversLicense-RO", "permis de conducere B12345678", "B12345678", "permis de conducere B1234567"),
    ("DriversLicense-SE", "körkort 640823-3234", "640823-3234", "körkort 6408-3234"),
    ("DriversLicense-SI", "vozniško dovoljenje 123456789", "123456789", "vozniško dovoljenje 12345"),
    ("DriversLicense-SK", "vodičský preukaz A1234567", "A1234567", "vodičský preukaz A123456"),
    ("DriversLicense-US", "drivers license D1234567", "D1234567", "drivers license D12"),
];

#[test]
fn each_identifier_finds_its_data_and_nothing_else() {
    for (name, line, sensitive, other) in LINES {
        let protector = protector(&[name]);
        let stars = "*".repeat(sensitive.chars().count());
        let expected = match sensitive.contains('\n') {
            false => line.replace(sensitive, &stars),
            true => line.replacen(sensitive, &stars, 1),
        };
        assert_eq!(protector.mask(line), expected, "{name}");
        assert_eq!(protector.mask(other), *other, "{name}");
        let findings = protector.findings(line);
        assert!(findings.len() == 1 && findings[0].name == *name && findings[0].detections.len() == 1, "{findings:?}");
    }
}

#[test]
fn no_identifier_is_without_a_test() {
    let tested: BTreeSet<&str> = LINES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(tested, supported().into_iter().collect());
}

#[test]
fn cards_stand_beside_other_digits() {
    let protector = protector(&["CreditCardNumber"]);
    let shown = |line: &str| protector.mask(line).into_owned();
    assert_eq!(shown("visa 4242 4242 4242 4242 2025"), "visa ******************* 2025");
    assert_eq!(shown("2025 4242-4242-4242-4242 visa"), "2025 ******************* visa");
    assert_eq!(shown("amex 371234567890120"), "amex ***************");
    assert_eq!(shown("visa 4242424242424241"), "visa 4242424242424241", "Luhn");
    assert_eq!(shown("card 9999999999999995"), "card 9999999999999995", "no issuer");
    assert_eq!(shown("jcb 3530111333300000"), "jcb 3530111333300000", "reserved for tests");
    assert_eq!(shown("order 4242424242424242"), "order 4242424242424242", "no keyword");
    assert_eq!(shown(r#"{"cardNumber":"4242424242424242"}"#), r#"{"cardNumber":"****************"}"#);
}

#[test]
fn phones_with_a_country_code_need_no_keyword() {
    for (name, number) in [
        ("PhoneNumber-US", "+1 202-456-1414"),
        ("PhoneNumber-US", "+12024561414"),
        ("PhoneNumber-BR", "+55 11 91234-5678"),
        ("PhoneNumber-FR", "+33 1 23 45 67 89"),
        ("PhoneNumber-GB", "+44 20 7946 0958"),
        ("PhoneNumber-ES", "+34 612 345 678"),
        ("PhoneNumber-IT", "+39 06 1234 5678"),
        ("PhoneNumber-DE", "+49 30 901820"),
    ] {
        assert_eq!(
            protector(&[name]).mask(&format!("x {number}.")),
            format!("x {}.", "*".repeat(number.len())),
            "{name}"
        );
    }
}

#[test]
fn a_line_of_an_access_log_is_left_alone_but_for_its_address() {
    let line = r#"192.0.2.7 - - [03/Aug/2023:12:34:56 +0000] "GET /page.html HTTP/1.1" 200 1234 "-" "Mozilla/5.0""#;
    assert_eq!(all().mask(line), line.replace("192.0.2.7", "*********"));
}
