//! What the digits of a number must satisfy, as its issuer publishes it.

use super::rules::Candidate;

/// Accepts the whole candidate, or none of it.
pub(super) fn all(candidate: Candidate<'_>, holds: bool) -> Option<usize> {
    holds.then_some(candidate.end - candidate.start)
}

/// The decimal digits of a text.
pub(super) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// The sum of digits times weights, as far as both go.
fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// The remainder of a long decimal number.
pub(super) fn remainder(digits: &[u32], modulus: u64) -> u64 {
    digits.iter().fold(0, |rest, &digit| (rest * 10 + u64::from(digit)) % modulus)
}

/// ISO/IEC 7812-1, annex B.
pub(super) fn luhn(digits: &[u32]) -> bool {
    let double = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let doubled = |(at, &digit): (usize, &u32)| if at % 2 == 1 { double(digit) } else { digit };
    digits.iter().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

/// ISO 13616: a check of the whole account number, letters counted from 10.
pub(super) fn iban(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact();
    let (head, tail) = text.split_at_checked(4)?;
    let mut rest = 0;
    for c in tail.chars().chain(head.chars()) {
        let value = u64::from(c.to_digit(36)?);
        rest = (rest * if value > 9 { 100 } else { 10 } + value) % 97;
    }
    all(candidate, rest == 1)
}

/// 40 characters of base64 that are no part of more, and no hexadecimal digest.
pub(super) fn aws_secret_key(candidate: Candidate<'_>) -> Option<usize> {
    let is_more = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let text = candidate.text().as_bytes();
    let is_alone = !candidate.neighbours().into_iter().flatten().any(is_more);
    let has = |test: fn(&u8) -> bool| text.iter().any(test);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    all(candidate, is_alone && is_mixed)
}

/// Numbers that issuers reserve for tests, which AWS does not report ("Financial information").
#[rustfmt::skip]
const TEST_CARDS: &[&str] = &[
    "122000000000003", "2222405343248877", "2222990905257051", "2223007648726984", "2223577120017656", "30569309025904",
    "34343434343434", "3528000700000000", "3530111333300000", "3566002020360505", "36148900647913", "36700102000000",
    "371449635398431", "378282246310005", "378734493671000", "38520000023237", "4012888888881881", "4111111111111111",
    "4222222222222", "4444333322221111", "4462030000000000", "4484070000000000", "4911830000000", "4917300800000000",
    "4917610000000000", "4917610000000000003", "5019717010103742", "5105105105105100", "5111010030175156",
    "5185540810000019", "5200828282828210", "5204230080000017", "5204740009900014", "5420923878724339", "5454545454545454",
    "5455330760000018", "5506900490000436", "5506900490000444", "5506900510000234", "5506920809243667", "5506922400634930",
    "5506927427317625", "5553042241984105", "5555553753048194", "5555555555554444", "5610591081018250", "6011000990139424",
    "6011000400000000", "6011111111111117", "630490017740292441", "630495060000000000", "6331101999990016",
    "6759649826438453", "6799990100000000019", "76009244561",
];

/// The longest start of the candidate that is a card number: digits that follow it may be something else.
pub(super) fn card(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.text();
    let mut ends: Vec<usize> = text.match_indices([' ', '-']).map(|(at, _)| at).collect();
    ends.push(text.len());
    ends.into_iter().rev().find(|&end| is_card(&text[..end]))
}

fn is_card(text: &str) -> bool {
    let number: String = text.chars().filter(char::is_ascii_digit).collect();
    let begins = |length: usize| number.get(..length).and_then(|start| start.parse::<u32>().ok()).unwrap_or(0);
    // American Express, Diners Club, JCB, Visa with Electron and Dankort, Mastercard, Discover, UnionPay.
    let is_issued = match number.len() {
        14 => matches!(begins(3), 300..=305 | 309) || matches!(begins(2), 36 | 38 | 39),
        15 => matches!(begins(2), 34 | 37) || matches!(begins(4), 1800 | 2131),
        13 | 16..=19 => {
            begins(1) == 4
                || (number.len() >= 16
                    && (matches!(begins(2), 51..=55 | 62 | 65)
                        || matches!(begins(4), 2221..=2720 | 3528..=3589 | 5019 | 6011)
                        || matches!(begins(3), 644..=649)))
        }
        _ => false,
    };
    is_issued && luhn(&digits(&number)) && !TEST_CARDS.contains(&number.as_str())
}

/// US Social Security numbers: areas, groups and serials that are never issued are none.
pub(super) fn ssn_us(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact();
    let (area, group, serial) = (text.get(..3)?, text.get(3..5)?, text.get(5..)?);
    all(candidate, area != "000" && area != "666" && area < "900" && group != "00" && serial != "0000")
}

/// US taxpayer numbers: 9 first, and one of the groups that are given out.
pub(super) fn itin_us(candidate: Candidate<'_>) -> Option<usize> {
    let group: u32 = candidate.compact().get(3..5)?.parse().ok()?;
    all(candidate, matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

/// DEA registration: a checksum over the digits.
pub(super) fn dea(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.compact().get(2..)?);
    all(candidate, digits.len() == 7 && weighted(&digits[..6], &[1, 2, 1, 2, 1, 2]) % 10 == digits[6])
}

/// NPI: Luhn, behind the prefix 80840.
pub(super) fn npi(candidate: Candidate<'_>) -> Option<usize> {
    let digits: Vec<u32> = [8, 0, 8, 4, 0].into_iter().chain(digits(candidate.text())).collect();
    all(candidate, luhn(&digits))
}

/// NHS number: modulus 11.
pub(super) fn nhs(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    let expected = (11 - weighted(&digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    all(candidate, digits.len() == 10 && expected == digits[9])
}

/// Health numbers of British Columbia (modulus 11) and Ontario (Luhn).
pub(super) fn phn_ca(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    if digits.len() != 10 {
        return None;
    }
    let columbia = 11 - weighted(&digits[1..9], &[2, 4, 8, 5, 10, 9, 7, 3]) % 11;
    all(candidate, (digits[0] == 9 && columbia == digits[9]) || (digits[0] != 0 && luhn(&digits)))
}

/// Canadian Social Insurance Number: Luhn.
pub(super) fn sin_ca(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    all(candidate, digits.iter().any(|digit| *digit != 0) && luhn(&digits))
}

/// British National Insurance number: prefixes that are never given out.
pub(super) fn nino_gb(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact();
    all(candidate, !["BG", "GB", "NK", "KN", "TN", "NT", "ZZ"].contains(&text.get(..2)?))
}

/// British Unique Taxpayer Reference: the first digit checks the others.
pub(super) fn utr_gb(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    let rest = weighted(digits.get(1..)?, &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11;
    let expected = [2, 1, 9, 8, 7, 6, 5, 4, 3, 2, 1].get(rest as usize)?;
    all(candidate, digits.len() == 10 && digits[0] == *expected)
}

/// A Brazilian pair of check digits, each modulus 11.
fn brazilian(digits: &[u32], weights: &[u32]) -> bool {
    let Some(length) = digits.len().checked_sub(2) else { return false };
    let expected = |count: usize| match weighted(&digits[..count], &weights[weights.len() - count..]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    weights.len() == length + 1
        && digits.iter().any(|digit| *digit != digits[0])
        && expected(length) == digits[length]
        && expected(length + 1) == digits[length + 1]
}

/// CPF of Brazil.
pub(super) fn cpf_br(candidate: Candidate<'_>) -> Option<usize> {
    all(candidate, brazilian(&digits(candidate.text()), &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]))
}

/// CNPJ of Brazil.
pub(super) fn cnpj_br(candidate: Candidate<'_>) -> Option<usize> {
    all(candidate, brazilian(&digits(candidate.text()), &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]))
}

/// The check letter of Spanish DNI, NIE and NIF: the number modulus 23. `99999999` and zeroes stand for no one.
pub(super) fn dni_es(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact();
    let (number, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number = match number.chars().next()? {
        'X' | 'K' | 'L' | 'M' => format!("0{}", &number[1..]),
        'Y' => format!("1{}", &number[1..]),
        'Z' => format!("2{}", &number[1..]),
        _ => number.to_owned(),
    };
    let value: usize = number.parse().ok()?;
    let expected = b"TRWAGMYFPDXBNJZSQVHLCKE"[value % 23];
    all(candidate, value != 0 && value != 99_999_999 && letter.as_bytes() == [expected])
}

/// CIF of Spain: a digit or a letter, by the kind of organization.
pub(super) fn cif_es(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact();
    let (digits, control) = (digits(text.get(1..8)?), text.chars().nth(8)?);
    let odd = |digit: u32| digit * 2 / 10 + digit * 2 % 10;
    let sum: u32 = digits.iter().enumerate().map(|(at, &digit)| if at % 2 == 0 { odd(digit) } else { digit }).sum();
    let expected = (10 - sum % 10) % 10;
    let letter = char::from(b"JABCDEFGHI"[expected as usize]);
    all(candidate, control.to_digit(10) == Some(expected) || control == letter)
}

/// Social Security number of Spain: modulus 97.
pub(super) fn ssn_es(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    if digits.len() != 12 {
        return None;
    }
    // A number below ten million stands behind the province without its leading zero.
    let number = if digits[2] == 0 { [&digits[..2], &digits[3..10]].concat() } else { digits[..10].to_vec() };
    all(candidate, remainder(&number, 97) == u64::from(digits[10] * 10 + digits[11]))
}

/// INSEE number of France: 97 less the number modulus 97; the departments of Corsica count as 19 and 18.
pub(super) fn insee_fr(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact().replacen("2A", "19", 1).replacen("2B", "18", 1);
    let digits = digits(&text);
    if digits.len() != 15 {
        return None;
    }
    all(candidate, 97 - remainder(&digits[..13], 97) == u64::from(digits[13] * 10 + digits[14]))
}

/// Tax number of France: the first ten digits modulus 511.
pub(super) fn spi_fr(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    if digits.len() != 13 || digits.iter().all(|digit| *digit == 0) {
        return None;
    }
    all(candidate, remainder(&digits[..10], 511) == remainder(&digits[10..], 1000))
}

/// Tax number of Germany: ISO 7064 modulus 11,10.
pub(super) fn tax_de(candidate: Candidate<'_>) -> Option<usize> {
    let digits = digits(candidate.text());
    let (check, number) = digits.split_last()?;
    let product = number.iter().fold(10, |product, digit| match (digit + product) % 10 {
        0 => 20 % 11,
        sum => sum * 2 % 11,
    });
    all(candidate, digits.len() == 11 && (11 - product) % 10 == *check)
}

/// Identity cards and passports of Germany: the tenth character checks nine as ICAO 9303 has it; nine alone have one digit at
/// least, so that words are none.
pub(super) fn document_de(candidate: Candidate<'_>) -> Option<usize> {
    let values: Vec<u32> = candidate.compact().chars().filter_map(|c| c.to_digit(36)).collect();
    let holds = match values.as_slice() {
        [number @ .., check] if number.len() == 9 => weighted(number, &[7, 3, 1, 7, 3, 1, 7, 3, 1]) % 10 == *check,
        number => number.len() == 9 && number.iter().any(|value| *value < 10),
    };
    all(candidate, holds)
}

/// Codice fiscale of Italy: the last letter checks the others, which count by their place.
pub(super) fn fiscal_it(candidate: Candidate<'_>) -> Option<usize> {
    /// Values of 0-9 at odd places, which are those of A-J; then of K-Z.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let text = candidate.compact();
    let (number, check) = text.split_at_checked(15)?;
    let value = |c: u8| if c.is_ascii_digit() { usize::from(c - b'0') } else { usize::from(c.saturating_sub(b'A')) };
    let count = |(at, c): (usize, u8)| {
        let value = value(c);
        if at % 2 == 0 { ODD.get(value).copied().unwrap_or(0) } else { value as u32 }
    };
    let sum: u32 = number.bytes().enumerate().map(count).sum();
    all(candidate, check.bytes().next().map(value) == Some((sum % 26) as usize))
}

/// Vehicle identification: ISO 3779. The ninth character is a check digit where the maker's country demands one: in North
/// America (1 to 5) and China (L).
pub(super) fn vin(candidate: Candidate<'_>) -> Option<usize> {
    let text = candidate.compact();
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    if !matches!(text.bytes().next()?, b'1'..=b'5' | b'L') {
        return all(candidate, has_digit);
    }
    let value = |c: char| match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        'A'..='H' => u32::from(c) - u32::from('A') + 1,
        'J'..='R' => u32::from(c) - u32::from('J') + 1,
        _ => u32::from(c).saturating_sub(u32::from('S')) + 2,
    };
    let values: Vec<u32> = text.chars().map(value).collect();
    let rest = weighted(&values, &[8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let expected = if rest == 10 { 'X' } else { char::from_digit(rest, 10)? };
    all(candidate, has_digit && text.chars().nth(8) == Some(expected))
}

/// A latitude and a longitude in degrees.
pub(super) fn lat_long(candidate: Candidate<'_>) -> Option<usize> {
    let (latitude, longitude) = candidate.text().split_once(',')?;
    let within = |text: &str, most: f64| text.trim().parse::<f64>().is_ok_and(|degrees| degrees.abs() <= most);
    let is_part = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    let is_alone = !candidate.neighbours()[0].is_some_and(is_part);
    all(candidate, is_alone && within(latitude, 90.0) && within(longitude, 180.0))
}
