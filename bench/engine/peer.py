"""llama.cpp's own server until standard input closes: peer.py MODEL SLOTS CONTEXT. Prints its address and the seconds it took to load."""

import socket
import sys
import time

import xllamacpp

model, slots, context = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
params = xllamacpp.CommonParams()
params.model.path, params.port, params.warmup = model, port, True
params.n_parallel, params.n_ctx = slots, slots * context
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
started = time.perf_counter()
server = xllamacpp.Server(params)
print(server.listening_address, time.perf_counter() - started, flush=True)
sys.stdin.read()
