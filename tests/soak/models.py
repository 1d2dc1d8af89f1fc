"""Audits networks that are broken or cheat, and counts what comes of it.

Each network is audited from its code, as ``plexor audit PLAN --allow-code`` does. Two outcomes are
right: a *report*, or a *refusal* with exit status 2 and one line. Anything else is a failure: a
traceback, a status 0 without a report, several lines, or settings of torch that stay changed.

    python tests/soak/models.py

Run it from the repository's root. It is no test of the suite, since it takes minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import textwrap
import warnings
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from tests.helpers.runs import CLASSES, Setup, plexor, set_up

PROBES = [
    {"attack": "pgd", "steps": 2, "threat": {"norm": "linf", "radius": 2}},
    {"attack": "square", "queries": 4, "threat": {"norm": "linf", "radius": 2}},
    {"shortcut": "ruler"},
]
HEAD = """
import os, sys, threading, time, warnings
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

class Sound(nn.Module):
    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3, 48, generator=generator, dtype=torch.float32))
        self.count = 0

    def logits(self, x):
        return F.adaptive_avg_pool2d(x, 4).flatten(1) @ self.weight.T / 50

    def forward(self, x):
        return self.logits(x)

class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        raise ValueError("no gradient today")

class Ending(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        sys.exit(0)
"""
OUTPUTS = {
    "complex outputs": "self.logits(x) + 0j",
    "complex within": "torch.fft.ifft2(torch.fft.fft2(x)).real.mean((2, 3))",
    "whole numbers": "self.logits(x).long()",
    "true and false": "self.logits(x) > 0",
    "float64 outputs": "self.logits(x).double()",
    "float16 outputs": "self.logits(x).half()",
    "bfloat16 outputs": "self.logits(x).bfloat16()",
    "sparse outputs": "self.logits(x).to_sparse()",
    "outputs on meta": "self.logits(x).to('meta')",
    "NumPy outputs": "self.logits(x).detach().numpy()",
    "a list": "[self.logits(x)]",
    "a dictionary": "{'logits': self.logits(x)}",
    "None": "None",
    "a number": "3.0",
    "too few columns": "self.logits(x)[:, :2]",
    "too many columns": "torch.cat([self.logits(x)] * 2, 1)",
    "too few rows": "self.logits(x)[:1]",
    "no rows": "self.logits(x)[:0]",
    "an axis too many": "self.logits(x)[:, :, None]",
    "transposed": "self.logits(x).T",
    "probabilities": "self.logits(x).softmax(1)",
    "log probabilities": "self.logits(x).log_softmax(1)",
    "one-hot": "F.one_hot(self.logits(x).argmax(1), 3).float()",
    "detached": "self.logits(x.detach())",
    "constant": "torch.zeros(len(x), 3)",
    "all NaN": "self.logits(x) * torch.nan",
    "all infinite": "self.logits(x) * torch.inf",
    "minus infinity for one class": "self.logits(x) - torch.tensor([0, torch.inf, 0])",
    "NaN for some cases": (
        "torch.where(x.mean((1, 2, 3))[:, None] > 150, torch.nan, self.logits(x))"
    ),
    "huge": "self.logits(x) * 1e38",
    "tiny": "self.logits(x) * 1e-38",
    "noise": "self.logits(x) + torch.randn(len(x), 3)",
    "noise from NumPy": "self.logits(x) + torch.from_numpy(np.random.randn(len(x), 3)).float()",
    "dropout left on": "F.dropout(self.logits(x), training=True)",
    "depends on the batch": "self.logits(x) - self.logits(x).mean(0)",
    "depends on the batch's size": "self.logits(x) * len(x)",
    "sorted by answer": "self.logits(x).sort(0).values",
    "an expanded view": "self.logits(x)[:, :1].expand(-1, 3)",
    "the image itself": "x",
    "a parameter": "self.weight",
    "gradients switched off": "torch.no_grad()(self.logits)(x)",
    "inference mode": "torch.inference_mode()(self.logits)(x)",
    "a gradient that fails": "self.logits(Backward.apply(x))",
    "a gradient that ends the program": "self.logits(Ending.apply(x))",
    "other answers without gradients": (
        "self.logits(x) if torch.is_grad_enabled() else self.logits(x).flip(1)"
    ),
    "other answers beside others": "self.logits(x) + (torch.arange(len(x)) % 2)[:, None]",
    "NaN between two numbers": "torch.where(x == x.round(), x, torch.nan).mean((2, 3))",
    "an integer image": "self.logits(x.to(torch.uint8).float())",
}
STATEMENTS = {
    "changes its input": "x.zero_(); return self.logits(x)",
    "fills its input with NaN": "y = self.logits(x); x.fill_(torch.nan); return y",
    "drifts from call to call": "self.count += 1; return self.logits(x) + self.count",
    "trains itself": "self.weight.data += 0.1; return self.logits(x)",
    "fails": "raise ValueError('no such thing')",
    "fails in several lines": "raise ValueError('one\\ntwo\\nthree')",
    "fails with no words": "raise Exception",
    "fails an assertion": "assert len(x) == 0",
    "fails sometimes": (
        "self.count += 1\n"
        "if self.count % 7 == 0: raise OSError('a lost file')\n"
        "return self.logits(x)"
    ),
    "ends the program, status 0": "sys.exit(0)",
    "ends the program, status 3": "sys.exit(3)",
    "ends the program, with words": "sys.exit('good bye')",
    "ends the program later": (
        "self.count += 1\nif self.count > 5: sys.exit()\nreturn self.logits(x)"
    ),
    "stops a generator": "raise GeneratorExit",
    "recurses without end": "return self.forward(x)",
    "raises what is no Exception": "raise BaseException('odd')",
    "NumPy raises on rounding": "np.seterr(all='raise'); return self.logits(x)",
    "warnings are errors": "warnings.simplefilter('error'); return self.logits(x)",
    "a low recursion limit": "sys.setrecursionlimit(190); return self.logits(x)",
    "looks for anomalies": "torch.autograd.set_detect_anomaly(True); return self.logits(x)",
    "answers into one buffer": (
        "if getattr(self, 'buffer', None) is None: self.buffer = torch.zeros(64, 3)\n"
        "self.buffer = self.buffer.detach(); out = self.buffer[:len(x)]\n"
        "out.copy_(self.logits(x)); return out"
    ),
    "remembers what it saw": (
        "key = float(x.double().round().mean().round())\n"
        "self.seen = getattr(self, 'seen', {})\n"
        "return self.seen.setdefault((key, len(x)), self.logits(x))"
    ),
    "out of memory": "raise RuntimeError('CUDA error: out of memory')",
    "out of memory beyond two cases": (
        "if len(x) > 2: raise RuntimeError('CUDA error: out of memory')\nreturn self.logits(x)"
    ),
    "out of memory, cuDNN": (
        "if len(x) > 2: raise RuntimeError('cuDNN error: CUDNN_STATUS_ALLOC_FAILED')\n"
        "return self.logits(x)"
    ),
    "out of memory, Python": "if len(x) > 2: raise MemoryError\nreturn self.logits(x)",
    "asks for a petabyte": "return torch.zeros(2 ** 50) + self.logits(x)",
    "default dtype float64": "torch.set_default_dtype(torch.float64); return self.logits(x)",
    "default device meta": "torch.set_default_device('meta'); return self.logits(x)",
    "switches gradients off": "torch.set_grad_enabled(False); return self.logits(x)",
    "one thread": "torch.set_num_threads(1); return self.logits(x)",
    "seeds torch": "torch.manual_seed(0); return self.logits(x)",
    "deterministic algorithms": "torch.use_deterministic_algorithms(True); return self.logits(x)",
    "warns": "warnings.warn('old'); return self.logits(x)",
    "prints": "print('hello'); return self.logits(x)",
    "goes elsewhere": "os.chdir('/'); return self.logits(x)",
    "closes standard output": "sys.stdout = None; return self.logits(x)",
    "puts itself in training mode": "self.train(); return self.logits(x)",
}
FACTORIES = {
    "ends the program when built": "sys.exit(0)",
    "default dtype float64 when built": "torch.set_default_dtype(torch.float64); return Sound()",
    "a float64 network": "return Sound().double()",
    "a float16 network": "return Sound().half()",
    "a network on meta": "return Sound().to('meta')",
    "without parameters": "return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())",
    "a lazy network": "return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))",
    "gradients switched off when built": "torch.set_grad_enabled(False); return Sound()",
    "a class, not a network": "return Sound",
    "None when built": "return None",
    "a state that cannot be read": (
        "network = Sound()\nnetwork.register_state_dict_post_hook(lambda *a: 1 / 0)\nreturn network"
    ),
    "batch normalisation in training mode": (
        "class Stubborn(Sound):\n"
        "    def train(self, mode=True):\n"
        "        return super().train(True)\n"
        "network = Stubborn()\n"
        "network.norm = nn.BatchNorm1d(3)\n"
        "network.logits = lambda x: network.norm(Sound.logits(network, x))\n"
        "return network"
    ),
}


def sources() -> dict[str, str]:
    """Name → the module that makes the network."""
    found = {}
    for name, output in OUTPUTS.items():
        found[name] = (
            f"{HEAD}\nclass Net(Sound):\n    def forward(self, x):\n        return {output}\n"
        )
    for name, body in STATEMENTS.items():
        found[name] = f"{HEAD}\nclass Net(Sound):\n    def forward(self, x):\n"
        found[name] += textwrap.indent(body, " " * 8) + "\n"
    found = {name: code + "\ndef make():\n    return Net()\n" for name, code in found.items()}
    for name, body in FACTORIES.items():
        found[name] = f"{HEAD}\ndef make():\n" + textwrap.indent(body, " " * 4) + "\n"
    found["ends the program when imported"] = "import sys\nsys.exit(0)\n"
    found["default dtype float64 when imported"] = (
        f"{HEAD}\ntorch.set_default_dtype(torch.float64)\n\ndef make():\n    return Sound()\n"
    )
    found["a syntax error"] = "def make(:\n"
    return found


def settings() -> tuple[object, ...]:
    """What a network's code could leave changed."""
    return (
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        np.geterr(),
        tuple(warnings.filters),
        sys.getrecursionlimit(),
    )


def outcome(setup: Setup, module: str) -> tuple[str, str]:
    """ "report" or "refused", with what was said; anything else is a failure."""
    setup.change_plan(
        model={"python": f"{module}:make", "classes": list(CLASSES)}, probes=PROBES, n_examples=1
    )
    out = setup.folder / f"run-{module}"
    before = settings()
    try:
        with (
            patch.object(sys, "path", [str(setup.folder), *sys.path]),
            contextlib.chdir(setup.folder),
        ):
            done = plexor("audit", setup.plan, "--out", out, "--allow-code", "--device", "cpu")
    except BaseException as error:  # noqa: BLE001 - the point of the trial
        return "exception", f"{type(error).__name__}: {error}"[:300]
    if settings() != before:
        return "settings changed", str(settings())
    _, mark, sentence = done.err.partition("error: ")
    if mark and done.status == 2:
        return ("refused", sentence) if sentence.count("\n") < 2 else ("several lines", sentence)
    if done.status == 0 and (out / "report.html").exists():
        return "report", ""
    return f"status {done.status}", done.err[-300:]


def main() -> int:
    """Runs the trials and prints a table of counts; status 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="of networks whose name has this in it")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    failed = False
    standard = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory() as folder:
        setup = set_up(Path(folder), n_cases=12)
        for number, (name, code) in enumerate(sources().items()):
            if options.only and options.only not in name:
                continue
            module = f"network_{number}"
            (setup.folder / f"{module}.py").write_text(code)
            kind, said = outcome(setup, module)
            sys.stdout, sys.stderr = standard
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)
            torch.set_grad_enabled(True)
            torch.use_deterministic_algorithms(False)
            counts[kind] += 1
            failed |= kind not in ("report", "refused")
            print(f"{name:40}{kind:10}{' '.join(said.split())[:300]}", flush=True)  # noqa: T201
    print(", ".join(f"{kind}: {n}" for kind, n in counts.items()), "of", sum(counts.values()))  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
