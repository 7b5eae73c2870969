"""The page `/docs`: every route with its body, from our own OpenAPI description. It loads nothing from elsewhere."""

from typing import Final

CONTENT_SECURITY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
"""What the page may load: itself and the description."""

PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>mallku server</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
summary { cursor: pointer; padding: .3rem 0 }
code, pre, textarea { font-family: ui-monospace, monospace; font-size: .9rem }
pre, textarea { border: 1px solid #8886; padding: .5rem; overflow: auto; width: 100%; box-sizing: border-box; white-space: pre-wrap }
b { display: inline-block; min-width: 4rem }
section { margin: .5rem 0 1rem 1rem }
</style></head><body>
<h1>mallku server</h1>
<p>The OpenAPI description is at <a href="openapi.json">openapi.json</a>. Where keys are set, give yours here:
<input id="key" type="password" autocomplete="off" aria-label="key"></p>
<main id="routes">Reading the description …</main>
<script>
function add(parent, name, text = "") {
  const one = document.createElement(name)
  one.textContent = text
  parent.append(one)
  return one
}
function described(schema, all, depth = 0) {
  if (!schema || depth > 4) return "…"
  if (schema.$ref) return described(all[schema.$ref.split("/").pop()], all, depth)
  const any = schema.anyOf || schema.oneOf
  if (any) return any.filter(one => one.type !== "null").map(one => described(one, all, depth)).join(" | ")
  if (schema.enum) return schema.enum.map(one => JSON.stringify(one)).join(" | ")
  if ("const" in schema) return JSON.stringify(schema.const)
  if (schema.type === "array") return "[" + described(schema.items, all, depth + 1) + "]"
  if (!schema.properties) return schema.type || "any"
  const pad = "  ".repeat(depth + 1), needed = schema.required || []
  const rows = Object.entries(schema.properties).map(([name, one]) =>
    pad + name + (needed.includes(name) ? "" : "?") + ": " + described(one, all, depth + 1))
  return "{\\n" + rows.join("\\n") + "\\n" + "  ".repeat(depth) + "}"
}
async function send(method, path, body, out) {
  const key = document.getElementById("key").value
  const headers = { ...(body === null ? {} : { "content-type": "application/json" }), ...(key ? { authorization: "Bearer " + key } : {}) }
  const answer = await fetch(path.replace(/^\\//, ""), { method, headers, body })
  out.textContent = answer.status + " " + answer.statusText + "\\n" + await answer.text()
}
fetch("openapi.json").then(answer => answer.json()).then(api => {
  const routes = document.getElementById("routes"), all = (api.components || {}).schemas || {}
  routes.textContent = ""
  for (const [path, methods] of Object.entries(api.paths)) for (const [method, route] of Object.entries(methods)) {
    const box = add(routes, "details"), line = add(box, "summary"), inside = add(box, "section")
    add(line, "b", method.toUpperCase()); add(line, "code", path); add(line, "span", "  " + (route.summary || ""))
    const body = route.requestBody && route.requestBody.content["application/json"].schema
    if (body) add(inside, "pre", described(body, all))
    const where = add(inside, "textarea", path), text = body ? add(inside, "textarea", "{}") : null
    where.rows = 1; where.setAttribute("aria-label", "path"); if (text) { text.rows = 4; text.setAttribute("aria-label", "body") }
    const button = add(inside, "button", "Send"), out = add(inside, "pre")
    button.onclick = () => send(method.toUpperCase(), where.value, text ? text.value : null, out)
  }
})
</script></body></html>
"""
