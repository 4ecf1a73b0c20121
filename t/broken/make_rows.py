# SPDX-License-Identifier: MIT
"""Writes the broken files of rows of this folder, each named for its fault."""
import bz2
import gzip
import io
import lzma
import os
import zipfile
import zlib

here = os.path.dirname(os.path.abspath(__file__))
one, two = b'{"id":1,"prompt":"p","completion":"c"}', b'{"id":2,"prompt":"q","completion":"d"}'
lines = one + b"\n" + two + b"\n"


def write(name, data):
    with open(os.path.join(here, "rows-" + name), "wb") as f:
        f.write(data)


write("array-cut.json", b"[\n" + one + b",\n" + two[:20])
write("array-open.json", b"\n[" + one + b",\n" + two + b"\n")
write("array-no-comma.json", b"[" + one + b"\n" + two + b"]")
write("array-last-comma.json", b"[" + one + b",\n" + two + b",\n]")
write("array-bracket.json", b"[" + one + b',\n{"a":[1}]')
write("array-quote.json", b"[" + one + b',\n{"a":"x},\n' + two + b"]")
write("array-text-behind.json", b"[" + one + b"]\nx\n")
write("array-number.json", b"[" + one + b",\n 7]")
write("array-twelve.json", b"[" + one + b',{"a":1 2}]')
write("object-cut.json", one + b"\n{\n" + two[1:20] + b"\n")
write("object-open.json", b"{\n" + one[1:-1] + b"\n")
write("text.jsonl", b"Not Found\n")
write("remark.jsonl", b"# made by hand\n\n" + lines)
write("separators.csv", b"id,prompt;completion\n1,2;3\n")
write("header-twice.csv", b"id;text;id\n1;2;3\n")
write("header-only.csv", b"\xef\xbb\xbfid;prompt;completion\r\n")

many = [b"".join(b'{"id":%d,"prompt":"p","completion":"c"}\n' % i for i in range(9 * k, 9 * k + 9)) for k in range(2)]
packed, more = [gzip.compress(x, mtime=0) for x in many]
write("cut.gz", packed[:-3])
write("second-cut.gz", packed + more[:12])
write("checksum.gz", packed[:-8] + bytes(4) + packed[-4:])
write("length.gz", packed[:-4] + bytes(4))
write("text-behind.gz", packed + many[1])
packed, more = [lzma.compress(x) for x in many]
write("cut.xz", packed[:-3])
write("corrupt.xz", packed[:40] + bytes(1) + packed[41:])
write("padding.xz", packed + bytes(5) + more)
write("text-behind.xz", packed + many[1])
# A block's header names its dictionary, and has a checksum.
wide = bytearray(packed)
end = 12 + 4 * wide[12]
wide[16] = 39
wide[end : end + 4] = zlib.crc32(wide[12:end]).to_bytes(4, "little")
write("memory.xz", wide)

write("parquet.jsonl", b"PAR1\x15\x04\x15\x00\x15\x02")
write("arrow.jsonl", b"ARROW1\0\0\xff\xff\xff\xff\x78\1\0\0")
write("arrow-stream.jsonl", b"\xff\xff\xff\xff\x78\1\0\0\x10\0\0\0\0\0")
write("bzip2.jsonl", bz2.compress(lines))
names = io.BytesIO()
with zipfile.ZipFile(names, "w") as z:
    z.writestr(zipfile.ZipInfo("a.jsonl"), lines)
write("zip.jsonl", names.getvalue())
write("utf16.jsonl", lines.decode().encode("utf-16-le"))
write("utf16-bom.csv", b"\xff\xfe" + "id,text\r\n1,2\r\n".encode("utf-16-le"))
write("utf32.jsonl", lines.decode().encode("utf-32-be"))
write("lfs.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12\n" % 0)
write("page.jsonl", b"\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>\n")
