package io.github.wandacuda.model.llama;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.testing.Pruning;
import io.github.wandacuda.testing.TestData;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The forward pass against the logits that Hugging Face transformers computed. */
class LlamaDecoderTest {
  private static final float TOLERANCE = 2e-4f;

  @ParameterizedTest
  @ValueSource(strings = {"llama-mha", "llama-gqa", "llama3", "llama-linear"})
  void logitsAgreeWithTransformers(String family) {
    Path fixture = TestData.fixture(family);
    Path model = fixture.resolve("model");
    float[] expected = TestData.floats(fixture.resolve("logits.safetensors"), "logits");
    List<int[]> samples = TestData.tokens(fixture.resolve("tokens.json"));
    try (Checkpoint checkpoint = Checkpoint.open(model);
        Backend backend = Pruning.cpu(2);
        LlamaDecoder decoder =
            new LlamaDecoder(
                LlamaConfig.of(ModelConfig.read(model)), checkpoint, backend.operations())) {
      for (int sample = 0; sample < samples.size(); sample++) {
        float[] found = logits(decoder, backend, samples.get(sample));
        int start = sample * found.length;
        for (int i = 0; i < found.length; i++) {
          assertThat(Math.abs(found[i] - expected[start + i]))
              .as("sample %d, logit %d", sample, i)
              .isLessThan(TOLERANCE);
        }
      }
    }
  }

  private static float[] logits(LlamaDecoder decoder, Backend backend, int[] tokens) {
    try (Tensor hidden = backend.operations().tensor(tokens.length, decoder.hiddenSize())) {
      decoder.embed(tokens, hidden);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          block.forward(hidden, tokens.length, InputObserver.NONE);
        }
      }
      Tensor logits = decoder.logits(hidden);
      float[] values = new float[logits.rows() * logits.columns()];
      backend.operations().download(logits, MemorySegment.ofArray(values));
      return values;
    }
  }
}
