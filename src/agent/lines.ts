/**
 * What the gateway itself says, word for word, when no model is asked. The model sees them in the history like anything
 * else that was heard.
 */
export interface FixedLines {
  readonly reprompt: string;
  readonly idleGoodbye: string;
  readonly goodbye: string;
  readonly transfer: string;
  readonly apology: string;
  /** While a tool is slow: the first line, and the ones after it. */
  readonly wait: string;
  readonly waitMore: string;
  readonly failure: string;
  readonly timeUp: string;
  readonly closing: string;
  readonly backFromHold: string;
}

const ENGLISH: FixedLines = {
  reprompt: 'Are you still there?',
  idleGoodbye: 'I cannot hear you, so I will hang up now. Goodbye.',
  goodbye: 'Goodbye.',
  transfer: 'One moment, I am putting you through.',
  apology: 'Sorry, I have a technical problem. Could you say that again?',
  wait: 'One moment, please.',
  waitMore: 'I am still on it, thank you for waiting.',
  failure: 'Sorry, we have a technical problem. Please call again later. Goodbye.',
  timeUp: 'I am sorry, our time is up. Goodbye.',
  closing: 'I am sorry, this line has to close now. Please call again. Goodbye.',
  backFromHold: 'Thank you for holding.',
};

const FRENCH: FixedLines = {
  reprompt: 'Êtes-vous toujours là ?',
  idleGoodbye: 'Je ne vous entends pas, je vais donc raccrocher. Au revoir.',
  goodbye: 'Au revoir.',
  transfer: 'Un instant, je vous mets en relation.',
  apology: 'Désolé, j’ai un problème technique. Pouvez-vous répéter ?',
  wait: 'Un instant, s’il vous plaît.',
  waitMore: 'Je m’en occupe toujours, merci de patienter.',
  failure: 'Désolé, nous avons un problème technique. Merci de rappeler plus tard. Au revoir.',
  timeUp: 'Je suis désolé, le temps est écoulé. Au revoir.',
  closing: 'Je suis désolé, cette ligne doit fermer. Merci de rappeler. Au revoir.',
  backFromHold: 'Merci d’avoir patienté.',
};

const DUTCH: FixedLines = {
  reprompt: 'Bent u er nog?',
  idleGoodbye: 'Ik hoor u niet, daarom hang ik nu op. Tot ziens.',
  goodbye: 'Tot ziens.',
  transfer: 'Een ogenblik, ik verbind u door.',
  apology: 'Sorry, ik heb een technisch probleem. Kunt u dat herhalen?',
  wait: 'Een ogenblik, alstublieft.',
  waitMore: 'Ik ben er nog mee bezig, bedankt voor het wachten.',
  failure: 'Sorry, we hebben een technisch probleem. Belt u later terug alstublieft. Tot ziens.',
  timeUp: 'Het spijt me, de tijd is om. Tot ziens.',
  closing: 'Het spijt me, deze lijn moet nu sluiten. Belt u later terug alstublieft. Tot ziens.',
  backFromHold: 'Bedankt voor het wachten.',
};

const GERMAN: FixedLines = {
  reprompt: 'Sind Sie noch da?',
  idleGoodbye: 'Ich kann Sie nicht hören und lege jetzt auf. Auf Wiederhören.',
  goodbye: 'Auf Wiederhören.',
  transfer: 'Einen Moment, ich verbinde Sie.',
  apology: 'Entschuldigung, ich habe ein technisches Problem. Können Sie das wiederholen?',
  wait: 'Einen Moment, bitte.',
  waitMore: 'Ich bin noch dabei, danke für Ihre Geduld.',
  failure: 'Entschuldigung, wir haben ein technisches Problem. Bitte rufen Sie später wieder an. Auf Wiederhören.',
  timeUp: 'Es tut mir leid, die Zeit ist um. Auf Wiederhören.',
  closing: 'Es tut mir leid, diese Leitung muss jetzt schließen. Bitte rufen Sie später an. Auf Wiederhören.',
  backFromHold: 'Danke, dass Sie gewartet haben.',
};

const SPANISH: FixedLines = {
  reprompt: '¿Sigue ahí?',
  idleGoodbye: 'No le oigo, así que voy a colgar. Adiós.',
  goodbye: 'Adiós.',
  transfer: 'Un momento, le paso.',
  apology: 'Perdone, tengo un problema técnico. ¿Puede repetirlo?',
  wait: 'Un momento, por favor.',
  waitMore: 'Sigo en ello, gracias por esperar.',
  failure: 'Perdone, tenemos un problema técnico. Llame más tarde, por favor. Adiós.',
  timeUp: 'Lo siento, se acabó el tiempo. Adiós.',
  closing: 'Lo siento, esta línea tiene que cerrar. Llame más tarde, por favor. Adiós.',
  backFromHold: 'Gracias por esperar.',
};

const LINES: Readonly<Record<string, FixedLines>> = { en: ENGLISH, fr: FRENCH, nl: DUTCH, de: GERMAN, es: SPANISH };

/** The lines of a BCP 47 language; English where we have none of that language. */
export function fixedLines(language: string): FixedLines {
  return LINES[language.split('-')[0] ?? 'en'] ?? ENGLISH;
}
