"""Compares "xlrun eval" with the evaluation tools on PyPI, query by query.

    parity.py XLRUN [-queries N] [-seed N] [-verbose]

Random queries are judged and ranked in every way that tools are known to treat
differently: equal scores, scores that only 64 bits tell apart, grades from -2
to 4, documents that nobody judged, queries without relevant documents, empty
rankings, queries that one side lacks, cutoffs beyond the end. Each tool gets
the same data as xlrun, and every value is compared at full precision.

A value counts as

  equal      the same within TOLERANCE (sums in another order), or both absent
  explained  different under the tool's own rule, which has a name in
             CONVENTIONS; and xlrun gives the tool's value as soon as it is
             given the data as that rule sees them, or the rule is computed here
  different  anything else, which fails

Every convention must explain something and every measure must be compared with
at least MINIMUM queries, or the comparison itself has gone wrong.

What the tools cannot be given is left out: pytrec_eval reads foreign memory
where all judgments are negative or a ranking is empty, and the provider
accuracy divides by zero where all documents are relevant.
"""

import argparse
import collections
import json
import logging
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings

TOLERANCE = 1e-12
MINIMUM = 200
MINIMUM_ACCURACY = 75  # has a value only where a relevant document is retrieved

CONVENTIONS = {
    "ties ascending": "equal scores are ordered by ascending document id (trec_eval: descending)",
    "ties as given": "equal scores keep the order of the input",
    "ties as sorted by ranx": "equal scores have the order that NumPy's unstable sort leaves",
    "precision of nothing": "interpolated precision of a ranking that -J left empty is 0/0",
    "five decimals": "values are printed with five decimals",
    "missing is default": "a query that the run lacks has the default of the measure, 0 or none, in every measure (trec_eval -c: what an empty ranking has)",
    "order of judgments": "Compat's ideal ranking takes equal scores in the order of the judgments, and documents that were not retrieved as if they had the score 0",
    "AP over what was found": "cwl_eval divides the sum of precisions by the relevant documents retrieved, not by all",
}


class Data:
    """Judgments and rankings; documents of a ranking in the order of the file."""

    def __init__(self, qrels, run):
        self.qrels, self.run = qrels, run

    def ordered(self, key):
        """The same with the order that key gives, by scores without ties."""
        run = {}
        for query, ranking in self.run.items():
            docs = key(query, ranking)
            run[query] = {doc: float(len(docs) - i) for i, doc in enumerate(docs)}
        return Data(self.qrels, run)


def ascending64(_, ranking):
    return sorted(sorted(ranking), key=lambda d: -ranking[d])


def as_given(_, ranking):
    return sorted(ranking, key=lambda d: -ranking[d])


def without_crashes(data):
    """What pytrec_eval survives: judgments that are all negative, and an empty
    ranking, make it read memory that is not its own."""
    qrels = {q: j for q, j in data.qrels.items() if max(j.values()) >= 0}
    return Data(qrels, {q: r for q, r in data.run.items() if r and q not in data.qrels.keys() - qrels.keys()})


def make_data(count, seed):
    rng = random.Random(seed)
    qrels, run = {}, {}
    for n in range(count):
        # gdeval takes queries with numbers only.
        query = str(n + 1)
        docs = [f"d{rng.randrange(10**6):06d}" for _ in range(60)]
        docs = list(dict.fromkeys(docs))
        kind = n % 10
        grades = [[0, 1], [0, 1, 2, 3, 4], [-2, -1, 0, 1, 2], [0, 0, 0, 1], [1, 2, 3], [0], [-1, 0], [0, 1, 1, 4]][rng.randrange(8)]
        judged = rng.sample(docs, rng.choice([1, 2, 5, 10, 30]))
        qrels[query] = {doc: rng.choice(grades) for doc in judged}
        retrieved = rng.sample(docs, rng.choice([1, 2, 3, 5, 10, 25, 50]))
        base = rng.uniform(-5, 50)
        ranking = {}
        for doc in retrieved:
            if kind < 3:  # equal scores
                score = float(rng.randrange(1, 4))
            elif kind < 5:  # 32 bits do not tell them apart
                score = 1.0 + rng.randrange(6) * 1e-9
            elif kind == 5:  # all equal
                score = base
            elif kind == 6:  # negative and tiny
                score = rng.choice([-1.5, -0.0, 0.0, 1e-300, -1e-300, 5e-324])
            else:
                score = base + rng.gauss(0, 1)
            ranking[doc] = score
        if n % 37 == 5:
            ranking = {}
        run[query] = ranking
        if n % 41 == 7:
            del qrels[query]
        elif n % 43 == 9:
            del run[query]
    return Data(qrels, run)


