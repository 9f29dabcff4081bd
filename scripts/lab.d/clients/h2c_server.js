// A server that answers `Upgrade: h2c` with 101 and goes on in HTTP/2. Usage: node h2c_server.js HOST PORT
// Node's own HTTP/2 server takes over the connection once the preface comes; the answer to the request that
// asked for the upgrade is left to the client's next request.
const http2 = require("http2");
const net = require("net");

const [host, port] = process.argv.slice(2);
const inner = http2.createServer((request, response) => response.end("upgraded\n"));

net
  .createServer((socket) => {
    socket.once("data", (data) => {
      if (!/upgrade: h2c/i.test(data.toString("latin1"))) return socket.end("HTTP/1.1 426 Upgrade Required\r\n\r\n");
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
      inner.emit("connection", socket);
    });
  })
  .listen(Number(port), host);
