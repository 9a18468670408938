//! Names for a crowd: a person's name follows from the person's number alone.

const GIVEN: [&str; 96] = [
    "Adebayo",
    "Aiko",
    "Aisha",
    "Alejandro",
    "Aleksandra",
    "Amara",
    "Amir",
    "Anaïs",
    "Andrej",
    "Anneke",
    "Antonio",
    "Arjun",
    "Astrid",
    "Ayşe",
    "Beatriz",
    "Benedikt",
    "Björn",
    "Camille",
    "Carmen",
    "Chiara",
    "Chidi",
    "Daniela",
    "Dariusz",
    "Deepika",
    "Dmitri",
    "Eilidh",
    "Ekaterina",
    "Elif",
    "Emeka",
    "Emil",
    "Enrique",
    "Esra",
    "Farid",
    "Fatima",
    "Felipe",
    "Freya",
    "Gabriel",
    "Giulia",
    "Goran",
    "Grace",
    "Hana",
    "Haruki",
    "Hassan",
    "Helga",
    "Ibrahim",
    "Ines",
    "Ingrid",
    "Isabel",
    "Ivan",
    "Jelena",
    "João",
    "Jürgen",
    "Kamala",
    "Katarzyna",
    "Kenji",
    "Kwame",
    "Lars",
    "Leila",
    "Linh",
    "Lucía",
    "Magnus",
    "Maja",
    "Marek",
    "Mariana",
    "Mateus",
    "Mei",
    "Mehmet",
    "Mihai",
    "Miriam",
    "Mónica",
    "Nadia",
    "Nikolai",
    "Noor",
    "Olga",
    "Oluwaseun",
    "Omar",
    "Paolo",
    "Petra",
    "Rafael",
    "Ravi",
    "Renata",
    "Rohan",
    "Sadia",
    "Saskia",
    "Selma",
    "Siobhán",
    "Sofia",
    "Søren",
    "Tariq",
    "Tereza",
    "Thandi",
    "Tomás",
    "Valentina",
    "Wanjiru",
    "Yuki",
    "Zanele",
];
const FAMILY: [&str; 120] = [
    "Aas",
    "Abara",
    "Adeyemi",
    "Ahmadi",
    "Almeida",
    "Andersson",
    "Aydın",
    "Bach",
    "Banerjee",
    "Barros",
    "Benali",
    "Bergström",
    "Bianchi",
    "Boateng",
    "Bondarenko",
    "Carvalho",
    "Castillo",
    "Chen",
    "Cohen",
    "Costa",
    "Da Silva",
    "Dahl",
    "Das",
    "Delgado",
    "Demir",
    "Desai",
    "Dlamini",
    "Dubois",
    "Eriksen",
    "Esposito",
    "Farouk",
    "Fernández",
    "Ferrari",
    "Fischer",
    "Fujita",
    "Gallagher",
    "García",
    "Garnier",
    "Gomes",
    "Grabowski",
    "Greco",
    "Gruber",
    "Gupta",
    "Haddad",
    "Halvorsen",
    "Hansen",
    "Hashimoto",
    "Herrera",
    "Horvat",
    "Ibáñez",
    "Ishikawa",
    "Ito",
    "Ivanova",
    "Jansen",
    "Johansson",
    "Joshi",
    "Kaplan",
    "Kariuki",
    "Kaya",
    "Khan",
    "Kim",
    "Kjærgaard",
    "Kovács",
    "Kowalski",
    "Kruger",
    "Kumar",
    "Laurent",
    "Lee",
    "Lindqvist",
    "López",
    "Mahlangu",
    "Marchetti",
    "Markovic",
    "Martin",
    "Matsuda",
    "Mbeki",
    "Mendes",
    "Mensah",
    "Meyer",
    "Moreau",
    "Müller",
    "Nair",
    "Nakamura",
    "Navarro",
    "Nguyen",
    "Nielsen",
    "Nkosi",
    "Novak",
    "Ochieng",
    "Okafor",
    "Olsen",
    "O’Rourke",
    "Park",
    "Patel",
    "Pereira",
    "Petrov",
    "Popescu",
    "Raman",
    "Reyes",
    "Ricci",
    "Rossi",
    "Saito",
    "Santos",
    "Sato",
    "Schneider",
    "Shimizu",
    "Silva",
    "Smith",
    "Solberg",
    "Subramaniam",
    "Suzuki",
    "Tanabe",
    "Torres",
    "Tran",
    "Van Dijk",
    "Vargas",
    "Vogel",
    "Weber",
    "Wiśniewska",
    "Yılmaz",
];
const FIRST_WORD: [&str; 40] = [
    "Alder", "Amber", "Aspen", "Basalt", "Beacon", "Birch", "Bramble", "Cedar", "Cinder", "Clover", "Cobalt", "Copper",
    "Coral", "Delta", "Ember", "Fern", "Flint", "Garnet", "Harbour", "Heron", "Indigo", "Juniper", "Lantern", "Linden",
    "Maple", "Marble", "Meadow", "Mistral", "Onyx", "Opal", "Pebble", "Quartz", "Raven", "Saffron", "Sierra",
    "Tamarind", "Thistle", "Umber", "Willow", "Zephyr",
];
const SECOND_WORD: [&str; 30] = [
    "Analytics",
    "Aviation",
    "Bioscience",
    "Ceramics",
    "Consulting",
    "Design",
    "Dynamics",
    "Energy",
    "Fisheries",
    "Foods",
    "Foundry",
    "Health",
    "Instruments",
    "Interactive",
    "Laboratories",
    "Learning",
    "Logistics",
    "Marine",
    "Materials",
    "Media",
    "Mobility",
    "Networks",
    "Optics",
    "Packaging",
    "Press",
    "Rail",
    "Software",
    "Systems",
    "Textiles",
    "Works",
];

