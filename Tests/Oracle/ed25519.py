"""Prints signatures of Ed25519 that a careless verifier accepts, one a line: what it is, key, message and signature.

For each of them one of two equations holds that RFC 8032 section 5.1.7 names: S B = R + h A, or that times 8, where points
may be written in any way and S may be any number. It is checked here, with arithmetic of its own, before it is printed.
"""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1)


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P,
    )


def multiply(n, point):
    result = ZERO
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def order(point):
    """1, 2, 4 or 8; 0 for more."""
    return next((n for n in (1, 2, 4, 8) if multiply(n, point) == ZERO), 0)


def encode(point, plus=0, sign=None):
    x, y = point
    assert y + plus < 2**255
    return ((y + plus) | (x & 1 if sign is None else sign) << 255).to_bytes(32, "little")


def decode(data):
    """The point that bytes stand for, canonical or not."""
    y = int.from_bytes(data, "little") & (2**255 - 1)
    sign = data[31] >> 7
    y %= P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P, y)


def sha(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def report(name, key, message, signature):
    a, r = decode(key), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    right = add(r, multiply(sha(signature[:32], key, message), a))
    assert multiply(8, multiply(s, BASE)) == multiply(8, right), name
    plain = multiply(s, BASE) == right
    print(f"{name} ({'plain' if plain else 'times 8'})", key.hex(), message.hex(), signature.hex(), sep="\t")


def scalar(number):
    return number.to_bytes(32, "little")


BASE = decode(encode((0, 4 * pow(5, -1, P) % P)))
if BASE[0] & 1:
    BASE = (-BASE[0] % P, BASE[1])
# Any point times L leaves what is of small order in it.
SMALL = set()
y = 2
while len(SMALL) < 8:
    point = decode(scalar(y))
    if point:
        torsion = multiply(L, point)
        SMALL |= {multiply(n, torsion) for n in range(8)}
    y += 1
SMALL = sorted(SMALL)
TORSION = next(point for point in SMALL if order(point) == 8)


def encodings(point):
    """Every way to write a point: y may be written as y + p, and the sign of x = 0 may be set."""
    signs = [point[0] & 1] if point[0] else [0, 1]
    return [encode(point, plus, sign) for plus in (0, P) if point[1] + plus < 2**255 for sign in signs]


SECRET, NONCE = 0x1234567890ABCDEF << 100, 0xFEDCBA0987654321 << 90
KEY, R = multiply(SECRET, BASE), multiply(NONCE, BASE)


def tried(key, r, condition):
    """The first message whose h is as it has to be."""
    for number in range(10000):
        message = b"message %d" % number
        if condition(sha(r, key, message)):
            return message
    raise AssertionError


for point in SMALL:
    for key in encodings(point):
        message = tried(key, encode(R), lambda h: h % order(point) == 0)
        report(f"key of order {order(point)}", key, message, encode(R) + scalar(NONCE))
        # R = 0 and S = 0: every byte but two is zero.
        message = tried(key, encode(ZERO), lambda h: h % order(point) == 0)
        report(f"key of order {order(point)}, R and S zero", key, message, encode(ZERO) + scalar(0))
    for r in encodings(point):
        h = sha(r, encode(KEY), b"message")
        report(f"R of order {order(point)}", encode(KEY), b"message", r + scalar(h * SECRET % L))

mixed = encode(add(KEY, TORSION))
message = tried(mixed, encode(R), lambda h: h % 8 == 0)
s = (NONCE + sha(encode(R), mixed, message) * SECRET) % L
report("key with a part of order 8", mixed, message, encode(R) + scalar(s))
message = tried(mixed, encode(R), lambda h: h % 8 != 0)
s = (NONCE + sha(encode(R), mixed, message) * SECRET) % L
report("key with a part of order 8", mixed, message, encode(R) + scalar(s))

r = encode(add(R, TORSION))
s = (NONCE + sha(r, encode(KEY), b"message") * SECRET) % L
report("R with a part of order 8", encode(KEY), b"message", r + scalar(s))

s = (NONCE + sha(encode(R), encode(KEY), b"message") * SECRET) % L
for times in range(1, (2**256 - s) // L + 1):
    if s + times * L < 2**256:
        report(f"S + {times} L", encode(KEY), b"message", encode(R) + scalar(s + times * L))
print("good", encode(KEY).hex(), b"message".hex(), (encode(R) + scalar(s)).hex(), sep="\t")
