#!/usr/bin/python3
"""Writes the seed corpora, fuzz/corpus/<parser>/: honest files as NumPy and the standard library make them, and hostile ones.

Names tell what must come of them: ok_* are read, bad_* are refused (tests/io/corpus_test.cc holds the parsers to it).
The same bytes on every run with the same NumPy.
"""
import gzip
import io
import pathlib
import shutil
import struct
import zipfile
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent / "corpus"
FIRST_DAY = (1980, 1, 1, 0, 0, 0)


def put(parser, name, content):
    path = ROOT / parser / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def npy(array, version=None, pickle=False):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asanyarray(array), version=version, allow_pickle=pickle)
    return out.getvalue()


def raw_npy(header, data=b"", version=(1, 0)):
    length = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header.encode() + data


def described(descr="'<f4'", order="False", shape="(3,)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def npy_seeds():
    ramp = np.arange(12).reshape(3, 4)
    for code in ["?", "i1", "u1"]:
        put("npy", f"ok_{np.dtype(code).name}.npy", npy((ramp % 2 if code == "?" else ramp).astype(code)))
    for code in ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8"]:
        for order, word in [("<", "little"), (">", "big")]:
            put("npy", f"ok_{np.dtype(code).name}_{word}.npy", npy((ramp - 5).astype(order + code)))
    put("npy", "ok_fortran.npy", npy(np.asfortranarray(np.arange(24, dtype="<f4").reshape(2, 3, 4))))
    put("npy", "ok_fortran_big.npy", npy(np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3))))
    put("npy", "ok_scalar.npy", npy(np.float64(2.5)))
    put("npy", "ok_empty.npy", npy(np.zeros((0, 10), "<f4")))
    put("npy", "ok_version2.npy", npy(ramp.astype("<f4"), (2, 0)))
    put("npy", "ok_version3.npy", npy(ramp.astype("<f4"), (3, 0)))
    put("npy", "ok_python2_long.npy", raw_npy(described(shape="(3L,)"), bytes(12)))
    put("npy", "ok_32_axes.npy", raw_npy(described(shape="(" + "1," * 32 + ")"), bytes(4)))
    put("npy", "ok_special.npy", npy(np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])))

    good = npy(ramp.astype("<f4"))
    for name, content in {
        "empty": b"", "magic_only": good[:6], "no_length": good[:9], "half_header": good[:40],
        "truncated": good[:-1], "no_data": good[:128], "trailing": good + b"\0", "two_arrays": good + good,
        "version0": good[:6] + b"\0" + good[7:], "version9": good[:6] + b"\x09" + good[7:],
        "object": npy(np.array([{"a": 1}, None]), pickle=True),
        "structured": npy(np.zeros(2, [("a", "<f4"), ("b", "<i8")])),
        "complex": npy(np.zeros(2, "<c8")), "string": npy(np.array([b"abc"])), "unicode": npy(np.array(["abc"])),
        "datetime": npy(np.array(["2020-01-01"], "M8[D]")), "void": npy(np.zeros(2, "V2")),
        "longdouble": npy(np.zeros(2, np.longdouble)), "bool_of_2": raw_npy(described("'|b1'"), b"\0\1\2"),
        "lying_shape": raw_npy(described(shape="(1000000000000,)"), bytes(12)),
        "overflow": raw_npy(described(shape="(4294967296, 4294967296)"), bytes(12)),
        "overflow_to_12": raw_npy(described("'|u1'", shape="(12297829382473034411, 3, 4)"), bytes(12)),
        "overflow_times_0": raw_npy(described(shape="(0, 18446744073709551615, 18446744073709551615)")),
        "axis_past_64_bits": raw_npy(described(shape="(99999999999999999999999,)"), bytes(12)),
        "33_axes": raw_npy(described(shape="(" + "1," * 33 + ")"), bytes(4)),
        "negative_axis": raw_npy(described(shape="(-3,)"), bytes(12)), "no_tuple": raw_npy(described(shape="(3)"), bytes(12)),
        "float_axis": raw_npy(described(shape="(3.0,)"), bytes(12)), "odd_order": raw_npy(described("'|f4'"), bytes(12)),
        "f3": raw_npy(described("'<f3'"), bytes(12)), "empty_descr": raw_npy(described("''"), bytes(12)),
        "order_only": raw_npy(described("'<'"), bytes(12)), "code": raw_npy("__import__('os').system('id')\n"),
        "no_shape": raw_npy("{'descr': '<f4', 'fortran_order': False}\n", bytes(12)),
        "twice": raw_npy("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (3,)}\n", bytes(12)),
        "extra_key": raw_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}\n", bytes(12)),
        "after_dict": raw_npy(described()[:-1] + "x", bytes(12)), "empty_header": raw_npy(""),
        "unfinished": raw_npy("{'descr': '<f4"), "nul": raw_npy("{\0}"),
        "long_header": b"\x93NUMPY\x02\0\xff\xff\xff\xff{}",
    }.items():
        put("npy", f"bad_{name}.npy", content)


