"""numpy_roundtrip.py FOLDER: checks what tests/io/numpy_test.cc wrote there and writes the same arrays under FOLDER/back."""
import pathlib
import sys
import zipfile

import numpy as np

folder = pathlib.Path(sys.argv[1])
back = folder / "back"
back.mkdir()
types = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]


def expected(name):
    ramp = np.arange(24).reshape(2, 3, 4)
    return (ramp % 2 if name == "bool" else ramp).astype(name)


def check(array, name):
    assert array.dtype == name and array.flags.c_contiguous, (name, array.dtype)
    np.testing.assert_array_equal(array, expected(name))


for name in types:
    check(np.load(folder / f"{name}.npy"), name)
for archive in ["stored", "deflated", "stored64", "deflated64"]:
    assert zipfile.ZipFile(folder / f"{archive}.npz").testzip() is None
    with np.load(folder / f"{archive}.npz") as arrays:
        assert arrays.files == types, arrays.files
        for name in types:
            check(arrays[name], name)

for name in types:
    np.save(back / f"{name}.npy", expected(name))
    np.save(back / f"{name}_big.npy", expected(name).astype(np.dtype(name).newbyteorder(">")))
    np.save(back / f"{name}_fortran.npy", np.asfortranarray(expected(name)))
np.savez(back / "stored.npz", **{name: expected(name) for name in types})
np.savez_compressed(back / "deflated.npz", **{name: expected(name) for name in types})
