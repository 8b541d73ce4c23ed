import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pauseLimits, type EndpointingOptions } from '../../src/agent/endpointing-options.ts';
import { pauseOf, turnSense, type TurnState } from '../../src/agent/turn-sense.ts';

const NORMAL: EndpointingOptions = { silenceMs: 500 };

/** Utterances as recognisers write them, with marks and without, by language and by what they are. */
const SAID: Readonly<Record<string, Readonly<Partial<Record<TurnState, readonly string[]>>>>> = {
  en: {
    finished: [
      'yes',
      'Yes please.',
      'no thanks',
      'okay',
      'sure, go ahead',
      'tomorrow at five p.m.',
      'Tomorrow.',
      'on Friday',
      'I would like to book a table for tomorrow',
      'I want to cancel my appointment, please',
      'Thank you very much.',
      'What are your opening hours?',
      'what time do you open',
      'can you call me back',
      'Where are you from?',
      'What is it for?',
      'that’s all',
      'goodbye',
      'I don’t know',
      'My order has not arrived.',
      'my email is john dot smith at example dot com',
      'john@example.com',
    ],
    plain: [
      'a table for four',
      'at half past seven',
      'the blue one',
      'My number is 0470 12 34 56',
      'John Peters',
      'it is 42 euros',
      'where are you from',
    ],
    open: [
      'I would like to',
      'my name is',
      'and',
      'I need a',
      'I’m calling about the',
      'it’s for my',
      'because',
      'I want to speak with',
      'Can you',
      'my appointment is on',
      'if I come tomorrow',
      'we would like to change our',
    ],
    trailing: ['um', 'I want, um', 'well', 'Let me see...', 'I think…', 'it was Tuesday,', 'so', 'the thing is, uh'],
    number: [
      'my number is four one',
      'My phone number is 0470.',
      'oh four seven oh',
      'four seven oh um',
      'plus three two',
      'The code is 12',
      'one two three',
      'my account number is 55 43',
      'zero four, double seven',
      'my booking reference is 7',
    ],
    spelling: [
      'N G U',
      'It’s N-G-U.',
      'N. G. U.',
      'my name is spelled S M I',
      'N as in Nancy',
      'G for George',
      'john dot',
      'it’s john dot smith at gmail',
      'my email is john dot smith at example dot',
      'john at gmail',
    ],
  },
  fr: {
    finished: [
      'oui',
      'Oui, bien sûr.',
      'non merci',
      'd’accord',
      'demain matin',
      'lundi',
      'à quatorze heures',
      'Je voudrais réserver une table, s’il vous plaît',
      'Quels sont vos horaires ?',
      'combien ça coûte',
      'c’est tout',
      'au revoir',
      'je ne sais pas',
      'Ma commande n’est pas arrivée.',
      'jean point dupont arobase exemple point fr',
    ],
    plain: [
      'une table pour quatre',
      'le bleu',
      'Jean Dupont',
      'vers cinq heures et demie',
      'mon numéro c’est 01 23 45 67 89',
    ],
    open: [
      'je voudrais',
      'je m’appelle',
      'et',
      'parce que',
      'j’appelle pour',
      'c’est pour ma',
      'je cherche un',
      'mon numéro est',
      'avec',
      'si je viens demain',
      'est-ce que',
    ],
    trailing: ['euh', 'je voudrais euh', 'alors', 'Voyons…', 'mardi,', 'ben'],
    number: [
      'mon numéro est zéro quatre',
      'zéro quatre sept',
      'C’est le 0470 12',
      'le code est 12',
      'mon téléphone, 04',
      'un deux trois',
    ],
    spelling: ['N G U', 'D U P', 'N comme Nicolas', 'jean point dupont arobase', 'jean arobase gmail', 'c’est B-R-U'],
  },
  nl: {
    finished: [
      'ja',
      'Ja, graag.',
      'nee bedankt',
      'oké',
      'morgen om vijf uur',
      'maandag',
      'Wat zijn de openingsuren?',
      'hoe laat gaat u open',
      'kunt u mij terugbellen',
      'dat is alles',
      'tot ziens',
      'dat weet ik niet.',
      'Mijn pakje is niet aangekomen.',
      'ik wil graag een tafel reserveren alstublieft',
      'jan punt peeters apenstaartje voorbeeld punt be',
    ],
    plain: [
      'een tafel voor vier',
      'de blauwe',
      'Jan Peeters',
      'om half zes',
      'mijn nummer is 0470 12 34 56',
      'ik bel u straks op',
    ],
    open: [
      'ik wil graag',
      'mijn naam is',
      'en',
      'omdat',
      'ik bel voor',
      'het is voor mijn',
      'ik zoek een',
      'mijn nummer is',
      'met',
      'als ik morgen kom',
      'kunt u',
      'ik zou graag een',
    ],
    trailing: ['euh', 'ik wil euh', 'nou', 'Eens kijken...', 'dinsdag,', 'dus'],
    number: [
      'mijn nummer is nul vier',
      'nul vier zeven',
      'Dat is 0470 12',
      'de code is 12',
      'een twee drie',
      'mijn gsm is nul',
    ],
    spelling: [
      'N G U',
      'P E E',
      'N van Nico',
      'jan punt peeters apenstaartje',
      'jan apenstaartje gmail',
      'het is V-A-N',
    ],
  },
  de: {
    finished: [
      'ja',
      'Ja, gerne.',
      'nein danke',
      'okay',
      'morgen um fünf Uhr',
      'Montag',
      'Wann haben Sie geöffnet?',
      'wie viel kostet das',
      'können Sie mich zurückrufen',
      'das ist alles',
      'auf Wiederhören',
      'weiß ich nicht',
      'Mein Paket ist nicht angekommen.',
      'ich möchte einen Tisch reservieren bitte',
      'hans punkt meier ät beispiel punkt de',
    ],
    plain: [
      'ein Tisch für vier',
      'der blaue',
      'Hans Meier',
      'um halb sechs',
      'meine Nummer ist 030 12 34 567',
      'ich rufe Sie später an',
    ],
    open: [
      'ich möchte gern',
      'mein Name ist',
      'und',
      'weil',
      'es geht um',
      'das ist für meine',
      'ich suche einen',
      'meine Nummer ist',
      'ohne',
      'wenn ich morgen komme',
      'können Sie',
      'ich hätte gerne',
    ],
    trailing: ['äh', 'ich möchte ähm', 'also', 'Mal sehen...', 'Dienstag,', 'naja'],
    number: [
      'meine Nummer ist null vier',
      'null vier sieben',
      'Das ist die 0470 12',
      'der Code ist 12',
      'eins zwei drei',
      'mein Handy ist null',
    ],
    spelling: ['N G U', 'M E I', 'N wie Nordpol', 'hans punkt meier ät', 'hans ät gmail', 'das ist S-C-H'],
  },
  es: {
    finished: [
      'sí',
      'Sí, por favor.',
      'no gracias',
      'vale',
      'mañana',
      'el lunes',
      '¿Cuál es su horario?',
      'a qué hora abren',
      'puede llamarme luego',
      'eso es todo',
      'adiós',
      'no lo sé',
      'Mi pedido no ha llegado.',
      'quiero reservar una mesa por favor',
      'juan punto pérez arroba ejemplo punto es',
    ],
    plain: ['una mesa para cuatro', 'el azul', 'Juan Pérez', 'a las cinco y media', 'mi número es 612 345 678'],
    open: [
      'quisiera',
      'me llamo',
      'y',
      'porque',
      'llamo para',
      'es para mi',
      'estoy buscando una',
      'mi número es',
      'con',
      'me gustaría',
      'lo que pasa es que',
    ],
    trailing: ['eh', 'quiero este', 'pues', 'A ver...', 'el martes,', 'bueno, pues'],
    number: [
      'mi número es seis uno',
      'seis uno dos',
      'Es el 612 34',
      'el código es 12',
      'uno dos tres',
      'mi teléfono, seis',
    ],
    spelling: ['N G U', 'P E R', 'N de Navarra', 'juan punto pérez arroba', 'juan arroba gmail', 'es P-E-R'],
  },
};