def archive(members, method=zipfile.ZIP_STORED, zip64=False, streamed=False):
    out = io.BytesIO()
    sink = out
    if streamed:  # A file that cannot seek makes zipfile write data descriptors.
        class Pipe(io.RawIOBase):
            def writable(self):
                return True

            def write(self, data):
                return out.write(data)
        sink = Pipe()
    with zipfile.ZipFile(sink, "w") as file:
        for name, content in members:
            info = zipfile.ZipInfo(name, FIRST_DAY)
            info.compress_type = method
            with file.open(info, "w", force_zip64=zip64) as member:
                member.write(content)
    return out.getvalue()


def end_of(data):
    return data.rindex(b"PK\5\6")


def patched(data, signature, offset, fmt, value):
    at = data.index(signature) + offset
    return data[:at] + struct.pack(fmt, value) + data[at + struct.calcsize(fmt):]


def npz_seeds():
    a = npy(np.arange(12, dtype="<f4").reshape(3, 4))
    b = npy(np.arange(3, dtype="<i8"))
    pair = [("a.npy", a), ("labels.npy", b)]
    stored, deflated = archive(pair), archive(pair, zipfile.ZIP_DEFLATED)
    for name, content in {
        "stored": stored, "deflated": deflated, "none": archive([]), "zip64": archive(pair, zip64=True),
        "zip64_deflated": archive(pair, zipfile.ZIP_DEFLATED, True),
        "descriptors": archive(pair, zipfile.ZIP_DEFLATED, streamed=True),
        "descriptors_stored": archive(pair, streamed=True), "one": archive([("x.npy", b)]),
        "unicode": archive([("größe.npy", b)]), "comment": stored[:end_of(stored) + 20] + b"\3\0abc",
        "zeros": archive([("z.npy", npy(np.zeros(4096, "<f4")))], zipfile.ZIP_DEFLATED),
    }.items():
        put("npz", f"ok_{name}.npz", content)

    # All 32-bit fields of the directory and its end say "see zip64".
    entry = stored.index(b"PK\1\2")
    one = archive([("x.npy", b)])
    entry, end = one.index(b"PK\1\2"), end_of(one)
    record = bytearray(one[entry:end])
    record[20:28] = b"\xff" * 8
    record[42:46] = b"\xff" * 4
    record[30:32] = struct.pack("<H", 28)
    record += struct.pack("<HHQQQ", 1, 24, len(b), len(b), 0)
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(record), entry)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, entry + len(record), 1)
    last = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    full64 = one[:entry] + bytes(record) + end64 + locator + last
    put("npz", "ok_zip64_directory.npz", full64)

    # Two entries that point at the same member.
    entries = one[entry:end] + one[entry:end].replace(b"x.npy", b"x.npy")
    overlap = one[:entry] + entries + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, len(entries), entry, 0)
    # A member of 1 GiB of zeros, declared truly or as small; and one whose declared size no deflate reaches.
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeeze.compress(bytes(1 << 20)) + squeeze.flush()
    zeros = archive([("z.npy", npy(np.zeros(4096, "<f4")))], zipfile.ZIP_DEFLATED)
    hollow = archive([("z.npy", bomb)])
    for signature, method_at, size_at in [(b"PK\3\4", 8, 22), (b"PK\1\2", 10, 24)]:
        hollow = patched(patched(hollow, signature, method_at, "<H", 8), signature, size_at, "<I", 128)
    wrong_crc = patched(stored, b"PK\1\2", 16, "<I", 1)
    for name, content in {
        "empty": b"", "end_only_cut": stored[-10:], "truncated": stored[:-30], "no_end": stored[:end_of(stored)],
        "overlap": overlap, "bomb_says_small": hollow, "says_huge": patched(zeros, b"PK\1\2", 24, "<I", 0xFFFFFFF0),
        "says_zip64_huge": full64.replace(struct.pack("<QQ", len(b), len(b)), struct.pack("<QQ", 1 << 62, len(b))),
        "wrong_crc": wrong_crc, "encrypted": patched(stored, b"PK\1\2", 8, "<H", 1),
        "bzip2": archive(pair, zipfile.ZIP_BZIP2), "lzma": archive(pair, zipfile.ZIP_LZMA),
        "offset_past_end": patched(stored, b"PK\1\2", 42, "<I", 0x7FFFFFFF),
        "count_lies": patched(stored, b"PK\5\6", 10, "<H", 9), "size_lies": patched(stored, b"PK\5\6", 12, "<I", 0xFFFFFF),
        "directory_past_end": patched(stored, b"PK\5\6", 16, "<I", 0xFFFFFF),
        "other_local_name": patched(stored, b"PK\3\4", 30, "<c", b"Z"),
        "corrupt_deflate": patched(deflated, b"PK\3\4", 37, "<I", 0xDEADBEEF),
        "object": archive([("o.npy", npy(np.array([None]), pickle=True))]),
        "text": archive([("readme.txt", b"hello")]), "twice": archive_twice(b),
        "pytorch": archive([("model/data.pkl", b"\x80\x02}q\0."), ("model/data/0", bytes(16))]),
        "member_truncated": archive([("a.npy", a[:-3])]), "escape_name": archive([("\x1b[2J.npy", b"")]),
    }.items():
        put("npz", f"bad_{name}.npz", content)


