"""One peer of the benchmark, in a process of its own.

Reads a job as JSON from stdin, does it, and writes one line of JSON to stdout.
"probe" tells what is installed here, "faiss_tune" which settings make FAISS
fastest on some of the documents; every other method loads two .npy files,
builds what it needs, searches once to warm up and then `reps` times with the
clock on. The ids found go to a file of int64, one row of k per query, -1 where
there is none, so that the driver can check them.

The environment decides the threads of BLAS and OpenMP; the driver sets it.
"""

import ctypes
import json
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor

BLOCK = 16384  # documents whose scores numpy holds at once


def loaded_blas():
    """The BLAS libraries mapped into this process: what really computes.

    A library that answers none of the questions below and is called libblas is
    the reference BLAS, tens of times slower than the others.
    """
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            paths = sorted({line.split(None, 5)[-1].strip() for line in maps if ".so" in line})
    except OSError:
        return []
    found = {}
    for path in paths:
        name = os.path.basename(path)
        if not any(word in name.lower() for word in ("blas", "mkl", "blis", "atlas")):
            continue
        one = {"library": name, "kind": "", "config": "", "core": "", "owner": ""}
        if "faiss" in path:
            one["owner"] = "faiss"
        elif "numpy" in path:
            one["owner"] = "numpy"
        try:
            lib = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix, suffix in (("openblas", ""), ("openblas", "64_"), ("scipy_openblas", ""), ("scipy_openblas", "64_")):
            config = getattr(lib, f"{prefix}_get_config{suffix}", None)
            if config is None:
                continue
            config.restype = ctypes.c_char_p
            one["kind"], one["config"] = "OpenBLAS", config().decode()
            core = getattr(lib, f"{prefix}_get_corename{suffix}", None)
            if core is not None:
                core.restype = ctypes.c_char_p
                one["core"] = core().decode()
            break
        if not one["kind"]:
            if "mkl" in name.lower():
                one["kind"] = "MKL"
            elif hasattr(lib, "bli_info_get_version_str"):
                one["kind"] = "BLIS"
            elif "atlas" in name.lower():
                one["kind"] = "ATLAS"
            elif name.startswith("libblas.so"):
                one["kind"] = "reference"
            else:
                continue  # a wrapper
        # Links to one library answer alike.
        found.setdefault((one["kind"], one["config"], one["owner"]), one)
    return list(found.values())


def probe():
    out = {"python": platform.python_version(), "prefix": sys.prefix, "executable": os.path.realpath(sys.executable)}
    try:
        import numpy as np

        out["numpy"] = np.__version__
        x = np.ones((64, 64), np.float32)
        x @ x
    except ImportError:
        return out
    try:
        import faiss

        out["faiss"] = faiss.__version__
        if hasattr(faiss, "get_compile_options"):
            out["faiss_options"] = faiss.get_compile_options().strip()
        flat = faiss.IndexFlatIP(64)
        flat.add(x)
        flat.search(x, 1)
    except ImportError:
        pass
    try:
        import usearch

        out["usearch"] = usearch.__version__
        import usearch.compiled as compiled

        if hasattr(compiled, "hardware_acceleration_available"):
            out["usearch_options"] = str(compiled.hardware_acceleration_available())
    except ImportError:
        pass
    out["blas"] = loaded_blas()
    return out


def load(path, rows):
    """The first rows of a file as an array that owns its memory, all if rows is 0."""
    import numpy as np

    x = np.load(path, mmap_mode="r")
    return np.array(x[:rows] if rows else x)


def as_float(x):
    import numpy as np

    return np.ascontiguousarray(x, dtype=np.float32)


