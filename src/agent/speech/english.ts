import { abbreviations, units, type LanguageRules } from './rules.ts';

export const ENGLISH: LanguageRules = {
  decimal: '.',
  to: 'to',
  minus: 'minus',
  about: 'about',
  plus: 'plus',
  percent: 'percent',
  less: 'less than',
  more: 'more than',
  times: 'times',
  equals: 'equals',
  and: 'and',
  or: 'or',
  number: 'number',
  keys: { '#': 'pound', '*': 'star' },
  address: { '.': 'dot', '@': 'at', '-': 'dash', _: 'underscore', '/': 'slash', '+': 'plus' },
  currencies: {
    '€': ['euro', 'euros'],
    $: ['dollar', 'dollars'],
    '£': ['pound', 'pounds'],
    CHF: ['Swiss franc', 'Swiss francs'],
    '¥': ['yen', 'yen'],
  },
  cents: { '€': ['cent', 'cents'], $: ['cent', 'cents'], '£': ['penny', 'pence'], CHF: ['centime', 'centimes'] },
  price: (whole, main, cents, minor) =>
    cents === '' || !minor
      ? `${whole} ${main[whole === '1' ? 0 : 1]}${cents === '' ? '' : ` ${cents}`}`
      : whole === '0'
        ? `${cents} ${minor[cents === '1' ? 0 : 1]}`
        : `${whole} ${main[whole === '1' ? 0 : 1]} and ${cents} ${minor[cents === '1' ? 0 : 1]}`,
  magnitudes: {
    thousand: 'thousand',
    million: 'million',
    billion: 'billion',
    trillion: 'trillion',
    k: 'thousand',
    K: 'thousand',
    M: 'million',
  },
  ofMagnitude: () => ' ',
  per: 'per',
  units: units(
    'km:kilometer:kilometers|m:meter:meters|cm:centimeter:centimeters|mm:millimeter:millimeters|kg:kilogram:kilograms|g:gram:grams|mg:milligram:milligrams|l:liter:liters|L:liter:liters|ml:milliliter:milliliters|m²:square meter:square meters|m2:square meter:square meters|km²:square kilometer:square kilometers|m³:cubic meter:cubic meters|m3:cubic meter:cubic meters|°C:degree Celsius:degrees Celsius|°F:degree Fahrenheit:degrees Fahrenheit|°:degree:degrees|km/h:kilometer per hour:kilometers per hour|mph:mile per hour:miles per hour|kWh:kilowatt hour:kilowatt hours|kW:kilowatt:kilowatts|GB:gigabyte:gigabytes|MB:megabyte:megabytes|TB:terabyte:terabytes|Mbps:megabit per second:megabits per second|h:hour:hours|hr:hour:hours|hrs:hour:hours|min:minute:minutes|mins:minute:minutes|sec:second:seconds|secs:second:seconds|ms:millisecond:milliseconds|ft:foot:feet|lb:pound:pounds|lbs:pound:pounds|oz:ounce:ounces',
  ),
  clockWords: [],
  clockSigns: '',
  // Voices read `14:30` as people do.
  clock: (hours, minutes) => `${hours}:${String(minutes).padStart(2, '0')}`,
  months: [
    'January',
    'February',
    'March',
    'April',
    'May',
    'June',
    'July',
    'August',
    'September',
    'October',
    'November',
    'December',
  ],
  date: (day, month, year) => `${month} ${day}${year === undefined ? '' : `, ${year}`}`,
  dayFirst: undefined,
  fractions: {
    '1/2': 'one half',
    '1/3': 'one third',
    '2/3': 'two thirds',
    '1/4': 'one quarter',
    '3/4': 'three quarters',
  },
  ordinals: [],
  abbreviations: abbreviations(
    '^Dr.=Doctor=Drive|^St.=Saint=Street|^Mr.=Mister|^Mrs.=Missis|^Ms.=Miz|^Prof.=Professor|e.g.=for example|i.e.=that is|$etc.=et cetera|vs.=versus|approx.=approximately|#No.=number|#no.=number|ext.=extension|$Ave.=Avenue|$Blvd.=Boulevard|$Rd.=Road|Tel.=telephone|tel.=telephone|$a.m.=AM|$p.m.=PM|$dept.=department|$Dept.=Department|$appt.=appointment',
  ),
  spelled: ['FAQ', 'ATM', 'USB', 'USA', 'UK', 'EU'],
};
