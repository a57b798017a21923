// Shows a contract (OpenAPI 3.1) and sends its requests. No text of it, and none of an answer, becomes HTML.

const METHODS = ["get", "put", "post", "delete"];
const LIMITS = ["minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "pattern", "default", "const"];

function element(name, more = {}, ...children) {
  const made = Object.assign(document.createElement(name), more);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const code = (text) => element("code", {}, text);
const json = (value) => JSON.stringify(value, null, 2);

// The little Markdown that descriptions use: paragraphs, lists, **bold**, *emphasis*, `code`.
function prose(text = "") {
  const blocks = text.trim().split(/\n\s*\n/).filter(Boolean);
  return element("div", { className: "prose" }, ...blocks.map((block) => {
    const items = block.split(/^- /m);
    if (items.length === 1) return element("p", {}, ...inline(block));
    return element("ul", {}, ...items.filter((item) => item.trim()).map((item) => element("li", {}, ...inline(item))));
  }));
}

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*)/).map((piece) => {
    if (piece.startsWith("`")) return code(piece.slice(1, -1));
    if (piece.startsWith("**")) return element("strong", {}, piece.slice(2, -2));
    if (piece.length > 2 && piece.startsWith("*")) return element("em", {}, piece.slice(1, -1));
    return piece;
  });
}

export function show(contract, serverRoot) {
  const follow = (node) => {
    while (node?.$ref) node = node.$ref.slice(2).split("/").reduce((found, step) => found[step], contract);
    return node;
  };
  const connection = connect(contract, serverRoot);
  const main = element("main", {},
    element("h1", {}, contract.info.title, " ", element("small", {}, contract.info.version)),
    element("p", { className: "lead" }, contract.info.summary),
    prose(contract.info.description),
    connection.panel);
  const menu = element("nav");
  for (const tag of contract.tags) {
    menu.append(element("h2", {}, tag.name));
    main.append(element("h2", {}, tag.name), prose(tag.description));
    for (const one of operations(contract, follow).filter((each) => each.content.tags.includes(tag.name))) {
      const id = one.content.operationId;
      main.append(operation(one, follow, one.isWebhook ? null : connection));
      menu.append(element("a", { href: `#${id}` }, one.content.summary));
    }
  }
  document.body.append(menu, main);
  const open = () => {
    const named = location.hash && document.getElementById(location.hash.slice(1));
    if (named) {
      named.open = true;
      named.scrollIntoView();
    }
  };
  addEventListener("hashchange", open);
  open();
}

function operations(contract, follow) {
  const of = (paths, isWebhook) => Object.entries(paths ?? {}).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      method: method.toUpperCase(), path, content: item[method], isWebhook, isOfStore: "servers" in item,
      parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(follow),
    })));
  return [...of(contract.paths, false), ...of(contract.webhooks, true)];
}

// Which box, with which token. The token stays in this page.
function connect(contract, serverRoot) {
  const variables = contract.servers[0].variables;
  const scheme = contract.components.securitySchemes.token;
  const field = (label, value) => {
    const input = element("input", { value, spellcheck: false });
    return [input, element("label", {}, label, input)];
  };
  const [root, rootLabel] = field("Store", serverRoot);
  const [box, boxLabel] = field("Box", "tel:+99911112222");
  const [scope, scopeLabel] = field("Scopes", "oma_rest_nms.all_v1");
  const [token, tokenLabel] = field("Token", "");
  const said = element("output");
  const get = element("button", { id: "token" }, "Get a token");
  get.onclick = async () => {
    said.value = "";
    const body = JSON.stringify({ boxId: box.value, scope: scope.value });
    const answer = await fetch(`${root.value}/local/token`, { method: "POST", body }).catch(String);
    const told = typeof answer === "string" ? { message: answer } : await answer.json();
    token.value = told.access_token ?? "";
    said.value = told.message ?? `good for ${told.expires_in / 60} minutes`;
  };
  const scopes = Object.entries(scheme.flows.clientCredentials.scopes);
  const panel = element("section", { className: "connection" },
    element("h2", {}, "Your box"), prose(scheme.description),
    table(["Scope", "What it allows"], scopes.map(([name, what]) => [code(name), what])),
    element("div", { className: "fields" }, rootLabel, boxLabel, scopeLabel, tokenLabel, get, said));
  const base = () => `${root.value}/nms/v1/${variables.storeName.default}/${encodeURIComponent(box.value)}`;
  return { panel, base, root: () => root.value, token: () => token.value };
}

function operation(one, follow, connection) {
  const { content, parameters } = one;
  const scopes = (content.security ?? []).flatMap((each) => each.token ?? []);
  const body = follow(content.requestBody);
  const details = element("details", { id: content.operationId },
    element("summary", {}, element("b", { className: one.method }, one.method), " ", code(one.path), " ", content.summary),
    prose(content.description),
    scopes.length ? element("p", {}, "Scopes, any one of: ", ...scopes.flatMap((scope) => [code(scope), " "])) : null);
  if (parameters.length) {
    const rows = parameters.map((each) => [
      element("span", {}, code(each.name), each.required ? " *" : ""), each.in, schema(each.schema, follow), prose(each.description)]);
    details.append(element("h3", {}, "Parameters"), table(["Name", "In", "Value", "What it is"], rows));
  }
  if (body) details.append(element("h3", {}, "Request"), ...bodies(body, follow));
  details.append(element("h3", {}, "Answers"), ...Object.entries(content.responses).map(([status, given]) => {
    const response = follow(given);
    const headers = Object.keys(response.headers ?? {}).flatMap((name) => [code(name), " "]);
    return element("details", { className: "answer" },
      element("summary", {}, element("b", {}, status), " ", ...inline(response.description.trim())),
      headers.length ? element("p", {}, "Headers: ", ...headers) : null, ...bodies(response, follow));
  }));
  if (connection) details.append(attempt(one, body, follow, connection));
  return details;
}