class XLRun:
    """The command, with what it said before."""

    def __init__(self, path):
        self.path, self.memory = path, {}

    def evaluate(self, data, measures, *options):
        """Values by query and measure; measures under all of their names."""
        key = (id(data), tuple(measures), options)
        if key in self.memory:
            return self.memory[key][1]
        with tempfile.TemporaryDirectory() as folder:
            qrels, run = os.path.join(folder, "qrels"), os.path.join(folder, "run")
            with open(qrels, "w", encoding="utf-8") as f:
                for query, judged in data.qrels.items():
                    f.writelines(f"{query} 0 {doc} {grade}\n" for doc, grade in judged.items())
            with open(run, "w", encoding="utf-8") as f:
                for query, ranking in data.run.items():
                    f.writelines(f"{query} Q0 {doc} {i} {score!r} parity\n" for i, (doc, score) in enumerate(ranking.items()))
            command = [self.path, "eval", "-json", "-q", "-c", *options]
            for measure in measures:
                command += ["-m", measure]
            done = subprocess.run([*command, qrels, run], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        doc = json.loads(done.stdout)
        names = {m["name"]: [m["name"], m.get("trec_eval")] for m in doc["measures"]}
        if len(measures) == len(doc["measures"]):  # in the order in which they were asked for
            names = {m["name"]: [asked] for asked, m in zip(measures, doc["measures"])}
        out = {}
        for q in doc["runs"][0]["by_query"]:
            out[q["query"]] = {alias: value for name, value in q["values"].items() for alias in names[name] if alias}
        self.memory[key] = (data, out)  # data is kept, so that its id stays its own
        return out


def same(a, b, tolerance=TOLERANCE):
    missing = [x is None or isinstance(x, float) and math.isnan(x) for x in (a, b)]
    if any(missing):
        return all(missing)
    return a == b or abs(a - b) <= tolerance


class Tally:
    """The table: tool, measure, and how its values compare."""

    def __init__(self, verbose):
        self.rows, self.used, self.verbose = {}, collections.Counter(), verbose

    def compare(self, tool, measure, query, theirs, ours, explanations=()):
        row = self.rows.setdefault((tool, measure), collections.Counter())
        row["queries"] += 1
        if same(theirs, ours):
            row["equal"] += 1
            return
        for name, explained in explanations:
            assert name in CONVENTIONS, name
            if explained():
                row["explained"] += 1
                row["by", name] += 1
                self.used[name] += 1
                return
        row["different"] += 1
        if self.verbose or row["different"] == 1:
            print(f"DIFFERENT {tool} {measure}, query {query}: {tool} has {theirs!r}, xlrun {ours!r}")

    def report(self):
        """Prints the table and tells whether it is as it must be."""
        good = True
        print(f"{'tool':<34} {'measure':<26} {'queries':>7} {'equal':>7} {'explained':>9} {'different':>9}  convention")
        for (tool, measure), row in self.rows.items():
            by = ", ".join(k[1] for k in row if isinstance(k, tuple))
            print(f"{tool:<34} {measure:<26} {row['queries']:>7} {row['equal']:>7} {row['explained']:>9} {row['different']:>9}  {by}")
            if row["different"]:
                good = False
            minimum = MINIMUM_ACCURACY if measure.startswith("Accuracy") else MINIMUM
            if row["queries"] < minimum:
                print(f"TOO FEW: {tool} {measure} was compared with {row['queries']} queries, want {minimum}")
                good = False
        print()
        for name, text in CONVENTIONS.items():
            print(f"{name}: {text}; {self.used[name]} values")
            if not self.used[name]:
                print(f"UNUSED: nothing is explained by {name}")
                good = False
        total = sum((row for row in self.rows.values()), collections.Counter())
        print(f"\n{total['queries']} values of {len(self.rows)} measures: {total['equal']} equal, {total['explained']} explained, {total['different']} different")
        return good


def check_pytrec_eval(xlrun, data, tally):
    """pytrec_eval holds trec_eval 9, so 32-bit scores."""
    import pytrec_eval
    from importlib import metadata

    tool = "pytrec_eval (terrier " + metadata.version("pytrec_eval-terrier") + ")"
    cut = ".1,3,5,10,20,100"
    asked = [
        "num_ret", "num_rel", "num_rel_ret", "map", "Rprec", "bpref", "recip_rank", "infAP", "11pt_avg", "ndcg", "ndcg_rel", "Rndcg",
        "binG", "G", "set_P", "set_recall", "set_relative_P", "set_map", "set_F", "num_nonrel_judged_ret", "utility",
        "iprec_at_recall", "Rprec_mult", "P" + cut, "recall" + cut, "ndcg_cut" + cut, "map_cut" + cut, "relative_P" + cut, "success" + cut,
    ]
    data = without_crashes(data)
    plain = {q: dict(r) for q, r in data.run.items()}
    for level in (1, 2, 3):
        for judged in (False, True):
            theirs = pytrec_eval.RelevanceEvaluator(data.qrels, asked, relevance_level=level, judged_docs_only_flag=judged).evaluate(plain)
            options = ["-ties", "trec9", "-l", str(level)] + (["-J"] if judged else [])
            ours = xlrun.evaluate(data, asked, *options)
            for query, values in theirs.items():
                for name, value in values.items():
                    explain = []
                    if judged and not any(data.qrels[query].get(d, -1) >= 0 for d in data.run[query]):
                        explain = [("precision of nothing", lambda: math.isnan(value) and (name.startswith("iprec") or name == "11pt_avg"))]
                    tally.compare(tool, name.rstrip("0123456789.").rstrip("_") if name != "11pt_avg" else name, query, value, ours[query].get(name), explain)


def all_relevant(judged, docs):
    """Whether what one of the measures Accuracy looks at is all relevant."""
    return any(all(judged.get(d, 0) >= rel for d in docs[:k]) for k, rel in ((len(docs), 1), (5, 1), (10, 2)))


def default(measure):
    return measure.DEFAULT


def found_only(data, query, rel):
    judged, found, total = data.qrels[query], 0, 0.0
    for i, doc in enumerate(as_given(query, data.run.get(query, {}))):
        if judged.get(doc, 0) >= rel:
            found += 1
            total += found / (i + 1)
    return total / found if found else 0.0


# Providers of ir_measures with the order in which they see a ranking.
PROVIDERS = {
    "pytrec_eval": None,
    "judged": ("ties ascending", ascending64),
    "msmarco": ("ties ascending", ascending64),
    "compat": ("ties ascending", ascending64),
    "accuracy": ("ties as given", as_given),
    "cwl_eval": ("ties as given", as_given),
    "gdeval": None,
}

IR_MEASURES = [
    "nDCG", "nDCG@1", "nDCG@5", "nDCG@10", "nDCG@100", "nDCG(dcg='exp-log2')@5", "nDCG(dcg='exp-log2')@20", "nDCG(gains={0:0,1:1,2:5})@10",
    "nDCG(judged_only=True)@10", "AP", "AP@5", "AP(rel=2)", "AP(rel=2)@10", "AP(judged_only=True)", "RR", "RR@5", "RR(rel=2)", "RR(rel=2)@3",
    "P@1", "P@5", "P(rel=2)@10", "P@100", "R@1", "R@10", "R(rel=2)@5", "R(judged_only=True)@10", "Success@1", "Success(rel=2)@5", "Rprec", "Rprec(rel=2)",
    "Bpref", "Bpref(rel=2)", "infAP", "infAP(rel=2)", "IPrec@0.0", "IPrec@0.3", "IPrec(rel=2)@0.5", "SetP", "SetP(rel=2)", "SetP(relative=True)",
    "SetR", "SetR(rel=2)", "SetF", "SetF(beta=2.0)", "SetAP", "SetAP(rel=2)", "Judged@1", "Judged@5", "Judged@100", "NumQ", "NumRel", "NumRet", "NumRet(rel=1)",
    "NumRet(rel=2)", "RBP(p=0.8,rel=1)", "RBP(p=0.5,rel=2)", "ERR@5", "ERR@20", "Accuracy", "Accuracy@5", "Accuracy(rel=2)@10", "Compat(p=0.95)", "Compat(p=0.8)",
    "Compat(p=0.8,normalize=False)",
]


def check_ir_measures(xlrun, data, tally):
    import ir_measures

    version = ir_measures.__version__
    measures = [ir_measures.parse_measure(m) for m in IR_MEASURES]
    logging.getLogger("ir_measures").setLevel("ERROR")
    everything = data
    for name, convention in PROVIDERS.items():
        data = without_crashes(everything) if name == "pytrec_eval" else everything
        if name == "cwl_eval":  # it takes an eighth of a second for a query
            some = set(list(data.qrels)[:240])
            data = Data({q: j for q, j in data.qrels.items() if q in some}, {q: r for q, r in data.run.items() if q in some})
        if name == "accuracy":  # it divides by the documents that are not relevant
            data = Data(data.qrels, {q: r for q, r in data.run.items() if not all_relevant(data.qrels.get(q, {}), as_given(q, r))})
        qrels = [ir_measures.Qrel(q, d, g) for q, judged in data.qrels.items() for d, g in judged.items()]
        run = [ir_measures.ScoredDoc(q, d, s) for q, ranking in data.run.items() for d, s in ranking.items()]
        provider = ir_measures.providers.registry[name]
        if not provider.is_available():
            raise SystemExit(f"the provider {name} of ir_measures is not available: {provider.install_instructions() or ''}")
        mine = [(text, m) for text, m in zip(IR_MEASURES, measures) if provider.supports(m)]
        texts = [text for text, _ in mine]
        ties = "trec9" if name == "pytrec_eval" else "trec10"
        ours = xlrun.evaluate(data, texts, "-ties", ties)
        seen = data.ordered(convention[1]) if convention else None
        of = {m: text for text, m in mine}
        ordered = {}
        if name == "compat":
            for metric in provider.iter_calc([m for _, m in mine], qrels, [ir_measures.ScoredDoc(q, d, s) for q, r in seen.run.items() for d, s in r.items()]):
                ordered[metric.query_id, of[metric.measure]] = metric.value
        for metric in provider.iter_calc([m for _, m in mine], qrels, run):
            query, text, value = metric.query_id, of[metric.measure], metric.value
            value = None if value is None else float(value)
            explain = []
            if convention:
                again = xlrun.evaluate(seen, texts, "-ties", "trec10")
                explain.append((convention[0], lambda: same(value, again[query].get(text))))
            if name == "cwl_eval" and text.startswith("AP"):
                explain.append(("AP over what was found", lambda: same(value, found_only(data, query, 2 if "rel=2" in text else 1))))
            if name == "gdeval":
                explain.append(("five decimals", lambda: same(value, ours[query].get(text), 0.5e-5 + TOLERANCE)))
            if query not in data.run or not data.run[query]:
                explain.append(("missing is default", lambda: same(value, default(metric.measure))))
            if name == "compat":
                explain.append(("order of judgments", lambda: same(ordered[query, text], xlrun.evaluate(seen, texts, "-ties", "trec10")[query].get(text))))
            tally.compare(f"ir_measures {version}, {name}", text, query, value, ours.get(query, {}).get(text), explain)


def check_ranx(xlrun, data, tally):
    import ranx
    from importlib import metadata

    version = metadata.version("ranx")
    pairs = {
        "hit_rate@5": "Success@5", "hit_rate@10-l2": "Success(rel=2)@10", "precision@1": "P@1", "precision@5": "P@5", "precision@10-l2": "P(rel=2)@10",
        "recall@5": "R@5", "recall@100": "R@100", "recall@10-l2": "R(rel=2)@10", "r-precision": "Rprec", "mrr": "RR", "mrr@5": "RR@5", "mrr@10-l2": "RR(rel=2)@10",
        "map": "AP", "map@5": "AP@5", "map@10-l2": "AP(rel=2)@10", "ndcg": "nDCG", "ndcg@5": "nDCG@5", "ndcg@100": "nDCG@100",
        "ndcg_burges@5": "nDCG(dcg='exp-log2')@5", "f1": "SetF", "precision": "SetP", "recall": "SetR",
    }
    both = sorted(set(data.qrels) & {q for q, r in data.run.items() if r})
    qrels = ranx.Qrels({q: data.qrels[q] for q in both})
    run = ranx.Run({q: dict(data.run[q]) for q in both})
    run.sort()
    order = {q: list(r) for q, r in run.to_dict().items()}
    seen = Data(data.qrels, {q: data.run[q] for q in both}).ordered(lambda q, r: order[q])
    ranx.evaluate(qrels, run, list(pairs), return_mean=False, save_results_in_run=True)
    texts = list(pairs.values())
    ours, again = xlrun.evaluate(data, texts, "-ties", "trec10"), xlrun.evaluate(seen, texts, "-ties", "trec10")
    for name, text in pairs.items():
        for query in both:
            value = float(run.scores[name][query])
            explain = [("ties as sorted by ranx", lambda: same(value, again[query].get(text)))]
            tally.compare(f"ranx {version}", name, query, value, ours[query].get(text), explain)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("xlrun")
    parser.add_argument("-queries", type=int, default=600)
    parser.add_argument("-seed", type=int, default=1)
    parser.add_argument("-verbose", action="store_true", help="print every difference, not only the first of a measure")
    args = parser.parse_args()
    data = make_data(args.queries, args.seed)
    xlrun, tally = XLRun(args.xlrun), Tally(args.verbose)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for check in (check_pytrec_eval, check_ir_measures, check_ranx):
            start = time.monotonic()
            check(xlrun, data, tally)
            print(f"{check.__name__}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    sys.exit(0 if tally.report() else 1)


if __name__ == "__main__":
    main()
