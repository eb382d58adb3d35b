"""Which reference models declare that they ignore the support: exactly those that do."""

import pytest

IGNORE = {
    "ensemble.Ensemble",
    "lstm.LSTM",
    "ngram.NGram",
    "transposed.Transposed",
    "unigram.Unigram",
    "uniform.Uniform",
}
USE = {
    "attention_ar.AttentionAR",
    "bayes_optimal.BayesOptimal",
    "dynamic_evaluation.DynamicEvaluation",
    "fine_tuning.FineTuning",
    "latent_attention.LatentAttention",
    "learned_optimizer.LearnedOptimizer",
    "lstm_concat.LSTMConcat",
    "maml.MAML",
    "mann.MANN",
    "matching.Matching",
    "meta_dynamic.MetaDynamic",
    "meta_loss.MetaLoss",
    "meta_lstm.MetaLSTM",
    "mixture.Mixture",
    "neural_cache.NeuralCache",
    "neural_statistician.NeuralStatistician",
    "ngram_cache.NGramCache",
    "oracle.Oracle",
    "pitman_yor.PitmanYor",
    "prototype.Prototype",
    "snail.SNAIL",
    "transformer_context.TransformerContext",
    "transformer_memory.TransformerMemory",
    "transformers_lm.TransformersLM",
    "two_caches.TwoCaches",
}


@pytest.mark.parametrize("name", sorted(IGNORE | USE))
def test_the_declaration(baseline, name):
    module, _, kind = name.partition(".")
    assert getattr(getattr(baseline(module), kind), "ignores_support", False) == (name in IGNORE)


def test_no_model_is_forgotten():
    from pathlib import Path

    files = {path.stem for path in (Path(__file__).parents[2] / "baselines").glob("*.py")}
    assert {name.partition(".")[0] for name in IGNORE | USE} == files
