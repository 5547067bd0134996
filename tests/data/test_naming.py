"""What names of columns say, as papers, trackers and the benchmark write them."""

import pytest

from sldagent.data.naming import Meaning, guess_by_name, words_of

CAUSES = {
    "size": (
        "params N n_params model_size nonVocabParameters "
        "dense_parameter_count active_params active_M n_nonemb"
    ),
    "data": (
        "tokens D data_size num_characters trainTokens tok_B images "
        "num_episodes n_users n_rows dataset_size_GB rounds n_docs"
    ),
    "unique_data": "unique_tokens U D_U distinct_examples uniqTok",
    "rate": "lr learning_rate peak_lr learningRate weight_decay",
    "batch": "bsz batch_size global_batch batchsize",
    "fraction": "proportion_domain_1 web_share code_ratio dropout pct_math",
    "logged": "log_flops log10_C logN ln_params",
    "count": (
        "num_experts vocab_size n_layers d_model parallel_size epochs "
        "num_inference_steps hash_dim n_feats w_bits"
    ),
}
MEANINGS = {
    Meaning.DERIVED: (
        "flops C compute tokens_per_param residuesPerParam size_MB train_gflops totalPFLOPs macs"
    ),
    Meaning.STEP: "step _step global_step train/global_step iteration",
    Meaning.RESULT: (
        "loss val/loss train_loss ppl accuracy eval/nll top5 "
        "HR@10 FID-50k mean_return val_sd test_acc_sem contactP@L MASE resp_len"
    ),
    Meaning.RUN: "run run_id Name id experiment hash",
    Meaning.LABEL: "dataset_name env_id",
    Meaning.SEED: "seed data_seed random_state rep fold",
    Meaning.STATE: "State status",
    Meaning.CLOCK: "Wall_time _timestamp _runtime Created gpu_hours date fit_s wall_h train_hrs",
    Meaning.NOTE: (
        "usd cost price_eur grad_norm tokens_per_sec Notes Tags tokens/s s/it git_commit best_ckpt "
        "qps max_rss_gb"
    ),
}


@pytest.mark.parametrize(
    ("role", "name"), [(role, name) for role, names in CAUSES.items() for name in names.split()]
)
def test_causes(role: str, name: str) -> None:
    guess = guess_by_name(name)
    assert guess is not None
    assert (guess.meaning, guess.role) == (Meaning.CAUSE, role)


@pytest.mark.parametrize(
    ("meaning", "name"), [(m, name) for m, names in MEANINGS.items() for name in names.split()]
)
def test_other_columns(meaning: Meaning, name: str) -> None:
    guess = guess_by_name(name)
    assert guess is not None
    assert guess.meaning is meaning


@pytest.mark.parametrize("name", ["group", "corpus", "optimizer", "x1", "alpha", "", "№"])
def test_names_that_say_nothing(name: str) -> None:
    assert guess_by_name(name) is None


def test_units_of_names() -> None:
    units = {
        "params_M": "millions of parameters", "Tokens (B)": "billions of tokens",
        "train_tokens": "tokens", "flops": "FLOPs", "log10_flops": "log10", "N": "parameters",
    }  # fmt: skip
    assert {name: guess.unit for name in units if (guess := guess_by_name(name))} == units
    assert words_of("nonEmbedding_params(M)") == ["non", "embedding", "params", "m"]