const TABLE = Object.entries(SAID).flatMap(([language, states]) =>
  (Object.entries(states) as [TurnState, readonly string[]][]).flatMap(([state, texts]) =>
    texts.map((text) => [language, text, state] as const),
  ),
);

describe('what the words tell about the end of a turn', () => {
  it.each(TABLE)('%s: %j is %s', (language, text, state) => {
    expect(turnSense(text, language, NORMAL).state).toBe(state);
  });

  it('is tried on enough of them', () => {
    expect(TABLE.length).toBeGreaterThanOrEqual(150);
  });

  it.each([
    ['four one', 4, 'number'],
    ['four one two', 4, 'number'],
    ['four one two three', 4, 'finished'],
    ['it’s 4123', 4, 'finished'],
    ['4123.', 6, 'number'],
    ['41 23, um', 6, 'number'],
    ['I do not have it', 4, 'plain'],
    ['what do you mean?', 4, 'finished'],
  ] as const)('%j when %i digits were asked for is %s', (text, wanted, state) => {
    expect(turnSense(text, 'en', NORMAL, wanted).state).toBe(state);
  });

  it.each(['pt', 'pl-PL', 'zh'])('is nothing in %s, which has no list, but for digits', (language) => {
    expect(turnSense('qualquer coisa e', language, NORMAL)).toEqual({ state: 'plain', pauseMs: 500 });
    expect(turnSense('4 1 2', language, NORMAL).state).toBe('number');
  });

  it.each(['', '   ', '...', '?'])('is nothing without a word: %j', (text) => {
    expect(turnSense(text, 'en', NORMAL).state).toBe('plain');
  });
});

