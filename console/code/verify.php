function verify(string $secret, string $body): bool {
    $timestamp = $_SERVER['HTTP_X_WEBHOOK_TIMESTAMP'] ?? '';
    $at = strtotime($timestamp);
    if ($at === false || abs(time() - $at) > 300) {
        return false;
    }
    $want = hash_hmac('sha256', $timestamp . '.' . $body, $secret);
    return hash_equals($want, $_SERVER['HTTP_X_WEBHOOK_SIGNATURE'] ?? '');
}
// $body = file_get_contents('php://input');
