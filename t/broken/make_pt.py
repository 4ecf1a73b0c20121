# SPDX-License-Identifier: MIT
"""Writes the broken .pt files of this folder, each named for its fault.  None needs torch."""
import io
import os
import struct
import zipfile

here = os.path.dirname(os.path.abspath(__file__))


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s


def tensor(kind=b"FloatStorage", key=b"0", n=b"K\x05", offset=b"K\x00", size=b"K\x05\x85", stride=b"K\x01\x85"):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text(b"storage") + b"ctorch\n" + kind + b"\n" + text(key)
            + text(b"cpu") + n + b"tQ" + offset + size + stride + b"\x89ccollections\nOrderedDict\n)RtR")


def pack(pickle, data=struct.pack("<5f", 0, 1, 2, 3, 4), order=b"little", names=None, method=zipfile.ZIP_STORED):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w", method) as z:
        for name, value in names or [("data.pkl", pickle), ("byteorder", order), ("data/0", data)]:
            z.writestr(zipfile.ZipInfo("x/" + name), value, method)
    return b.getvalue()


def pt(name, data):
    with open(os.path.join(here, "pt-%s.pt" % name), "wb") as f:
        f.write(data)


good = b"\x80\x02" + tensor() + b"."
whole = pack(good)
pt("cut", whole[:-1])
pt("cut-directory", whole[:-22] + whole[-22:-10] + struct.pack("<I", 40) + whole[-6:])
pt("outside", whole[:-6] + struct.pack("<I", 1 << 30) + whole[-2:])
pt("checksum", whole.replace(struct.pack("<f", 4), struct.pack("<f", 5)))
pt("compressed", pack(good + b" " * 100, method=zipfile.ZIP_DEFLATED))
pt("byteorder", pack(good, order=b"big"))
pt("no-pickle", pack(good, names=[("data/0", b"")]))
pt("no-storage", pack(good, names=[("data.pkl", good)]))
pt("storage-size", pack(good, data=bytes(16)))
pt("twice", pack(good, names=[("data.pkl", good), ("y/data.pkl", good)][:1] + [("data.pkl", good)]))
pt("system", pack(b"\x80\x02cos\nsystem\n" + text(b"true") + b"\x85R."))
pt("system-instead-of-ordered", pack(good.replace(b"collections\nOrderedDict", b"os\nsystem")))
pt("double", pack(b"\x80\x02" + tensor(kind=b"DoubleStorage") + b"."))
pt("matrix", pack(b"\x80\x02" + tensor(size=b"K\x05K\x01\x86", stride=b"K\x01K\x01\x86") + b"."))
pt("gaps", pack(b"\x80\x02" + tensor(size=b"K\x02\x85", stride=b"K\x02\x85") + b"."))
pt("beyond", pack(b"\x80\x02" + tensor(offset=b"K\x01") + b"."))
pt("negative", pack(b"\x80\x02" + tensor(size=b"J\xff\xff\xff\xff\x85") + b"."))
pt("two-tensors", pack(b"\x80\x02}(" + text(b"a") + tensor() + text(b"b") + tensor() + b"u."))
pt("more", pack(good[:-1] + b"0."))
pt("cut-pickle", pack(good[:60]))
pt("protocol", pack(b"\x80\x04" + good[2:]))
pt("long-name", pack(good.replace(text(b"0"), text(b"0" * 99))))
pt("empty", b"")
