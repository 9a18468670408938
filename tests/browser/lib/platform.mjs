// A platform behind a proxy: it asks Muster about each request as Caddy and Traefik do, and hands a refusal to the browser as it is.
import { createServer, request } from "node:http";

function ask(muster, query, from) {
  const headers = { ...from.headers, host: new URL(muster).host, "x-forwarded-method": from.method, "x-forwarded-uri": from.url };
  delete headers["content-length"];
  delete headers["accept-encoding"]; // the answer is read here
  return new Promise((resolve, reject) => {
    const asked = request(`${muster}/authz/forward?${query}`, { headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** Starts a platform in front of which every request needs `query`; `close()` ends it. */
export async function platform(muster, query) {
  const server = createServer(async (from, to) => {
    try {
      const answer = await ask(muster, query, from);
      if (answer.status >= 200 && answer.status < 300) {
        to.setHeader("content-type", "text/html; charset=utf-8");
        to.end(`<!doctype html><html lang="en"><title>Chat</title><h1>Hello ${answer.headers["x-muster-email"]}</h1>`);
        return;
      }
      for (const [name, value] of Object.entries(answer.headers)) {
        if (!["connection", "transfer-encoding", "content-length"].includes(name)) to.setHeader(name, value);
      }
      to.writeHead(answer.status);
      to.end(answer.body);
    } catch (error) {
      to.writeHead(502);
      to.end(String(error));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))) };
}
