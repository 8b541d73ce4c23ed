/** What the end of a contribution tells about whether more will come, in one language. */
export interface TurnWords {
  /** Nobody ends with them: conjunctions, articles, prepositions, possessives, auxiliaries. */
  readonly open: ReadonlySet<string>;
  /** Beginnings that want a rest: `I would like to`. */
  readonly openings: readonly string[];
  /** Sounds and words of somebody who is still thinking. */
  readonly fillers: ReadonlySet<string>;
  /** Beginnings of questions; a preposition may end one (`where are you from`). */
  readonly questions: readonly string[];
  /** Ends of contributions: thanks, goodbyes, days, times. */
  readonly ends: readonly string[];
  /** `if`: the main clause is still to come when nothing but a few words follow. */
  readonly conditions: readonly string[];
  /** Words that announce digits. */
  readonly numberCues: ReadonlySet<string>;
  /** Between a letter and the name that explains it: `N as in Nancy`. */
  readonly letterCues: readonly string[];
  /** `at` in an e-mail address, where it means nothing else. */
  readonly atSigns: readonly string[];
  readonly dots: readonly string[];
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '));
const phrases = (text: string): readonly string[] => text.split('|');

const ENGLISH: TurnWords = {
  open: words(
    'and or but because so that if when while although than as the a an my your his her our their its this these those to of for with at from by about into between without in on is are was were am be will would can could should shall may might must have has had do does did i we they he she want need like very quite more some any every which whose not im id ill ive',
  ),
  openings: phrases(
    'i would like|id like|i want|i need|i was wondering|i am calling|im calling|my name is|my number is|my address is|the number is|it is|it was|this is|there is|can you|could you|can i|could i|may i|let me|i have|i think|i mean|you know|the thing is|what about|how about|calling about',
  ),
  fillers: words('um uh er erm hmm mm well so like actually basically anyway eh uhm ehm'),
  questions: phrases(
    'what|where|when|who|whom|how|why|which|whats|wheres|hows|do you|does|did|are you|is there|is it|can i|can you|could i|could you|will you|would you|have you|may i|are there',
  ),
  ends: phrases(
    'please|thanks|thank you|thank you very much|goodbye|bye|bye bye|hello|hi|good morning|good afternoon|tomorrow|today|tonight|yesterday|monday|tuesday|wednesday|thursday|friday|saturday|sunday|in the morning|in the afternoon|in the evening|at noon|oclock|am|pm|next week|this week|thats all|that is all|thats it|nothing else|thats right|thats fine|im sorry|i dont know|not sure|right now|as soon as possible|never mind',
  ),
  conditions: ['if'],
  numberCues: words('number phone telephone mobile code pin zip postcode reference account card digits booking order'),
  letterCues: phrases('as in|like|for|is for'),
  atSigns: [],
  dots: ['dot'],
};

const FRENCH: TurnWords = {
  open: words(
    'et ou mais parce que car donc si quand lorsque puisque comme le la les un une des du de d l au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces à pour avec sans sur dans chez par vers entre depuis pendant jusqu jusquà est sont suis était serait voudrais veux peux pouvez dois je j nous ne n qui dont très plus quel quelle quelque m t s qu puis afin',
  ),
  openings: phrases(
    'je voudrais|je veux|jaimerais|jaurais besoin|je souhaite|je souhaiterais|jappelle|jappelle pour|je vous appelle|mon nom est|je mappelle|mon numéro est|mon numéro cest|mon adresse est|cest|cétait|il y a|est ce que|estce que|je pense|je crois|pouvez vous|pourriez vous|pouvezvous|pourriezvous|je cherche|jai',
  ),
  fillers: words('euh heu ben bah alors donc enfin bon hum voyons hein eh'),
  questions: phrases(
    'quand|où|qui|que|quoi|comment|pourquoi|combien|quel|quelle|quels|quelles|est ce que|estce que|qu est ce que|questce que|avez vous|avezvous|puis je|puisje|pouvez vous|pouvezvous|y a til|y atil|cest combien|cest quand',
  ),
  ends: phrases(
    'merci|merci beaucoup|sil vous plaît|sil te plaît|svp|au revoir|bonjour|bonsoir|allô|demain|aujourdhui|hier|ce soir|demain matin|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|heures|heure|midi|minuit|du matin|du soir|la semaine prochaine|cest tout|cest ça|cest bon|je ne sais pas|je sais pas|pas encore|tout de suite|ça va|désolé|rien dautre',
  ),
  conditions: ['si je', 'si j', 'si vous', 'si on', 'si cest'],
  numberCues: words('numéro téléphone portable mobile code postal référence compte carte chiffres commande dossier'),
  letterCues: phrases('comme|de'),
  atSigns: ['arobase', 'arrobase'],
  dots: ['point'],
};

const DUTCH: TurnWords = {
  open: words(
    'en of maar want omdat dat als wanneer terwijl zodat hoewel dan de een mijn uw jouw haar ons onze hun deze die naar met voor om tot tussen zonder volgens sinds tegen bij van ik we wij ben wil wou zou kan moet heb heeft had wordt is was heel erg meer geen welke te per rond tijdens',
  ),
  openings: phrases(
    'ik wil|ik wil graag|ik wou|ik wou graag|ik zou|ik zou graag|ik zou willen|ik had graag|ik bel|ik bel voor|ik bel om|ik bel over|mijn naam is|ik heet|mijn nummer is|mijn adres is|het nummer is|het is|dat is|er is|kunt u|kan u|kan ik|mag ik|ik heb|ik denk|ik zoek|het gaat over|ik vroeg me af|graag een',
  ),
  fillers: words('euh uh eh ehm uhm hm nou dus tja even goh allee'),
  questions: phrases(
    'wat|waar|wanneer|wie|hoe|hoeveel|waarom|welke|welk|waarvoor|kan ik|kunt u|kan u|mag ik|heeft u|hebt u|hebben jullie|is er|zijn er|is het|bent u|wilt u|moet ik|zijn jullie',
  ),
  ends: phrases(
    'alstublieft|alsjeblieft|aub|dank u|dank u wel|dankuwel|bedankt|tot ziens|dag|hallo|goedemorgen|goedemiddag|goedendag|goedenavond|morgen|vandaag|gisteren|vanavond|overmorgen|maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|uur|s morgens|s avonds|smorgens|savonds|volgende week|deze week|dat is alles|dat was het|dat klopt|weet ik niet|ik weet het niet|geen idee|nog niet|zo snel mogelijk|sorry|niets meer',
  ),
  conditions: ['als ik', 'als we', 'als u', 'als het', 'indien'],
  numberCues: words(
    'nummer telefoonnummer gsm mobiel code pin postcode referentie rekeningnummer klantnummer kaart cijfers bestelnummer ordernummer dossiernummer',
  ),
  letterCues: phrases('van|zoals in|zoals|als in'),
  atSigns: ['apenstaartje', 'apenstaart'],
  dots: ['punt', 'dot'],
};

const GERMAN: TurnWords = {
  open: words(
    'und oder aber weil dass wenn ob denn sondern obwohl damit als wie der die den dem des ein eine einen einem einer eines mein meine meinen meiner meinem ihr ihre ihren unser unsere dieser diese diesen für von bei im am zum zur ins vom beim ohne gegen zwischen seit bis um über ich wir möchte will würde könnte sollte muss kann habe bin sehr mehr kein keine keinen welche welcher',
  ),
  openings: phrases(
    'ich möchte|ich möchte gern|ich möchte gerne|ich hätte|ich hätte gern|ich hätte gerne|ich würde|ich würde gern|ich würde gerne|ich will|ich brauche|ich rufe an wegen|mein name ist|ich heiße|ich heisse|meine nummer ist|meine adresse ist|die nummer ist|es ist|das ist|es geht um|können sie|könnten sie|kann ich|ich habe|ich bin|ich suche|ich wollte|ich glaube|ich denke|und zwar',
  ),
  fillers: words('äh ähm hm öh also naja tja nun halt sozusagen eh'),
  questions: phrases(
    'was|wo|wann|wer|wie|wieviel|warum|wieso|welche|welcher|welches|woher|wohin|wen|wem|haben sie|kann ich|können sie|könnten sie|gibt es|ist es|ist das|sind sie|muss ich|darf ich|hast du',
  ),
  ends: phrases(
    'bitte|danke|danke schön|vielen dank|auf wiederhören|auf wiedersehen|tschüss|hallo|guten tag|guten morgen|guten abend|morgen|heute|gestern|übermorgen|heute abend|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|uhr|vormittags|nachmittags|abends|nächste woche|diese woche|das ist alles|das wars|das war alles|stimmt so|weiß ich nicht|ich weiß nicht|ich weiß es nicht|keine ahnung|noch nicht|so schnell wie möglich|nichts mehr|entschuldigung',
  ),
  conditions: ['wenn ich', 'wenn wir', 'wenn sie', 'wenn es', 'falls'],
  numberCues: words(
    'nummer telefonnummer handynummer handy code pin postleitzahl referenz kontonummer kundennummer karte ziffern bestellnummer vorgangsnummer',
  ),
  letterCues: phrases('wie|für'),
  atSigns: ['ät', 'at', 'klammeraffe'],
  dots: ['punkt', 'dot'],
};

const SPANISH: TurnWords = {
  open: words(
    'y e o u pero porque que cuando mientras aunque como el la los las un una unos unas mi mis tu tus su sus nuestro nuestra estos estas a al de del para por con sin sobre en entre hasta desde hacia según es son soy está quiero quisiera puedo puede podría necesito tengo yo me se muy más algún alguna cual cada',
  ),
  openings: phrases(
    'quiero|quisiera|me gustaría|querría|necesito|llamo para|llamo por|estoy llamando|mi nombre es|me llamo|mi número es|mi dirección es|el número es|es|esto es|hay|puede|podría|puedo|tengo|creo que|pienso que|busco|estoy buscando|lo que pasa es que|es que',
  ),
  fillers: words('eh este esto pues bueno mmm em entonces ehm hm'),
  questions: phrases(
    'qué|que|dónde|donde|cuándo|quién|cómo|cuánto|cuánta|cuántos|cuántas|cuál|por qué|a qué hora|tienen|tiene|hay|puedo|puede|podría|me puede|es posible|están',
  ),
  ends: phrases(
    'por favor|gracias|muchas gracias|adiós|hasta luego|hola|buenos días|buenas tardes|buenas noches|mañana|hoy|ayer|esta tarde|esta noche|pasado mañana|lunes|martes|miércoles|jueves|viernes|sábado|domingo|de la mañana|de la tarde|de la noche|en punto|mediodía|horas|la semana que viene|esta semana|eso es todo|nada más|eso es|no lo sé|no sé|todavía no|aún no|lo antes posible|perdón|está bien',
  ),
  conditions: [],
  numberCues: words('número teléfono móvil celular código pin postal referencia cuenta tarjeta dígitos pedido reserva'),
  letterCues: phrases('de|como'),
  atSigns: ['arroba'],
  dots: ['punto'],
};

const TURN_WORDS: Readonly<Record<string, TurnWords>> = {
  en: ENGLISH,
  fr: FRENCH,
  nl: DUTCH,
  de: GERMAN,
  es: SPANISH,
};

/** Undefined where we know nothing of the language (two letters). */
export function turnWords(language: string): TurnWords | undefined {
  return Object.hasOwn(TURN_WORDS, language) ? TURN_WORDS[language] : undefined;
}