describe('the pause that ends a turn', () => {
  it('is the normal one, less for a sentence, more for a beginning, most for a number', () => {
    const pauses = (['finished', 'plain', 'open', 'trailing', 'number', 'spelling'] as const).map((state) =>
      pauseOf(state, NORMAL),
    );

    expect(pauses).toEqual([300, 500, 1000, 1000, 1500, 1500]);
  });

  it('is always the same when the limits leave no room', () => {
    const fixed = { silenceMs: 700, minSilenceMs: 700, maxSilenceMs: 700 };

    for (const [language, text] of TABLE) expect(turnSense(text, language, fixed).pauseMs).toBe(700);
  });

  it('never leaves its limits and grows with what is missing, whatever is said and set', () => {
    const settings = fc
      .record({
        silenceMs: fc.integer({ min: 200, max: 3000 }),
        less: fc.nat(3000),
        more: fc.nat(4800),
        set: fc.nat(3),
      })
      .map(({ silenceMs, less, more, set }) => ({
        silenceMs,
        ...(set & 1 ? { minSilenceMs: Math.max(200, silenceMs - less) } : {}),
        ...(set & 2 ? { maxSilenceMs: Math.min(5000, silenceMs + more) } : {}),
      }));
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.constantFrom(...TABLE.map(([, said]) => said)), { maxLength: 3 }).map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom('en', 'fr-BE', 'nl', 'de', 'es', 'it'), settings, (said, language, options) => {
        const { min, max } = pauseLimits(options);
        const { state, pauseMs } = turnSense(said, language, options);

        expect(pauseMs).toBe(pauseOf(state, options));
        expect(pauseMs).toBeGreaterThanOrEqual(min);
        expect(pauseMs).toBeLessThanOrEqual(max);
        const order = (['finished', 'plain', 'open', 'number'] as const).map((step) => pauseOf(step, options));
        expect(order).toEqual([...order].sort((a, b) => a - b));
        expect(min).toBeLessThanOrEqual(options.silenceMs);
        expect(max).toBeGreaterThanOrEqual(options.silenceMs);
      }),
    );
  });

  it('does not depend on capitals or on the kind of apostrophe', () => {
    // No capital has a sharp s.
    for (const [language, text] of TABLE.filter(([, said]) => !said.includes('ß'))) {
      const other = text.toUpperCase().replaceAll('’', "'");
      expect(turnSense(other, language, NORMAL).state, other).toBe(turnSense(text, language, NORMAL).state);
    }
  });
});