/// A number that looks random and is the same at each run (the output function of SplitMix64).
pub(super) const fn mix(seed: u64, number: u64) -> u64 {
    let mut x = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(seed.wrapping_mul(0xd1b5_4a32_d192_ed03));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The name of the person with this number; some people share one.
pub(super) fn person(number: u64) -> (&'static str, &'static str) {
    let dice = mix(1, number);
    (
        GIVEN[(dice % GIVEN.len() as u64) as usize],
        FAMILY[(dice / 1_000 % FAMILY.len() as u64) as usize],
    )
}

/// The name of the organization with this number, from 0; no two share one.
pub(super) fn organization(number: u32) -> String {
    let (count, number) = ((FIRST_WORD.len() * SECOND_WORD.len()) as u32, number as usize);
    // Each return of a first word moves its second word 281 places on, which has no divisor in common with 30: no pair returns early.
    let first = FIRST_WORD[number % FIRST_WORD.len()];
    let second = SECOND_WORD[(number / FIRST_WORD.len() + number * 7) % SECOND_WORD.len()];
    match number as u32 / count {
        0 => format!("{first} {second}"),
        round => format!("{first} {second} {}", round + 1),
    }
}

/// The part of an address before the `@` that a person of this name might have.
pub(super) fn local_part(given: &str, family: &str) -> String {
    let plain = |text: &str| -> String {
        crate::text::fold(text)
            .chars()
            .map(|c| match c {
                'ø' => 'o',
                'ł' => 'l',
                'ı' => 'i',
                'æ' => 'a',
                c => c,
            })
            .filter(char::is_ascii_alphanumeric)
            .collect()
    };
    format!("{}.{}", plain(given), plain(family))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::mail::address::Address;

    #[test]
    fn organizations_have_names_of_their_own() {
        let names: HashSet<_> = (0..3_000).map(organization).collect();
        assert_eq!(names.len(), 3_000);
    }

    #[test]
    fn each_name_makes_an_address() {
        for given in GIVEN {
            for family in FAMILY {
                let email = format!("{}@kestrel.example", local_part(given, family));
                assert!(Address::parse(&email).is_ok(), "{email}");
            }
        }
    }

    #[test]
    fn people_have_many_names() {
        let names: HashSet<_> = (0..20_000).map(person).collect();
        assert!(names.len() > 8_000, "{}", names.len());
    }
}
