import { getCountries, getCountryCallingCode } from 'libphonenumber-js/max';

/**
 * Police, ambulance, fire, coastguard and crisis lines of all countries, as people dial them there. The list is wider than
 * any single country's: a machine that dials one of these by mistake does harm, and nobody needs a machine to dial them.
 */
const EMERGENCY: ReadonlySet<string> = new Set(
  [
    '000 060 061 062 065 066 068 080 085 088 089 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116',
    '117 118 119 120 121 122 123 124 125 127 128 129 130 131 132 133 134 136 140 144 147 150 154 155 156 158 160 166',
    '170 171 175 177 180 185 190 191 192 193 194 195 196 197 198 199 333 411 444 555 811 900 901 902 903 904 905 907',
    '910 911 912 913 914 915 916 917 919 933 937 939 944 988 990 991 992 993 994 995 996 997 998 999',
    '15 16 17 18 19 1122 1515 1530 1669 1777 10111 10177 116000 116111 116117 116123',
  ]
    .join(' ')
    .split(' '),
);

/** Those that exchanges also take behind a digit for an outside line, as in `9911`. */
const BEHIND_A_DIGIT: ReadonlySet<string> = new Set(['000', '112', '911', '999']);

const CALLING_CODES: ReadonlySet<string> = new Set(getCountries().map((country) => getCountryCallingCode(country)));

/** Is this an emergency number as dialled (`911`, `9911`), or one with a country code before it (`+1911`)? @param digits 0-9. */
export function isEmergency(digits: string): boolean {
  if (EMERGENCY.has(digits)) return true;
  return /^[019]\d{3}$/.test(digits) && BEHIND_A_DIGIT.has(digits.slice(1));
}

/** The same for the digits of an international number, with or without its country code. */
export function isEmergencyAbroad(digits: string): boolean {
  if (isEmergency(digits)) return true;
  return [1, 2, 3].some((n) => CALLING_CODES.has(digits.slice(0, n)) && EMERGENCY.has(digits.slice(n)));
}
