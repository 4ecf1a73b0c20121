# SPDX-License-Identifier: MIT
"""Writes the broken safetensors and GGUF files of this folder, each named for its fault."""
import json
import os
import struct

here = os.path.dirname(os.path.abspath(__file__))


def write(name, data):
    with open(os.path.join(here, name), "wb") as f:
        f.write(data)


def blob(header, data, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def st(name, header, data=bytes(16), length=None):
    write("safetensors-%s.safetensors" % name, blob(header, data, length))


def f32(shape, begin, end):
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


st("overlap", {"a": f32([2], 0, 8), "b": f32([3], 4, 16)})
st("hole", {"a": f32([2], 0, 8), "b": f32([1], 12, 16)})
st("cut", {"a": f32([8], 0, 32)})
st("cut-header", {"a": f32([4], 0, 16)}, length=1000)
st("huge-header", {"a": f32([4], 0, 16)}, length=1 << 60)
st("no-json", b'{"a":')
st("no-object", b"[]")
st("twice", b'{"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]},"a":{"dtype":"U8","shape":[16],"data_offsets":[0,16]}}')
st("dtype", {"a": {"dtype": "F99", "shape": [4], "data_offsets": [0, 16]}})
st("shape", {"a": f32([3], 0, 16)})
st("shape-overflow", {"a": f32([1 << 40, 1 << 40], 0, 16)})
st("shape-negative", {"a": f32([-4], 0, 16)})
st("rank", {"a": f32([1] * 8 + [4], 0, 16)})
st("offsets-backward", {"a": f32([4], 16, 0)})
st("metadata", {"__metadata__": {"a": 1}, "b": f32([4], 0, 16)})
write("safetensors-empty.safetensors", b"")


def text(s):
    return struct.pack("<Q", len(s)) + s


def value(key, kind, data):
    return text(key) + struct.pack("<I", kind) + data


def tensor(name=b"t", shape=(4,), kind=0, offset=0):
    return (text(name) + struct.pack("<I", len(shape)) + struct.pack("<%dQ" % len(shape), *shape)
            + struct.pack("<IQ", kind, offset))


def gguf(name, values=(), tensors=(), version=3, data=bytes(64), counts=None):
    n = counts or (len(tensors), len(values))
    head = b"GGUF" + struct.pack("<IQQ", version, *n) + b"".join(values) + b"".join(tensors)
    write("gguf-%s.gguf" % name, head + bytes(-len(head) % 32) + data)


u32 = value(b"k", 4, struct.pack("<I", 7))
gguf("version", version=1)
gguf("version-0", version=0)
gguf("big-endian", version=3 << 24)
gguf("values-count", [u32], counts=(0, 1 << 60))
gguf("tensors-count", [], [tensor()], counts=(1 << 60, 0))
gguf("cut-text", [value(b"k", 8, struct.pack("<Q", 1 << 62))])
gguf("cut-array", [value(b"k", 9, struct.pack("<IQ", 4, 1 << 61))])
gguf("cut-text-array", [value(b"k", 9, struct.pack("<IQ", 8, 2) + text(b"a") + struct.pack("<Q", 999))])
gguf("nested-array", [value(b"k", 9, struct.pack("<IQ", 9, 1) + struct.pack("<IQ", 4, 0))])
gguf("value-type", [value(b"k", 77, b"")])
gguf("bool", [value(b"k", 7, b"\x02")])
gguf("key-twice", [u32, u32])
gguf("key-control", [value(b"k\n", 4, struct.pack("<I", 7))])
gguf("alignment", [value(b"general.alignment", 4, struct.pack("<I", 24))])
gguf("tensor-twice", [], [tensor(), tensor()])
gguf("tensor-type", [], [tensor(kind=99, shape=(256,))])
gguf("tensor-type-old", [], [tensor(kind=31, shape=(32,))])
gguf("tensor-type-cut", [], [tensor(kind=16, shape=(256,))])
gguf("tensor-rank", [], [tensor(shape=(1, 1, 1, 1, 1))])
gguf("tensor-rows", [], [tensor(kind=2, shape=(33,))])
gguf("tensor-overflow", [], [tensor(shape=(1 << 40, 1 << 40))])
gguf("tensor-cut", [], [tensor(shape=(100,))])
gguf("tensor-offset", [], [tensor(offset=1 << 40)])
gguf("tensor-misaligned", [], [tensor(offset=4)])
write("gguf-magic.gguf", b"GGUG" + bytes(60))
write("gguf-old-magic.gguf", b"GGML" + bytes(60))
write("gguf-older-magic.gguf", b"tjgg" + bytes(60))
write("gguf-cut-header.gguf", b"GGUF\x03\x00\x00\x00\x01")
