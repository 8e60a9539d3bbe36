// Reads and writes the JSON API with the session cookie.
const list = document.querySelector("#orders");
const form = document.querySelector("#new-order");
const dark = document.querySelector("#dark");
const token = document.querySelector("meta[name=csrf-token]").content;

async function call(url, options = {}) {
  const answer = await fetch(url, { credentials: "same-origin", ...options });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

async function show() {
  const { items } = await call(list.dataset.url);
  list.replaceChildren(...items.map((order) => {
    const line = document.createElement("li");
    line.textContent = `${order.id}: ${order.quantity} × ${order.sku} = ${order.total}`;
    return line;
  }));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const sent = Object.fromEntries(new FormData(form));
  const body = JSON.stringify({ customer: Number(sent.customer), sku: sent.sku, quantity: Number(sent.quantity) });
  await call(form.dataset.url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  await show();
});

dark.addEventListener("click", () => call(dark.dataset.url, {
  method: "POST",
  headers: { "Content-Type": "application/json", "X-CSRFToken": token },
  body: JSON.stringify({ theme: "dark" }),
}));

show();
