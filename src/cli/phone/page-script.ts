/** The behaviour of the page `/phone`. */
export const PHONE_SCRIPT = `
(() => {
  const $ = (id) => document.getElementById(id);
  const worklet = $('worklet').textContent;
  let socket, context, line, stream, from, callId;
  let events;
  const created = new Map();

  // ---------------------------------------------------------------- what is seen

  const say = (text) => ($('state').textContent = text);
  const busy = (isBusy, isUp) => {
    $('call').disabled = isBusy;
    $('hangup').disabled = !isBusy;
    $('to').disabled = isBusy;
    for (const button of document.querySelectorAll('.key, .sample')) button.disabled = !isUp;
    document.body.classList.toggle('up', Boolean(isUp));
  };
  const meter = (id, samples) => {
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const rms = Math.sqrt(sum / Math.max(1, samples.length)) / 32768;
    // From -60 dBFS to full scale.
    const level = rms === 0 ? 0 : Math.max(0, Math.min(100, Math.round(100 + (20 * Math.log10(rms) * 100) / 60)));
    const bar = $(id);
    bar.style.setProperty('--level', level + '%');
    bar.setAttribute('aria-valuenow', String(level));
  };
  const scrollDown = () => ($('said').scrollTop = $('said').scrollHeight);
  const show = (kind, who, text, remark) => {
    const item = document.createElement('li');
    item.className = kind;
    const name = document.createElement('b');
    name.textContent = who;
    const small = document.createElement('small');
    small.textContent = remark || '';
    item.append(name, ' ', text, ' ', small);
    $('partial').before(item);
    $('partial').hidden = true;
    $('empty').hidden = true;
    scrollDown();
  };
  const note = (text) => show('note', '', text);
  // What is being said at this moment.
  const partial = (text) => {
    $('partial').textContent = text;
    $('partial').hidden = false;
    scrollDown();
  };

  // ---------------------------------------------------------------- what the gateway tells

  const listen = () => {
    if (events) return;
    events = new EventSource('/v1/events');
    events.onerror = () => {
      if (events.readyState !== EventSource.CLOSED) return;
      note('The transcript cannot be shown: the control API of this gateway asks for a key.');
    };
    const on = (type, happened) =>
      events.addEventListener(type, ({ data }) => {
        const event = JSON.parse(data);
        if (type === 'call.created') {
          created.set(event.data.from, event.callId);
          if (event.data.from === from) callId = event.callId;
        } else if (callId !== undefined && event.callId === callId) happened(event.data);
      });
    on('call.created');
    let wasKey = false;
    on('turn.started', ({ role }) => role === 'agent' && partial('agent …'));
    on('transcript.partial', ({ text }) => partial('you … ' + text));
    on('turn.ended', ({ role, text, interrupted, latency }) => {
      if (role === 'caller') {
        wasKey = text.startsWith('[pressed');
        if (!wasKey) show('caller', 'you', text === '[unclear]' ? '(not understood)' : text);
        return;
      }
      const notes = [];
      // After a key the agent waits for more keys; that is no speed of answering.
      if (!wasKey && latency && latency.firstAudioMs !== undefined) notes.push('after ' + (latency.firstAudioMs / 1000).toFixed(2) + ' s');
      if (interrupted) notes.push('interrupted');
      show('agent', 'agent', text, notes.join(', '));
    });
    on('dtmf.received', ({ digit }) => show('caller', 'you', 'pressed ' + digit));
    on('tool.called', ({ name }) => note('tool: ' + name));
    on('transfer.started', ({ target }) => note('transfer to ' + target));
    on('transfer.ended', ({ target, outcome }) => note('transfer to ' + target + ': ' + outcome));
    on('provider.failed', ({ provider, message }) => note(provider + ' failed: ' + message));
  };

  // ---------------------------------------------------------------- sound

  const openSound = async () => {
    context = new AudioContext();
    await context.resume();
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: 'text/javascript' })));
    line = new AudioWorkletNode(context, 'phone-line', { numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [1] });
    line.connect(context.destination);
    line.port.onmessage = ({ data }) => {
      meter('you-level', new Int16Array(data));
      if (socket && socket.readyState === WebSocket.OPEN) socket.send(data);
    };
    if (!$('microphone').checked) return;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      });
      context.createMediaStreamSource(stream).connect(line);
    } catch {
      note('There is no microphone here, or it was not allowed: let a sample caller speak.');
    }
  };
  const closeSound = () => {
    if (stream) for (const track of stream.getTracks()) track.stop();
    if (context) void context.close();
    stream = context = line = undefined;
    meter('you-level', []);
    meter('agent-level', []);
  };

  // ---------------------------------------------------------------- the call

  const send = (command) => socket && socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(command));
  const end = (text) => {
    say(text);
    busy(false, false);
    closeSound();
    if (socket) socket.close();
    socket = undefined;
  };
  const happened = (event) => {
    switch (event.type) {
      case 'calling':
        from = event.from;
        callId = created.get(from);
        say('ringing …');
        return;
      case 'answered':
        say('connected');
        busy(true, true);
        return;
      case 'bridged':
        say('connected to somebody else');
        return;
      case 'digits':
        note('keys heard: ' + event.digits);
        return;
      case 'played':
        for (const button of document.querySelectorAll('.sample')) button.classList.remove('playing');
        return;
      case 'refused':
        note(event.reason);
        if (!document.body.classList.contains('up')) end('not connected');
        return;
      case 'ended':
        note('The call has ended: ' + event.cause.replaceAll('_', ' ') + ' (' + event.by + ').');
        end('call ended');
    }
  };
  const call = async () => {
    busy(true, false);
    say('calling …');
    from = callId = undefined;
    listen();
    try {
      await openSound();
    } catch (error) {
      note('No sound: ' + error.message);
    }
    const opened = new WebSocket(location.origin.replace('http', 'ws') + '/phone/socket');
    socket = opened;
    opened.binaryType = 'arraybuffer';
    opened.onopen = () => send({ type: 'call', to: $('to').value.trim() });
    opened.onclose = () => socket === opened && end('the gateway is gone');
    opened.onmessage = ({ data }) => {
      if (typeof data === 'string') {
        happened(JSON.parse(data));
        return;
      }
      meter('agent-level', new Int16Array(data));
      if (line) line.port.postMessage(data, [data]);
    };
  };
  const press = (digit) => {
    send({ type: 'press', digits: digit });
    const key = document.querySelector('[data-key="' + digit + '"]');
    key.classList.add('down');
    setTimeout(() => key.classList.remove('down'), 150);
  };

  $('call').addEventListener('click', () => void call());
  $('hangup').addEventListener('click', () => {
    send({ type: 'hangup' });
    if (!document.body.classList.contains('up')) end('not connected');
  });
  for (const key of document.querySelectorAll('.key')) key.addEventListener('click', () => press(key.dataset.key));
  for (const sample of document.querySelectorAll('.sample')) {
    sample.addEventListener('click', () => {
      sample.classList.add('playing');
      send({ type: 'play', sample: sample.dataset.sample });
    });
  }
  document.addEventListener('keydown', (event) => {
    if (event.target.tagName === 'INPUT' || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^[0-9*#]$/.test(event.key) && document.body.classList.contains('up')) press(event.key);
  });
  busy(false, false);
})();
`;
