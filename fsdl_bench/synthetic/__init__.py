"""The synthetic tracks: a hierarchical Dirichlet-multinomial Markov model whose truth is known."""

from fsdl_bench.synthetic.chain import Predictive
from fsdl_bench.synthetic.model import SyntheticModel, synthetic_model

__all__ = ["Predictive", "SyntheticModel", "synthetic_model"]
