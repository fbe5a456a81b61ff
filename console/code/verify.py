import hashlib, hmac
from datetime import datetime, timezone

def verify(secret, headers, body):
    timestamp = headers.get("X-Webhook-Timestamp", "")
    try:
        age = abs((datetime.now(timezone.utc) - datetime.fromisoformat(timestamp)).total_seconds())
    except (ValueError, TypeError):
        return False
    if age > 300:
        return False
    want = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(want.encode(), headers.get("X-Webhook-Signature", "").encode())