const shown = (media, follow) => media.example !== undefined
  ? [["Example", media.example]]
  : Object.entries(media.examples ?? {}).map(([name, given]) => [follow(given).summary ?? name, follow(given).value]);

function bodies(owner, follow) {
  return Object.entries(owner.content ?? {}).flatMap(([kind, media]) => [
    element("p", {}, code(kind)), schema(media.schema, follow),
    ...shown(media, follow).flatMap(([name, value]) => [element("p", {}, name), element("pre", {}, json(value))])]);
}

// A schema as a tree: each field with its type, its limits and what it means. * marks a field that is a must.
function schema(given, follow) {
  const node = follow(given);
  const type = node.enum ? node.enum.map(json).join(" | ") : [node.format ?? node.type].flat().join(" | ");
  const limits = LIMITS.filter((name) => node[name] !== undefined).map((name) => `${name} ${node[name]}`).join(", ");
  const made = element("div", { className: "schema" }, element("i", {}, type), limits ? element("small", {}, ` ${limits}`) : null);
  if (node.description) made.append(prose(node.description));
  const fields = Object.entries(node.properties ?? {});
  if (fields.length) {
    const musts = node.required ?? [];
    made.append(element("ul", {}, ...fields.map(([name, child]) =>
      element("li", {}, code(name), musts.includes(name) ? " * " : " ", schema(child, follow)))));
  }
  if (node.items) made.append(element("ul", {}, element("li", {}, "each: ", schema(node.items, follow))));
  return made;
}

function table(heads, rows) {
  const row = (kind, cells) => element("tr", {}, ...cells.map((cell) => element(kind, {}, cell)));
  return element("table", {}, row("th", heads), ...rows.map((cells) => row("td", cells)));
}

// The form that sends the request, and what came back.
function attempt(one, body, follow, connection) {
  const inputs = one.parameters.map((parameter) => {
    const value = [parameter.example ?? ""].flat().join(",");
    return { ...parameter, input: element("input", { value, name: parameter.name, spellcheck: false }) };
  });
  const kinds = Object.entries(body?.content ?? {}).flatMap(([kind, media]) =>
    shown(media, follow).map(([name, value]) => ({ kind, label: `${name} (${kind})`, text: json(value) })));
  const choice = element("select", {}, ...kinds.map((each, at) => element("option", { value: at }, each.label)));
  const text = element("textarea", { rows: 12, value: kinds[0]?.text ?? "", spellcheck: false });
  choice.onchange = () => { text.value = kinds[choice.value].text; };
  const said = element("pre", { className: "said" });
  const send = element("button", {}, "Send");
  send.onclick = async () => {
    said.textContent = "…";
    said.textContent = await sent(inputs, kinds[choice.value]?.kind, text.value, connection, one)
      .catch((error) => `${error.name}: ${error.message}`);
  };
  return element("div", { className: "attempt" }, element("h3", {}, "Try it"),
    ...inputs.map((each) => element("label", {}, each.name, each.input)),
    ...(kinds.length ? [choice, text] : []), send, said);
}

async function sent(inputs, kind, text, connection, { method, path, isOfStore }) {
  const given = (place) => inputs.filter((each) => each.in === place && each.input.value !== "");
  // JSON first: the answer to a payload is then an address, since a page cannot follow the redirect to S3.
  const headers = { accept: "application/json" };
  if (connection.token()) headers.authorization = `Bearer ${connection.token()}`;
  for (const each of given("header")) headers[each.name] = each.input.value;
  for (const each of given("path")) path = path.replace(`{${each.name}}`, encodeURIComponent(each.input.value));
  const query = new URLSearchParams(given("query").map((each) => [each.name, each.input.value])).toString();
  const [type, body] = kind === "multipart/form-data" ? form(JSON.parse(text)) : [kind, text];
  if (kind) headers["content-type"] = type;
  const base = isOfStore ? connection.root() : connection.base();
  const answer = await fetch(`${base}${path}${query ? `?${query}` : ""}`, { method, headers, body: kind && body });
  const content = await answer.text();
  const lines = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
  return [`${answer.status} ${answer.statusText}`, ...lines, "", content && pretty(content)].join("\n");
}

function pretty(content) {
  try { return json(JSON.parse(content)); } catch { return content; }
}

// Form-data by hand: a browser would give each part a file name.
function form(value) {
  const boundary = `form-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
  const part = (name, type, content) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`;
  const attached = (value.attachments ?? []).map((content) => part("attachments", "text/plain; charset=utf-8", content));
  const body = [part("root-fields", "application/json", JSON.stringify(value["root-fields"])), ...attached, `--${boundary}--\r\n`];
  return [`multipart/form-data; boundary=${boundary}`, body.join("")];
}
