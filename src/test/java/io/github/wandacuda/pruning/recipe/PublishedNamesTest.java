package io.github.wandacuda.pruning.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.error.UsageException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A name from the literature that stands behind the wrong option leads to the right one. */
class PublishedNamesTest {
  @ParameterizedTest
  @CsvSource({
    "alps, ALPS is `update` alps",
    "ALPS, ALPS is `update` alps",
    "realign, realign is `update` realign",
    "tune, tune is `update` tune",
    "admm, the nearest is `update` alps",
    "dsnot, the nearest is `refine` swaps",
    "gptq, `method` sparsegpt fits kept weights in the same way",
    "AWQ, AWQ quantizes weights",
    "flap, `structure` channels or heads with `score` flap",
    "reap, REAP is `structure` experts",
    "owl, OWL is `allocation` owl",
    "besa, the nearest is `allocation` owl",
    "shortgpt, `structure` blocks with `score` influence",
    "wanda++, `method` wanda with `update` tune",
    "Sparse_GPT, did you mean 'sparsegpt'?",
    "LLM-Pruner, the nearest is `structure` channels or heads",
    "2:4, `pattern` 2:4"
  })
  void aMethodsNameSaysItsOption(String name, String hint) {
    assertThatThrownBy(() -> MethodKey.METHOD.read(name, "--method"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(hint);
  }

  @ParameterizedTest
  @ValueSource(strings = {"sparsegpt", "wanda", "ria", "dsnot", "gptq", "admm", "owl", "flap"})
  void anUpdatesNameDoesToo(String name) {
    assertThatThrownBy(() -> MethodKey.UPDATE.read(name, "--update"))
        .isInstanceOf(UsageException.class)
        .hasMessageMatching(".*found '" + name + "'; .*`[a-z]+` [a-z]+.*");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fit", "xyz", ""})
  void anUnknownWordSaysNothing(String word) {
    assertThat(PublishedNames.hint(word, MethodKey.UPDATE.words())).isNull();
  }
}
