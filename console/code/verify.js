const { createHmac, timingSafeEqual } = require("node:crypto");

function verify(secret, headers, body) {
  const timestamp = headers["x-webhook-timestamp"] ?? "";
  const age = Math.abs(Date.now() - Date.parse(timestamp));
  if (!(age < 5 * 60 * 1000)) return false;
  const want = createHmac("sha256", secret).update(timestamp + ".").update(body).digest();
  const got = Buffer.from(headers["x-webhook-signature"] ?? "", "hex");
  return got.length === want.length && timingSafeEqual(got, want);
}