def faiss_flat(job, docs, queries):
    """An exact index of FAISS. config "split" gives every thread its own
    queries (its own documents when there are fewer queries than threads) and
    one OpenMP thread; "default" calls search once and leaves it to FAISS."""
    import faiss
    import numpy as np

    for name, value in job.get("settings", {}).items():
        setattr(faiss.cvar, name, value)
    dim, k = docs.shape[1], job["k"]

    def index(rows):
        if docs.dtype == np.uint8:
            x = faiss.IndexBinaryFlat(8 * dim)
            x.add(rows)
            return x
        metric = faiss.METRIC_L2 if job["similarity"] == "l2" else faiss.METRIC_INNER_PRODUCT
        if docs.dtype == np.float32:
            x = faiss.IndexFlat(dim, metric)
        elif docs.dtype == np.float16:
            x = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, metric)
        else:
            x = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit_direct_signed, metric)
        rows = as_float(rows)
        if not x.is_trained:
            x.train(rows)
        x.add(rows)
        return x

    queries = queries if docs.dtype == np.uint8 else as_float(queries)
    threads = job["threads"]
    if job["config"] == "default" or threads == 1:
        whole = index(docs)
        if job["config"] != "default":
            faiss.omp_set_num_threads(1)
        return lambda: whole.search(queries, k)[1]
    pool = ThreadPoolExecutor(threads, initializer=lambda: faiss.omp_set_num_threads(1))
    if len(queries) >= threads:
        whole = index(docs)
        parts = np.array_split(queries, threads)
        return lambda: np.concatenate([i for _, i in pool.map(lambda q: whole.search(q, k), parts)])
    cuts = np.linspace(0, len(docs), threads + 1).astype(int)
    shards = [index(docs[a:b]) for a, b in zip(cuts, cuts[1:])]
    nearest_last = docs.dtype != np.uint8 and job["similarity"] != "l2"

    def search():
        found = list(pool.map(lambda x: x.search(queries, k), shards))
        scores = np.concatenate([s for s, _ in found], axis=1)
        ids = np.concatenate([np.where(i < 0, i, i + a) for (_, i), a in zip(found, cuts)], axis=1)
        order = np.argsort(-scores if nearest_last else scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(ids, order, 1)

    return search


def tune_faiss(job, docs, queries):
    """The fastest of FAISS's settings for exact search, one after the other.

    Below the threshold FAISS computes without BLAS; it counts queries in old
    releases and something larger in new ones, whose default leaves BLAS out
    where it would be several times faster. A reservoir takes the place of a heap
    from the k on that the last setting names.
    """
    import faiss

    search = faiss_flat(job, docs, queries)
    clock = time.process_time if job["threads"] == 1 else time.perf_counter

    def least():
        times = []
        for _ in range(job["reps"]):
            start = clock()
            search()
            times.append(clock() - start)
        return min(times)

    search()
    best, settings = least(), {}
    for name, values in (
        ("distance_compute_blas_threshold", (1,)),
        ("distance_compute_blas_database_bs", (256, 4096, 16384)),
        ("distance_compute_min_k_reservoir", (1,) if job["k"] < 100 else (1 << 30,)),
    ):
        if not hasattr(faiss.cvar, name):
            continue
        keep = getattr(faiss.cvar, name)
        for value in values:
            setattr(faiss.cvar, name, value)
            took = least()
            if took < job["worth"] * best:
                best, keep, settings[name] = took, value, value
        setattr(faiss.cvar, name, keep)
    return {"settings": settings}


def faiss_hnsw(job, docs, queries):
    """HNSW of FAISS: approximate, so its recall is part of the result."""
    import faiss

    if os.path.exists(job["index"]):
        x = faiss.read_index(job["index"])
    else:
        x = faiss.IndexHNSWFlat(docs.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
        x.hnsw.efConstruction = 100
        x.add(as_float(docs))
        faiss.write_index(x, job["index"])
    x.hnsw.efSearch = job["ef"]
    faiss.omp_set_num_threads(job["threads"])
    queries = as_float(queries)
    return lambda: x.search(queries, job["k"])[1]


def sgemm(_job, docs, queries):
    """The products alone, with no best k: no search by BLAS is faster."""
    if len(queries) == 1:
        q = queries[0].copy()

        def search():
            docs @ q
    else:

        def search():
            for b in range(0, len(docs), BLOCK):
                queries @ docs[b : b + BLOCK].T

    return search


def partition(job, docs, queries):
    """What one writes with numpy: blocks of products, then argpartition."""
    import numpy as np

    k = job["k"]

    def search():
        step = len(docs) if len(queries) == 1 else BLOCK
        scores = np.empty((len(queries), 0), np.float32)
        ids = np.empty((len(queries), 0), np.int64)
        for b in range(0, len(docs), step):
            block = docs[b : b + step]
            s = (block @ queries[0])[None, :] if len(queries) == 1 else queries @ block.T
            n = min(k, s.shape[1])
            best = np.argpartition(s, s.shape[1] - n, axis=1)[:, s.shape[1] - n :]
            scores = np.concatenate([scores, np.take_along_axis(s, best, 1)], 1)
            ids = np.concatenate([ids, best + b], 1)
        order = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k :]
        scores, ids = np.take_along_axis(scores, order, 1), np.take_along_axis(ids, order, 1)
        return np.take_along_axis(ids, np.argsort(-scores, axis=1, kind="stable"), 1)

    return search


def usearch_exact(job, docs, queries):
    import numpy as np
    from usearch.index import MetricKind, search

    metric = {"ip": MetricKind.IP, "l2": MetricKind.L2sq}[job["similarity"]]
    if docs.dtype == np.uint8:
        metric = MetricKind.Hamming
    else:
        queries = queries.astype(docs.dtype)

    def run():
        found = search(docs, queries, job["k"], metric, exact=True, threads=job["threads"])
        return np.asarray(found.keys).astype(np.int64).reshape(len(queries), -1)

    return run


METHODS = {
    "faiss": faiss_flat,
    "faiss_hnsw": faiss_hnsw,
    "sgemm": sgemm,
    "numpy": partition,
    "usearch": usearch_exact,
}


def main():
    job = json.load(sys.stdin)
    if job["method"] == "probe":
        json.dump(probe(), sys.stdout)
        print()
        return
    import numpy as np

    start = time.perf_counter()
    docs = load(job["docs"], job.get("doc_rows", 0))
    queries = load(job["queries"], job.get("query_rows", 0))
    loaded = time.perf_counter()
    if job["method"] == "faiss_tune":
        json.dump(tune_faiss(job, docs, queries), sys.stdout)
        print()
        return
    search = METHODS[job["method"]](job, docs, queries)
    built = time.perf_counter()
    found = search()
    wall, cpu = [], []
    for _ in range(job["reps"]):
        w, c = time.perf_counter(), time.process_time()
        found = search()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    if job.get("ids") and found is not None:
        np.ascontiguousarray(found, dtype=np.int64).tofile(job["ids"])
    out = {"load": loaded - start, "build": built - loaded, "wall": wall, "cpu": cpu, "blas": loaded_blas()}
    json.dump(out, sys.stdout)
    print()


if __name__ == "__main__":
    main()
