package io.github.wandacuda.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.testing.FirstCases;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import io.github.wandacuda.testing.backend.TestedBackend;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Tokens one by one with a key-value cache, against whole sequences: the same bits on the CPU, on
 * GPUs within 2e-4, which is also how far the logits may be from those of transformers.
 */
@EachBackend(variants = TestedBackend.OPENCL_TILES)
class CachedDecoderTest {
  private static final double GPU = 2e-4;

  /** Those whose rotary embedding depends on the length of the sequence. */
  private static final Set<String> BY_LENGTH = Set.of("llama-dynamic", "phi3-longrope", "phimoe");

  private static final int PROMPT = 19;
  private static final int NEW = 8;

  private static final Set<String> ON_GPUS =
      Set.of(
          "llama-gqa",
          "gemma2",
          "bloom",
          "qwen2_moe",
          "falcon",
          "gpt_neox",
          "gpt_oss",
          "qwen3_next");

  private final OpenedBackend backend;

  CachedDecoderTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private Operations operations() {
    return backend.operations().getLast();
  }

  private Decoder open(ModelDirectory model, WeightKeeping keeping) {
    return DecoderFamilies.of(model.config()).open(model, operations(), keeping);
  }

  /** Returns the logits after each token of a sequence that is run as a whole. */
  private float[][] whole(Decoder decoder, int[] tokens) {
    Operations operations = operations();
    try (Tensor hidden = operations.tensor(tokens.length, decoder.hiddenSize())) {
      decoder.embed(tokens, tokens.length, hidden);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          block.forward(hidden, tokens.length, InputObserver.NONE);
        }
      }
      Tensor logits = decoder.logits(hidden);
      float[] all = new float[logits.rows() * logits.columns()];
      operations.download(logits, MemorySegment.ofArray(all));
      int width = logits.columns();
      float[][] rows = new float[tokens.length][];
      for (int row = 0; row < rows.length; row++) {
        rows[row] = Arrays.copyOfRange(all, row * width, (row + 1) * width);
      }
      return rows;
    }
  }

  /** Returns the logits after each prefix of a sequence, each run as a whole. */
  private float[][] prefixes(Decoder decoder, int[] tokens) {
    float[][] rows = new float[tokens.length][];
    for (int at = PROMPT - 1; at < tokens.length; at++) {
      rows[at] = whole(decoder, Arrays.copyOf(tokens, at + 1))[at];
    }
    return rows;
  }

  private void agree(String what, float[] found, float[] expected) {
    if (backend.which().isGpu()) {
      for (int id = 0; id < found.length; id++) {
        assertThat((double) found[id]).as(what).isCloseTo(expected[id], within(GPU));
      }
    } else {
      assertThat(found).as(what).isEqualTo(expected);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-gqa",
        "gemma2",
        "gpt_oss",
        "llama4_text",
        "gemma3_text",
        "llama-dynamic",
        "phi3-longrope",
        "qwen3_next",
        "bloom",
        "qwen2_moe",
        "falcon",
        "gemma",
        "gpt2",
        "gpt_neox",
        "gpt_neox-sequential",
        "llama-linear",
        "llama-mha",
        "llama3",
        "mistral",
        "mixtral",
        "opt",
        "opt-350m",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_5_text",
        "apertus",
        "cohere",
        "cohere2",
        "exaone4",
        "gemma3_text-pattern",
        "glm4",
        "granite",
        "hunyuan_v1_dense",
        "llama-yarn",
        "ministral3",
        "nemotron",
        "olmo2",
        "olmo3",
        "seed_oss",
        "smollm3",
        "stablelm",
        "starcoder2",
        "deepseek_v2",
        "deepseek_v3",
        "ernie4_5_moe",
        "glm4_moe",
        "granitemoe",
        "minimax_m2",
        "olmoe",
        "phimoe",
        "qwen3_moe"
      })
  @FirstCases(8)
  void tokensOneByOneGiveWhatTheWholePrefixGives(String family) {
    assumeTrue(
        !backend.which().isGpu() || ON_GPUS.contains(family),
        "skipped: GPUs, which tests emulate, take a family of each kind");
    int[] tokens = TestData.tokens(TestData.fixture(family).resolve("tokens.json")).getFirst();
    try (ModelDirectory model = ModelDirectory.open(TestData.fixture(family).resolve("model"));
        Decoder plain = open(model, WeightKeeping.WHILE_OPEN);
        Decoder resident = open(model, WeightKeeping.RESIDENT);
        CachedDecoder cached = new CachedDecoder(resident, tokens.length)) {
      float[][] expected = logits(family, plain, tokens);
      agree("after the prompt", cached.next(Arrays.copyOf(tokens, PROMPT)), expected[PROMPT - 1]);
      // Two and then one at a time, then back and once more, which the window mustn't notice.
      agree("after two", cached.next(tokens[PROMPT], tokens[PROMPT + 1]), expected[PROMPT + 1]);
      for (int at = PROMPT + 2; at < tokens.length; at++) {
        agree("after token " + at, cached.next(tokens[at]), expected[at]);
      }
      cached.truncate(PROMPT);
      agree("once more", cached.next(tokens[PROMPT]), expected[PROMPT]);
      cached.truncate(0);
      greedyTokensAreThoseOfTheWholePrefix(family, plain, cached, Arrays.copyOf(tokens, PROMPT));
    }
  }

  private float[][] logits(String family, Decoder decoder, int[] tokens) {
    return BY_LENGTH.contains(family) ? prefixes(decoder, tokens) : whole(decoder, tokens);
  }

  private void greedyTokensAreThoseOfTheWholePrefix(
      String family, Decoder plain, CachedDecoder cached, int[] prompt) {
    List<Integer> tokens =
        Generation.run(cached, prompt, NEW, Sampler.GREEDY, Set.of(), id -> {}).tokens();
    assertThat(tokens).hasSize(NEW);
    int[] all = Arrays.copyOf(prompt, prompt.length + NEW - 1);
    for (int at = prompt.length; at < all.length; at++) {
      all[at] = tokens.get(at - prompt.length);
    }
    float[][] logits = logits(family, plain, all);
    for (int index = 0; index < NEW; index++) {
      assertThat(tokens.get(index))
          .isEqualTo(Sampler.GREEDY.choose(logits[prompt.length - 1 + index]));
    }
  }
}
