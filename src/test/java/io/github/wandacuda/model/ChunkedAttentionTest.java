package io.github.wandacuda.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.model.family.LlamaStyle;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/**
 * Attention within chunks. Rotary embeddings tell distances alone, so a chunk's tokens get what
 * they would get as a sequence of their own.
 */
@EachBackend
class ChunkedAttentionTest {
  private static final Path MODEL = TestData.fixture("llama-gqa").resolve("model");
  private static final int CHUNK = 7;
  private static final int LENGTH = 3 * CHUNK + 2;

  private final OpenedBackend backend;

  ChunkedAttentionTest(OpenedBackend backend) {
    this.backend = backend;
  }

  private Operations operations() {
    return backend.operations().getLast();
  }

  private Decoder decoder(ModelDirectory model) {
    LlamaStyle style = new LlamaStyle(model.config(), 0, 1e-6);
    style.chunk = block -> CHUNK;
    return new Decoder(style.decoder(), model, operations(), WeightKeeping.WHILE_OPEN);
  }

  /** Returns the hidden states of sequences out of the last block, one after the other. */
  private float[] states(Decoder decoder, int[] tokens, int length) {
    try (Tensor hidden = operations().tensor(tokens.length, decoder.hiddenSize())) {
      decoder.embed(tokens, length, hidden);
      for (int index = 0; index < decoder.blocks(); index++) {
        try (Block block = decoder.block(index)) {
          block.forward(hidden, length, InputObserver.NONE);
        }
      }
      return downloaded(hidden);
    }
  }

  private float[] downloaded(Tensor tensor) {
    float[] values = new float[tensor.rows() * tensor.columns()];
    operations().download(tensor, MemorySegment.ofArray(values));
    return values;
  }

  private static int[] tokens(int from, int count) {
    int[] tokens = TestData.tokens(TestData.fixture("llama-gqa").resolve("tokens.json")).getFirst();
    return Arrays.copyOfRange(tokens, from, from + count);
  }

  @Test
  void aChunkIsASequenceOfItsOwn() {
    try (ModelDirectory model = ModelDirectory.open(MODEL);
        Decoder decoder = decoder(model)) {
      int[] two = Arrays.copyOf(tokens(0, LENGTH), 2 * LENGTH);
      System.arraycopy(tokens(9, LENGTH), 0, two, LENGTH, LENGTH);
      float[] found = states(decoder, two, LENGTH);
      for (int start = 0; start < two.length; start += LENGTH) {
        for (int from = start; from < start + LENGTH; from += CHUNK) {
          int end = Math.min(from + CHUNK, start + LENGTH);
          float[] own = states(decoder, Arrays.copyOfRange(two, from, end), end - from);
          for (int i = 0; i < own.length; i++) {
            assertThat(found[from * decoder.hiddenSize() + i]).isCloseTo(own[i], within(1e-4f));
          }
        }
      }
    }
  }

  @Test
  void aCacheGivesWhatTheWholeSequenceGivesAcrossChunks() {
    try (ModelDirectory model = ModelDirectory.open(MODEL);
        Decoder decoder = decoder(model);
        KeyValueCache cache = decoder.cache(LENGTH)) {
      int[] all = tokens(0, LENGTH);
      float[] expected = states(decoder, all, LENGTH);
      for (int count : new int[] {CHUNK - 1, 1, 1, 2 * CHUNK + 1}) {
        int past = cache.length();
        try (Tensor hidden = operations().tensor(count, decoder.hiddenSize())) {
          decoder.embedNext(Arrays.copyOfRange(all, past, past + count), past, hidden);
          for (int index = 0; index < decoder.blocks(); index++) {
            try (Block block = decoder.block(index)) {
              block.extend(hidden, cache);
            }
          }
          cache.append(count);
          float[] found = downloaded(hidden);
          float allowed = backend.which().isGpu() ? 1e-4f : 0;
          for (int i = 0; i < found.length; i++) {
            assertThat(found[i])
                .isCloseTo(expected[past * decoder.hiddenSize() + i], within(allowed));
          }
        }
      }
      assertThat(cache.length()).isEqualTo(LENGTH);
    }
  }
}
