# SPDX-License-Identifier: MIT
"""pt.py - the vector 0, 1.5, 3, 4.5, 6 in every shape of torch.save that --import reads.

    python3 t/gold/pt.py            (needs torch)
"""
import os

import torch

here = os.path.dirname(os.path.abspath(__file__))
x = torch.arange(5.0) * 1.5


class Selector(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(x.clone())


for name, value in {"tensor": x, "dict": {"logits": x}, "param": Selector().logits, "state": Selector().state_dict(),
                    "slice": (torch.arange(-3.0, 9.0) * 1.5)[3:8]}.items():
    torch.save(value, os.path.join(here, "pt-%s.pt" % name))
