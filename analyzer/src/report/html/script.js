'use strict';
(() => {
  const id = (name) => document.getElementById(name);
  const open = () => {
    const at = location.hash.length > 1 && id(decodeURIComponent(location.hash.slice(1)));
    for (let box = at; box; box = box.parentElement) {
      if (box.hidden) box.hidden = false;
      if (box.tagName === 'DETAILS') box.open = true;
    }
    if (at) at.scrollIntoView({ block: 'start' });
  };
  addEventListener('hashchange', open);
  open();
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = [...document.querySelectorAll('details:not([open])')];
    closed.forEach((box) => { box.open = true; });
  });
  addEventListener('afterprint', () => closed.forEach((box) => { box.open = false; }));
  const bar = document.querySelector('.filters');
  if (!bar) return;
  bar.hidden = false;
  const all = [...document.querySelectorAll('.finding')];
  let texts = null;
  const filter = () => {
    const words = id('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    const severity = id('severity').value;
    const reason = id('reason').value;
    if (words.length && !texts) texts = all.map((one) => one.textContent.toLowerCase());
    let many = 0;
    all.forEach((one, at) => {
      const fits = (!severity || one.dataset.severity === severity) && (!reason || one.dataset.reason === reason)
        && words.every((word) => texts[at].includes(word));
      one.hidden = !fits;
      if (fits) many += 1;
    });
    id('shown').textContent = many === all.length ? String(many) : many + ' of ' + all.length;
    id('nothing').hidden = many > 0;
  };
  let wait = 0;
  id('search').addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(filter, 80); });
  id('severity').addEventListener('change', filter);
  id('reason').addEventListener('change', filter);
  id('clear').addEventListener('click', () => { id('search').value = id('severity').value = id('reason').value = ''; filter(); });
  id('open').addEventListener('click', () => {
    const shown = all.filter((one) => !one.hidden);
    const opens = shown.some((one) => !one.open);
    shown.slice(0, 500).forEach((one) => { one.open = opens; });
  });
  document.querySelectorAll('[data-reason]:is(a)').forEach((link) => link.addEventListener('click', () => {
    id('reason').value = link.dataset.reason;
    filter();
  }));
  addEventListener('keydown', (key) => {
    if (key.key === '/' && !/INPUT|SELECT/.test(document.activeElement.tagName)) { key.preventDefault(); id('search').focus(); }
    if (key.key === 'Escape' && document.activeElement === id('search')) id('clear').click();
  });
})();
