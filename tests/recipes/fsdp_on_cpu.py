"""A recipe under FSDP on CPU processes: `fsdp_on_cpu.py SCRIPT ARGUMENTS…`, launched by torchrun.

accelerate offers FSDP on accelerators only, though PyTorch shards over gloo as well. The one decision that it takes by the kind of
device is taken again here; the rest, from wrapping to gathering and saving, is accelerate's own code as on GPUs. Each process writes what
it holds of each parameter to the file that PRECEPTS_SHARDS names.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType
from torch.distributed.tensor import DTensor
from transformers import Trainer

_init = AcceleratorState.__init__


def init(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
    _init(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU and fsdp_plugin is not None:
        self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
        self.fsdp_plugin = fsdp_plugin


_training_step = Trainer.training_step


def training_step(self: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
    """A step as it is, after which the shards are told."""
    loss = _training_step(self, model, *args, **kwargs)
    shards = {
        name: {"local": p.to_local().numel() if isinstance(p, DTensor) else None, "whole": p.numel()}
        for name, p in model.named_parameters()
    }
    Path(f"{os.environ['PRECEPTS_SHARDS']}.{os.environ['RANK']}").write_text(json.dumps(shards))
    return loss


AcceleratorState.__init__ = init
Trainer.training_step = training_step
sys.argv = sys.argv[1:]
sys.path.insert(0, str(Path(sys.argv[0]).parent))
runpy.run_path(sys.argv[0], run_name="__main__")