def archive_twice(content):
    # "y" renamed to "x" everywhere: two apart members of one name.
    return archive([("x.npy", content), ("y.npy", content)]).replace(b"y.npy", b"x.npy")


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + data


def zipped(data):
    return gzip.compress(data, mtime=0)


def idx_seeds():
    labels, images = idx(8, [5], bytes(range(5))), idx(8, [2, 3, 4], bytes(range(24)))
    for code, word in [(8, ">u1"), (9, ">i1"), (0xB, ">i2"), (0xC, ">i4"), (0xD, ">f4"), (0xE, ">f8")]:
        values = (np.arange(6) - (3 if code != 8 else 0)).astype(word)
        put("idx", f"ok_{values.dtype.name}.idx", idx(code, [2, 3], values.tobytes()))
    for name, content in {
        "labels": labels, "images": images, "labels.gz": zipped(labels), "images.gz": zipped(images),
        "members.gz": zipped(images[:20]) + zipped(b"") + zipped(images[20:]), "none": idx(8, [0, 28, 28], b""),
        "zeros.gz": zipped(idx(8, [64, 64], bytes(4096))),
    }.items():
        put("idx", f"ok_{name}", content)
    crc = bytearray(zipped(images))
    crc[-8] ^= 1
    for name, content in {
        "empty": b"", "magic": images[:4], "half_header": images[:9], "truncated": images[:-1], "trailing": images + b"x",
        "type": idx(0xA, [1], b"x"), "no_axes": idx(8, [], b"x"), "first_bytes": b"\1" + images[1:],
        "33_axes": idx(8, [1] * 33, b"x"), "huge": idx(0xE, [0xFFFFFFFF] * 2, b""), "overflow": idx(0xE, [0xFFFFFFFF] * 4, b""),
        "overflow_times_0": idx(8, [0] + [0xFFFFFFFF] * 3, b""),
        "huge.gz": zipped(idx(8, [0xFFFFFFFF], b"abc")), "more.gz": zipped(images + b"x"), "less.gz": zipped(images[:-1]),
        "truncated.gz": zipped(images)[:-12], "crc.gz": bytes(crc), "garbage_after.gz": zipped(images) + b"garbage",
        "bomb.gz": zipped(idx(8, [5], bytes(1 << 20))), "text.gz": zipped(b"not idx"), "header_only.gz": b"\x1f\x8b\x08",
    }.items():
        put("idx", f"bad_{name}", content)


def csv_seeds():
    for name, content in {
        "numbers": "1,2.5,-3e-2\n4,nan,inf\n", "header": "a,b\n1,2\n3,4\n", "semicolon": "x;y\n1,5;2,5\n",
        "tab": "1\t2\n3\t4\n", "pipe": "1|2\n3|4", "one_column": "1\n2\n3\n", "crlf": "a,b\r\n1,2\r\n", "cr": "1,2\r3,4\r",
        "bom": "\ufeffid,score\n1,0.5\n", "quotes": 'name,say\n"a ""b"" c","x,\ny"\n', "no_newline": "1,2",
        "trailing_blank": "1,2\n\n\n", "unicode": "größe\n1\n", "empty_cells": ",,\n,,\n", "spaces": " 1 , 2 \n",
        "missing_first": "?\n2\n", "long": "0.123456789\n" * 50, "out_of_range": "1e999\n", "quoted_empty": '""\n""\n',
    }.items():
        put("csv", f"ok_{name}.csv", content)
    for name, content in {
        "empty": b"", "bom_only": b"\xef\xbb\xbf", "blank_lines": "\n\n", "ragged": "1,2\n3\n", "nul": b"1,\0\n",
        "utf16": "1,2\n".encode("utf-16"), "open_quote": '1,"2\n3', "after_quote": '"1"x,2\n', "blank_between": "1,2\n\n3,4\n",
    }.items():
        put("csv", f"bad_{name}.csv", content)


def json_seeds():
    for name, content in {
        "object": '{"a": [1, 2.5, -3e-7, true, null], "b": {"c": "\\u00fc\\n"}}', "number": "1", "string": '"x"',
        "deep": "[" * 100 + "]" * 100, "brackets_in_string": '"' + "[" * 200 + '"', "big_integer": "18446744073709551616",
        "twice": '{"a": 1, "a": 2}', "surrogates": '"\\ud83d\\ude00"',
    }.items():
        put("json", f"ok_{name}.json", content)
    for name, content in {
        "empty": "", "open": '{"a": ', "comma": "[1,]", "too_deep": "[" * 101 + "]" * 101, "very_deep": "[" * 50000,
        "range": "1e999", "utf8": b'"\xff"', "lone_surrogate": '"\\ud800"', "trailing": "{} x", "nan": "NaN", "control": '"\x01"',
        "comment": "{} // no", "escape": '"\\x41"',
    }.items():
        put("json", f"bad_{name}.json", content)


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    npy_seeds()
    npz_seeds()
    idx_seeds()
    csv_seeds()
    json_seeds()
