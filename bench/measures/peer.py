"""Evaluates a run with pytrec_eval, as one does from Python: load both files,
evaluate, print the mean of every measure.

    peer.py QRELS RUN OUT [MEASURE...]

Writes {"measure": mean} to OUT as JSON. Queries are those that judgments and
run share; num_* and runid are left out of the means.
"""

import json
import sys

import pytrec_eval


def main(qrels_path, run_path, out_path, *measures):
    with open(qrels_path, encoding="utf-8") as f:
        qrels = pytrec_eval.parse_qrel(f)
    with open(run_path, encoding="utf-8") as f:
        run = pytrec_eval.parse_run(f)
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(measures))
    results = evaluator.evaluate(run)
    names = sorted(next(iter(results.values())))
    means = {
        name: pytrec_eval.compute_aggregated_measure(
            name, [values[name] for values in results.values()]
        )
        for name in names
    }
    with open(out_path, "w", encoding="utf-8") as f:
        json.dump({"queries": len(results), "means": means}, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
