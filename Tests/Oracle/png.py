"""png.py FILE COLOUR...   prints the width and height of a PNG, then how many pixels have each of the colours (in hexadecimal)."""
import sys, zlib
data = open(sys.argv[1], "rb").read()
position, body = 8, b""
while position < len(data):
    length = int.from_bytes(data[position:position + 4], "big")
    kind, part = data[position + 4:position + 8], data[position + 8:position + 8 + length]
    if kind == b"IHDR":
        width, height, depth, colour = int.from_bytes(part[:4], "big"), int.from_bytes(part[4:8], "big"), part[8], part[9]
    if kind == b"IDAT":
        body += part
    position += length + 12
size = {2: 3, 6: 4}[colour]
raw, stride = zlib.decompress(body), width * size
previous, counts, dark = bytearray(stride), {}, 0
for line in range(height):
    start = line * (stride + 1)
    filter, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
    for i in range(stride):
        a = row[i - size] if i >= size else 0
        b = previous[i]
        c = previous[i - size] if i >= size else 0
        if filter == 1: row[i] = (row[i] + a) & 255
        elif filter == 2: row[i] = (row[i] + b) & 255
        elif filter == 3: row[i] = (row[i] + (a + b) // 2) & 255
        elif filter == 4:
            p = a + b - c
            pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
            row[i] = (row[i] + (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255
    for i in range(0, stride, size):
        pixel = bytes(row[i:i + 3])
        counts[pixel] = counts.get(pixel, 0) + 1
    previous = row
print(width, height)
for colour in sys.argv[2:]:
    print(counts.get(bytes.fromhex(colour), 0))
