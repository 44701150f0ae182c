# SPDX-License-Identifier: Apache-2.0
"""How much of a GPU cluster each placement policy gets into use: `ganglion sim trace` on the
published lists, means over seeds 42 to 51, beside the published means of the same policies ("Beware
of Fragmentation", USENIX ATC '23; random, bestfit and fgd check the protocol, FGD's figure is the peer
of policy ganglion). Time: the published simulator takes about 10 minutes a run on two cores.
The lists are read from $GANGLION_SHARED/data/openb, or ../shared beside the source tree; without
them there is nothing to run. usage: PROGRAM"""
import json
import os
import statistics
import subprocess
import sys

PROGRAM = os.path.abspath(sys.argv[1])
SHARED = os.environ.get("GANGLION_SHARED",
                        os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared"))
DATA = os.path.join(SHARED, "data/openb")
SEEDS = range(42, 44 if os.environ.get("GANGLION_BENCH_QUICK") else 52)
PUBLISHED_RUN_S = 600

# Per list and policy: per cent allocated when 100 and when 130 per cent have arrived.
PUBLISHED = {
    "default": {"random": (86.30, 87.47), "bestfit": (92.86, 93.08), "fgd": (95.23, 95.39)},
    "cpu100": {"random": (87.44, 89.11), "bestfit": (93.26, 93.44), "fgd": (95.21, 95.35)},
    "gpushare40": {"random": (84.86, 86.00), "bestfit": (91.44, 91.69), "fgd": (93.96, 94.15)},
    "gpuspec20": {"random": (85.90, 87.24), "bestfit": (88.46, 93.30), "fgd": (94.66, 94.84)},
    "multigpu30": {"random": (86.63, 89.27), "bestfit": (94.57, 94.72), "fgd": (96.36, 96.46)},
}


def run(pods, policy, seed):
    out = subprocess.run([PROGRAM, "sim", "trace", "--nodes", f"{DATA}/openb_node_list_gpu_node.csv",
                          "--pods", pods, "--policy", policy, "--seed", str(seed), "--format", "json"],
                         check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


def line(metric, value, unit, peer, peer_value):
    print(json.dumps({"bench": "placement", "metric": metric, "value": round(value, 3), "unit": unit,
                      "peer": peer, "peer_value": peer_value,
                      "ratio": round(value / peer_value, 4)}), flush=True)


def main():
    if not os.path.isdir(DATA):
        print(f"no {DATA}: nothing to run", file=sys.stderr)
        return
    for name, published in PUBLISHED.items():
        pods = f"{DATA}/openb_pod_list_{name}.csv"
        for policy in ("random", "bestfit", "fgd", "ganglion"):
            runs = [run(pods, policy, seed) for seed in SEEDS]
            peer = published.get(policy, published["fgd"])
            label = f"{policy if policy in published else 'fgd'}, published mean"
            for i, load in enumerate(("100", "130")):
                mean = statistics.mean(r["allocated"][load] for r in runs)
                line(f"{name} {policy} allocated at {load} %", mean, "%", label, peer[i])
            line(f"{name} {policy} one run", statistics.median(r["seconds"] for r in runs), "s",
                 "published simulator", PUBLISHED_RUN_S)


main()
