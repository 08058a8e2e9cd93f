"""Quantises one GGUF file with llama.cpp's own library; a process of its own, since native code may abort.

python quantise.py LIBLLAMA SOURCE TARGET FTYPE THREADS
"""

import ctypes
import sys
from pathlib import Path


class Parameters(ctypes.Structure):
    """llama_model_quantize_params: its first two fields are stable, the rest is carried along unread."""

    _fields_ = (("nthread", ctypes.c_int32), ("ftype", ctypes.c_int32), ("rest", ctypes.c_uint8 * 504))


def quantise(library: Path, source: Path, target: Path, ftype: int, threads: int) -> int:
    """0 when `target` is written; `ftype` is a number of llama.cpp's enum llama_ftype."""
    llama = ctypes.CDLL(str(library))
    llama.llama_model_quantize_default_params.restype = Parameters
    llama.llama_model_quantize.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Parameters))
    llama.llama_backend_init()
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread = ftype, threads
    return int(llama.llama_model_quantize(bytes(source), bytes(target), ctypes.byref(parameters)))


if __name__ == "__main__":
    library, source, target, ftype, threads = sys.argv[1:]
    sys.exit(quantise(Path(library), Path(source), Path(target), int(ftype), int(threads)))
