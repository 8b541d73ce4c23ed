/** The behaviour of a report in the browser: play, a moving cursor, jump by a click on turns and time line. */
export const REPORT_SCRIPT = `
(() => {
  const audio = document.getElementById('audio');
  const timeline = document.getElementById('timeline');
  if (!audio || !timeline) return;
  const scroll = timeline.parentElement;
  const cursor = document.getElementById('cursor');
  const now = document.getElementById('now');
  const play = document.getElementById('play');
  const turns = [...document.querySelectorAll('.said li[data-from]')];
  const length = Number(timeline.dataset.seconds);

  const show = () => {
    const at = audio.currentTime;
    cursor.style.left = (at / length) * 100 + '%';
    now.textContent = Math.floor(at / 60) + ':' + String(Math.floor(at % 60)).padStart(2, '0');
    for (const turn of turns) {
      const heard = at >= Number(turn.dataset.from) && at < Number(turn.dataset.to);
      turn.classList.toggle('heard', heard && !audio.paused);
    }
    const x = cursor.offsetLeft;
    const hidden = x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth - 40;
    if (!audio.paused && hidden) scroll.scrollLeft = x - 40;
  };
  const follow = () => {
    show();
    if (!audio.paused) requestAnimationFrame(follow);
  };
  const toggle = () => (audio.paused ? audio.play() : audio.pause());
  const jump = (seconds) => {
    audio.currentTime = Math.max(0, Math.min(seconds, audio.duration || length));
    show();
  };

  audio.addEventListener('play', () => {
    document.body.classList.add('playing');
    play.setAttribute('aria-label', 'Pause');
    follow();
  });
  audio.addEventListener('pause', () => {
    document.body.classList.remove('playing');
    play.setAttribute('aria-label', 'Play');
    show();
  });
  audio.addEventListener('seeked', show);
  play.addEventListener('click', toggle);
  timeline.addEventListener('click', (event) => {
    if (event.target.closest('[data-from]')) return;
    const box = timeline.getBoundingClientRect();
    jump(((event.clientX - box.left) / box.width) * length);
  });
  for (const button of document.querySelectorAll('button[data-from]')) {
    button.addEventListener('click', () => {
      jump(Number(button.dataset.from));
      void audio.play();
    });
  }
  document.addEventListener('keydown', (event) => {
    if (event.target.closest('button')) return;
    if (event.key === ' ') toggle();
    else if (event.key === 'ArrowLeft') jump(audio.currentTime - 2);
    else if (event.key === 'ArrowRight') jump(audio.currentTime + 2);
    else return;
    event.preventDefault();
  });
})();
`;
